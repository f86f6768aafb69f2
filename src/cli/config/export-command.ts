/** `lunlog export`: the state of a running target as a configuration file. */
import { Console, Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { exportFormatNames } from "../../config/ExportFormat.ts"
import { unexpectedAnswer } from "../CliFailure.ts"
import { callMethod, connectAs } from "../rpc/rpc-call.ts"
import { socketFlag } from "../serve/server-flags.ts"

const Answer = Schema.Struct({ text: Schema.String, warnings: Schema.Array(Schema.String) })

/** The command; `ExportFormat.ts` has the formats. */
export const exportCommand = Command.make(
  "export",
  {
    socket: socketFlag,
    format: Flag.Literals("format", exportFormatNames).pipe(
      Flag.withDescription(
        "yaml: lunlog's own (default); spdk: the JSON of SPDK; iscsi.conf: what SPDK read until v20.07"
      ),
      Flag.withDefault("yaml" as const)
    ),
    target: Flag.String("target").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("Only this target and what it needs: its groups and bdevs"),
      Flag.optional
    ),
    output: Flag.String("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FILE"),
      Flag.withDescription("Where to write, replacing what is there; stdout if absent. Made with mode 0600"),
      Flag.optional
    ),
    withSecrets: Flag.Boolean("with-secrets").pipe(
      Flag.withDescription("With the secrets of CHAP in clear, which are left out otherwise"),
      Flag.withDefault(false)
    )
  },
  Effect.fn(function* ({ format, output, socket, target, withSecrets }) {
    const { writeOutput } = yield* Effect.promise(() => import("./write-output.ts"))
    const client = yield* connectAs(socket)
    const name = Option.getOrUndefined(target)
    const params = { format, with_secrets: withSecrets, ...(name === undefined ? {} : { target: name }) }
    const answer = yield* callMethod(client, "lunlog_export", params)
    const { text, warnings } = yield* Effect.mapError(Schema.decodeUnknownEffect(Answer)(answer), unexpectedAnswer)
    yield* writeOutput(Option.getOrUndefined(output), text, true)
    for (const warning of warnings) yield* Console.error(`warning: ${warning}`)
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Write the configuration of a running target. Warnings on stderr say what the format cannot hold."
  )
)
