/**
 * `save_config`, `load_config` and the two for one subsystem: commands of rpc.py's own, made of several calls. What
 * they write is SPDK's JSON configuration.
 */
import { readFile } from "node:fs/promises"
import { Console, Effect, Result, Schema } from "effect"
import { printJson } from "../../rpc/json-print.ts"
import { readSpdkConfig, type SpdkConfigCall } from "../../rpc/SpdkConfigFile.ts"
import { CliFailure } from "../CliFailure.ts"
import { progressBar } from "../config/progress.ts"
import { printPretty } from "../print-json.ts"
import { flag, type MethodForm, method, option, required } from "./arguments/MethodForm.ts"
import { commaList, integer, type Params, text } from "./arguments/value-kinds.ts"
import { readStdin } from "./rpc-request.ts"
import type { Call } from "./rpc-session.ts"

const indent = option(["i", "indent"], integer("N"), "spaces of indentation (2); below 0 for one line")
const file = option(["j", "json-conf"], text("FILE"), "the file; stdin if left out")
const skipUnknown = flag(
  ["", "skip-unknown"],
  "leave out what this target has no method for, and say so (not rpc.py's)"
)

/** In the order of the help. */
export const configForms: ReadonlyArray<MethodForm> = [
  method(
    "save_config",
    "Prints the whole configuration as SPDK's JSON. It holds CHAP secrets in clear.",
    [
      indent,
      option(["s", "subsystems"], commaList("NAME"), "only these, and what they depend on"),
      flag(["", "with-batches"], "the form of SPDK 26.05")
    ],
    { example: "> lunlog.json" }
  ),
  method(
    "load_config",
    "Runs the calls of an SPDK configuration. With --wait-for-rpc it ends STARTUP in between.",
    [file, flag(["i", "include-aliases"], "old names may be used; they may in any case"), skipUnknown],
    { example: "-j lunlog.json" }
  ),
  method(
    "save_subsystem_config",
    "Prints the configuration of one subsystem.",
    [required(option(["n", "name"], text("NAME"), "iscsi, bdev ...")), indent],
    { example: "-n iscsi" }
  ),
  method("load_subsystem_config", "Runs the calls of one subsystem's configuration.", [file, skipUnknown], {
    example: "-j iscsi.json"
  })
]

const Names = Schema.Array(Schema.String)
const Subsystems = Schema.Array(Schema.Struct({ subsystem: Schema.String, depends_on: Names }))

const decoded =
  <A>(schema: Schema.Codec<A, unknown>) =>
  (value: unknown): Effect.Effect<A, CliFailure> =>
    Effect.mapError(
      Schema.decodeUnknownEffect(schema)(value),
      () => new CliFailure({ message: "the target's answer has not the expected form; is it one of SPDK's dialect?" })
    )

/** The wanted ones with all that they depend on, in the order of the target; all if none is named. */
const withDependencies = (
  all: typeof Subsystems.Type,
  wanted: ReadonlyArray<string> | undefined
): Effect.Effect<ReadonlyArray<string>, CliFailure> => {
  if (wanted === undefined) return Effect.succeed(all.map(({ subsystem }) => subsystem))
  const chosen = new Set<string>()
  const open = [...wanted]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const found = all.find(({ subsystem }) => subsystem === name)
    if (found === undefined) {
      const known = all.map(({ subsystem }) => subsystem).join(", ")
      return Effect.fail(new CliFailure({ message: `there is no subsystem ${name}; there are ${known}` }))
    }
    if (!chosen.has(name)) open.push(...found.depends_on)
    chosen.add(name)
  }
  return Effect.succeed(all.map(({ subsystem }) => subsystem).filter((name) => chosen.has(name)))
}

const printed = (value: unknown, params: Params) => {
  const spaces = typeof params["indent"] === "number" ? params["indent"] : 2
  return Console.log(spaces < 0 ? printJson(value) : printPretty(value, "", " ".repeat(Math.min(spaces, 16))))
}

const configOf = (call: Call, name: string, params: Params) =>
  Effect.map(call("framework_get_config", { name, ...batches(params) }), (config) => ({ subsystem: name, config }))

const batches = (params: Params): Params => (params["with_batches"] === true ? { with_batches: true } : {})

const saveConfig = (call: Call, params: Params) =>
  Effect.gen(function* () {
    const all = yield* Effect.flatMap(call("framework_get_subsystems"), decoded(Subsystems))
    const wanted = Array.isArray(params["subsystems"]) ? params["subsystems"].map(String) : undefined
    const names = yield* withDependencies(all, wanted)
    const subsystems = yield* Effect.forEach(names, (name) => configOf(call, name, params))
    yield* printed({ subsystems }, params)
  })

