/** `lunlog rpc METHOD [JSON]`: one call to a running target, its result on stdout. */
import { text as readAll } from "node:stream/consumers"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { JsonParser } from "../rpc/JsonParser.ts"
import type { JsonValue } from "../rpc/json-value.ts"
import { CliFailure } from "./CliFailure.ts"
import { printPretty } from "./print-json.ts"
import { callMethod, callTimeoutMillis, connectAs } from "./rpc-call.ts"
import { durationFlag, socketFlag } from "./server-flags.ts"

const notJson = (where: string, reason: string): CliFailure =>
  new CliFailure({ message: `${where} are no JSON: ${reason}; give one object, such as '{"name":"Malloc0"}'` })

/** Numbers of any size stay as they were written. */
const parseParams = (source: string, where: string): Effect.Effect<JsonValue, CliFailure> =>
  Effect.gen(function* () {
    const parser = new JsonParser()
    parser.feed(Buffer.from(source))
    const first = parser.next() ?? parser.flush()
    if (first === undefined) return yield* notJson(where, "nothing is there, or its end is missing")
    if (first._tag === "Malformed") return yield* notJson(where, `${first.reason} (byte ${first.offset})`)
    const rest = parser.next() ?? parser.flush()
    if (rest !== undefined) return yield* notJson(where, "something follows its end")
    return first.value
  })

const readStdin = Effect.tryPromise({
  try: () => readAll(process.stdin),
  catch: (error) => new CliFailure({ message: `stdin cannot be read: ${String(error)}` })
})

const paramsOf = (argument: string | undefined): Effect.Effect<JsonValue | undefined, CliFailure> => {
  if (argument === undefined) return Effect.succeed(undefined)
  if (argument === "-") return Effect.flatMap(readStdin, (source) => parseParams(source, "the parameters on stdin"))
  return parseParams(argument, "the parameters")
}

/** The command. */
export const rpcCommand = Command.make(
  "rpc",
  {
    socket: socketFlag,
    timeout: durationFlag("timeout", "How long to wait for the answer (default 60s)").pipe(
      Flag.withDefault(callTimeoutMillis)
    ),
    method: Argument.String("method").pipe(
      Argument.withDescription("Such as bdev_get_bdevs; rpc_get_methods lists all")
    ),
    params: Argument.String("params").pipe(
      Argument.withDescription("Parameters as one JSON object; - reads them from stdin"),
      Argument.optional
    )
  },
  Effect.fn(function* ({ method, params, socket, timeout }) {
    const parsed = yield* paramsOf(Option.getOrUndefined(params))
    const client = yield* connectAs(socket)
    yield* Console.log(printPretty(yield* callMethod(client, method, parsed, timeout)))
  }, Effect.scoped)
).pipe(Command.withDescription("Call a method of a running target. docs/rpc.md has the methods and their parameters."))
