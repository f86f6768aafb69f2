/** `lunlog schema`: the form of configuration files, for editors. */
import { Effect } from "effect"
import { Command } from "effect/cli"

/** The command. */
export const schemaCommand = Command.make(
  "schema",
  {},
  Effect.fn(function* () {
    const { jsonSchemaText } = yield* Effect.promise(() => import("../../config/native/json-schema.ts"))
    yield* Effect.sync(() => void process.stdout.write(jsonSchemaText()))
  })
).pipe(
  Command.withDescription("Print the JSON Schema of configuration files, by which editors check and complete them.")
)