const saveSubsystem = (call: Call, params: Params) =>
  Effect.flatMap(configOf(call, String(params["name"]), params), (value) => printed(value, params))

const sourceOf = (params: Params): Effect.Effect<readonly [name: string, source: string], CliFailure> => {
  const path = params["json_conf"]
  if (typeof path !== "string") return Effect.map(readStdin, (source) => ["stdin", source] as const)
  return Effect.tryPromise({
    try: async () => [path, await readFile(path, "utf8")] as const,
    catch: (error) => {
      const why = error instanceof Error ? error.message : String(error)
      return new CliFailure({ message: `the configuration ${path} cannot be read: ${why}` })
    }
  })
}

const methodsNow = (call: Call, current: boolean) =>
  Effect.map(
    Effect.flatMap(call("rpc_get_methods", { current, include_aliases: true }), decoded(Names)),
    (names): ReadonlySet<string> => new Set(names)
  )

const placed = ({ method, place }: SpdkConfigCall): string => `${place} ${method}`

/** Calls of methods that are there; others end it, unless they are to be left out. */
const knownCalls = (call: Call, calls: ReadonlyArray<SpdkConfigCall>, skip: boolean) =>
  Effect.gen(function* () {
    const all = yield* methodsNow(call, false)
    const unknown = calls.filter(({ method }) => !all.has(method)).map(placed)
    if (unknown.length === 0) return calls
    const list = [...unknown.slice(0, 20), ...(unknown.length > 20 ? [`and ${unknown.length - 20} more`] : [])]
    const text = `Unknown method was included in the config file\n${list.join("\n")}`
    if (!skip) return yield* new CliFailure({ message: `${text}\nTo leave these out: --skip-unknown` })
    yield* Console.error(`left out:\n${list.join("\n")}`)
    return calls.filter(({ method }) => all.has(method))
  })

const quietMillis = 1_000
const redrawMillis = 250

/** A bar, on a terminal and after a second. */
const showingBar = <A, E>(done: () => number, total: number, work: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  if (!process.stderr.isTTY) return work
  const draw = Effect.sync(() => void process.stderr.write(`\r${progressBar(done(), total)}`))
  const drawing = Effect.andThen(
    Effect.sleep(quietMillis),
    Effect.forever(Effect.andThen(draw, Effect.sleep(redrawMillis)))
  )
  return Effect.ensuring(
    Effect.raceFirst(work, drawing),
    Effect.sync(() => void process.stderr.write("\r\u001b[K"))
  )
}

const runAll = (call: Call, calls: ReadonlyArray<SpdkConfigCall>) => {
  let done = 0
  const run = (one: SpdkConfigCall) =>
    Effect.tap(
      Effect.mapError(
        call(one.method, one.params),
        ({ message }) => new CliFailure({ message: `${one.place} ${message}` })
      ),
      () => Effect.sync(() => done++)
    )
  return showingBar(() => done, calls.length, Effect.forEach(calls, run, { discard: true }))
}

/** Runs what may be called, starts the target if it waits for that, and goes on with what may be called then. */
const loadCalls = (call: Call, calls: ReadonlyArray<SpdkConfigCall>) =>
  Effect.gen(function* () {
    let left = calls
    for (;;) {
      const current = yield* methodsNow(call, true)
      yield* runAll(
        call,
        left.filter(({ method }) => current.has(method))
      )
      left = left.filter(({ method }) => !current.has(method))
      if (!current.has("framework_start_init")) break
      yield* call("framework_start_init")
    }
    if (left.length === 0) return
    const passed = "Some configs were skipped because the RPC state that can call them passed over."
    yield* Console.error([passed, ...left.slice(0, 20).map(placed)].join("\n"))
  })

const load = (call: Call, params: Params, wrap: (source: string) => string) =>
  Effect.gen(function* () {
    const [name, source] = yield* sourceOf(params)
    const read = readSpdkConfig(name, wrap(source))
    if (Result.isFailure(read)) {
      return yield* new CliFailure({ message: `${name} cannot be used\n${read.failure.join("\n")}` })
    }
    const calls = yield* knownCalls(call, read.success.calls, params["skip_unknown"] === true)
    yield* loadCalls(call, calls)
  })

/** Runs one of `configForms`. */
export const runConfigCommand = (name: string, params: Params, call: Call): Effect.Effect<void, CliFailure> => {
  switch (name) {
    case "save_config":
      return saveConfig(call, params)
    case "save_subsystem_config":
      return saveSubsystem(call, params)
    case "load_subsystem_config":
      return load(call, params, (source) => `{"subsystems":[${source}\n]}`)
    default:
      return load(call, params, (source) => source)
  }
}
