/** `lunlog metrics`: what Prometheus would read, without HTTP. */
import { Console, Effect, Schema } from "effect"
import { Command } from "effect/cli"
import { unexpectedAnswer } from "./CliFailure.ts"
import { callMethod, connectAs } from "./rpc/rpc-call.ts"
import { socketFlag } from "./serve/server-flags.ts"

const decode = Schema.decodeUnknownEffect(Schema.Struct({ text: Schema.String, content_type: Schema.String }))

/** The command. */
export const metricsCommand = Command.make(
  "metrics",
  { socket: socketFlag },
  Effect.fn(function* ({ socket }) {
    const client = yield* connectAs(socket)
    const answer = yield* callMethod(client, "lunlog_get_metrics")
    const { text } = yield* Effect.mapError(decode(answer), unexpectedAnswer)
    yield* Console.log(text.trimEnd())
  }, Effect.scoped)
).pipe(
  Command.withDescription("Print all metrics of a running target, as /metrics of lunlog serve --metrics has them."),
  Command.withExamples([{ command: "lunlog metrics | grep ^lunlog_lun" }])
)
