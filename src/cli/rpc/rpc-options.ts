/**
 * Options of `lunlog rpc` itself: rpc.py's in front of the method, and the long ones behind it too. `-r` is both: the
 * path of the socket, as everywhere in lunlog, or with a number how often to try to connect, as with rpc.py.
 */
import { isIP } from "node:net"
import { Result } from "effect"
import { defaultSocketPath } from "../../rpc/socket-path.ts"
import { durationMillisMax, parseDuration } from "../duration.ts"
import { type OptionSpec, type ParsedOptions, parseOptions } from "../serve/spdk-options.ts"
import { callTimeoutMillis } from "./rpc-call.ts"

/** What holds for all calls of a command line. */
export interface RpcOptions {
  readonly socket: string
  readonly timeoutMillis: number
  /** How often to try again when nobody serves the socket. */
  readonly retries: number
  /** Results as JSON, whatever the method. */
  readonly json: boolean
  /** Requests and answers on stderr. */
  readonly verbose: boolean
  readonly dryRun: boolean
  /** Go on after a failure, and end every command's output with `**STATUS=0` or `**STATUS=1`. */
  readonly server: boolean
  readonly help: boolean
}

const option = (long: string, short: string | undefined, value: string | undefined, help: string): OptionSpec => ({
  long,
  short,
  value,
  help
})

/** In the order of the help. */
export const rpcOptionSpecs: ReadonlyArray<OptionSpec> = [
  option("rpc-socket", "s", "PATH", `control socket (LUNLOG_SOCKET, else ${defaultSocketPath})`),
  option("retries", "r", "PATH|N", "a path: the same; a number: try as often to connect, every 0.2 s"),
  option("timeout", "t", "TIME", "how long to wait for an answer: 60 (seconds), 500ms, 2m (default 60s)"),
  option("json", undefined, undefined, "results as JSON, also those that are not printed otherwise"),
  option("verbose", "v", undefined, "requests and answers on stderr"),
  option("dry-run", undefined, undefined, "print the request, and send nothing"),
  option("server", undefined, undefined, "commands from stdin; go on after a failure, end each with **STATUS=0 or 1"),
  option("help", "h", undefined, "this, or a method's arguments")
]

const timeoutOf = (text: string): number | undefined => {
  const seconds = /^\d{1,6}(?:\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : undefined
  if (seconds === undefined) return parseDuration(text)
  return seconds >= 1 && seconds <= durationMillisMax ? seconds : undefined
}

const retriesMax = 10_000

const optionsOf = ({ given, values }: ParsedOptions): Result.Result<RpcOptions, string> => {
  const pathOrCount = values.get("retries")
  const isCount = pathOrCount !== undefined && /^\d{1,9}$/.test(pathOrCount)
  const path = values.get("rpc-socket") ?? (isCount ? undefined : pathOrCount)
  if (path !== undefined && isIP(path) !== 0) {
    return Result.fail(`-s ${path}: there is no TCP; give the path of a UNIX socket, or use HTTP (docs/http.md)`)
  }
  const time = values.get("timeout")
  const timeoutMillis = time === undefined ? callTimeoutMillis : timeoutOf(time)
  if (timeoutMillis === undefined) {
    return Result.fail(`--timeout "${time}" is no duration; write 60 (seconds), 500ms, 40s or 2m (at most 60m)`)
  }
  return Result.succeed({
    socket: path ?? process.env["LUNLOG_SOCKET"] ?? defaultSocketPath,
    timeoutMillis,
    retries: isCount ? Math.min(Number(pathOrCount), retriesMax) : 0,
    json: given.has("json"),
    verbose: given.has("verbose"),
    dryRun: given.has("dry-run"),
    server: given.has("server"),
    help: given.has("help")
  })
}

/** Names whose long form may also stand behind the method. */
const anywhere = rpcOptionSpecs.filter(({ long }) => !["server", "help", "retries", "verbose"].includes(long))

/** Takes the long options of `lunlog rpc` out of a method's arguments, unless the method has one of that name. */
const splitLong = (words: ReadonlyArray<string>, taken: ReadonlySet<string>): [Array<string>, Array<string>] => {
  const own: Array<string> = []
  const rest: Array<string> = []
  const open = [...words]
  for (let word = open.shift(); word !== undefined; word = open.shift()) {
    const name = /^--([a-z-]+)/.exec(word)?.[1] ?? ""
    const spec = taken.has(name) ? undefined : anywhere.find(({ long }) => long === name)
    if (spec === undefined) rest.push(word)
    else own.push(word, ...(spec.value === undefined || word.includes("=") ? [] : open.splice(0, 1)))
    if (word === "--") rest.push(...open.splice(0))
  }
  return [own, rest]
}

/** The options, the method's name and what belongs to it. `longsOf` are the method's own options. */
export const readRpcOptions = (
  args: ReadonlyArray<string>,
  longsOf: (method: string) => ReadonlySet<string>
): Result.Result<{ readonly options: RpcOptions; readonly words: ReadonlyArray<string> }, string> => {
  const front = parseOptions(args, rpcOptionSpecs, "end")
  if (front._tag === "Refused") return Result.fail(front.reason)
  const [method, ...behind] = front.options.operands
  if (method === undefined) return Result.map(optionsOf(front.options), (options) => ({ options, words: [] }))
  const isJson = /^[[{]|^-$/.test(behind[0] ?? "")
  // Behind JSON nothing can be meant for the method.
  const [own, rest] = isJson ? [behind.slice(1), behind.slice(0, 1)] : splitLong(behind, longsOf(method))
  const all = parseOptions([...args.slice(0, args.length - front.options.operands.length), ...own], rpcOptionSpecs)
  if (all._tag === "Refused") return Result.fail(all.reason)
  return Result.map(optionsOf(all.options), (options) => ({ options, words: [method, ...rest] }))
}
