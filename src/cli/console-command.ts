/** `lunlog console`: the URL of a running target's web console, with its token. */
import { Console, Effect, Redacted, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { CliFailure, unexpectedAnswer } from "./CliFailure.ts"
import { printPretty } from "./print-json.ts"
import { callMethod, connectAs } from "./rpc/rpc-call.ts"
import { consoleUrl } from "./serve/listen/console-url.ts"
import { socketFlag } from "./serve/server-flags.ts"

const Answer = Schema.Struct({
  console: Schema.NullOr(Schema.Struct({ url: Schema.String, token: Schema.String, read_only: Schema.Boolean }))
})

const decode = Schema.decodeUnknownEffect(Answer)

/** The command. */
export const consoleCommand = Command.make(
  "console",
  {
    socket: socketFlag,
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("As JSON: url, token, whether it only reads, and more"),
      Flag.withDefault(false)
    )
  },
  Effect.fn(function* ({ json, socket }) {
    const client = yield* connectAs(socket)
    const answer = yield* callMethod(client, "lunlog_get_console")
    if (json) return yield* Console.log(printPretty(answer))
    const { console } = yield* Effect.mapError(decode(answer), unexpectedAnswer)
    if (console === null) {
      const hint = "start the target with --console 8260"
      return yield* new CliFailure({ message: `the target on ${socket} serves no web console; ${hint}` })
    }
    yield* Console.log(consoleUrl(console.url, Redacted.make(console.token)))
  }, Effect.scoped)
).pipe(
  Command.withDescription("Print the URL of a running target's web console, with the token that opens it."),
  Command.withExamples([
    { command: "lunlog console", description: "the URL, to be opened in a browser" },
    { command: "lunlog console -r /run/lunlog/rpc.sock --json", description: "of another target, for programs" }
  ])
)
