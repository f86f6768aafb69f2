/** `lunlog log export`: the log as a file that can be looked at, sent to somebody, and imported. */
import { pipeline } from "node:stream/promises"
import { createGzip } from "node:zlib"
import { Console, Effect, Option, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import type { CliFailure } from "../CliFailure.ts"
import { unfinishedIfInterrupted } from "../unfinished.ts"
import { writeWhole } from "../write-whole.ts"
import { exportText } from "./export-text.ts"
import { sourceFlags, sourceOf } from "./log-flags.ts"
import { optionalPlace, placeFlag } from "./place-flag.ts"

const toStdout = <E>(text: Stream.Stream<string, E>): Effect.Effect<void, E> =>
  Stream.runForEach(text, (piece) =>
    Effect.callback<void>((resume) => {
      process.stdout.write(piece, () => resume(Effect.void))
    })
  )

const toFile = (text: Stream.Stream<string, CliFailure>, path: string): Effect.Effect<void, CliFailure> =>
  writeWhole(path, async (file, signal) => {
    const pieces = Stream.toAsyncIterable(text)
    if (path.endsWith(".gz")) await pipeline(pieces, createGzip(), file, { signal })
    else await pipeline(pieces, file, { signal })
  })

/** The command. */
export const exportCommand = Command.make(
  "export",
  {
    ...sourceFlags,
    from: placeFlag("from", "First record (default the first of all)"),
    to: placeFlag("to", "Last record (default the last of all)"),
    output: Flag.String("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FILE"),
      Flag.withDescription("Where to write (mode 0600), replacing what is there; compressed if it ends in .gz"),
      Flag.optional
    ),
    withSecrets: Flag.Boolean("with-secrets").pipe(
      Flag.withDescription("CHAP secrets in clear beside their records; else they are sealed, as in the log"),
      Flag.withDefault(false)
    )
  },
  Effect.fn(
    function* (input) {
      const source = yield* sourceOf(input)
      const wanted = {
        from: yield* optionalPlace(input.from),
        to: yield* optionalPlace(input.to),
        withSecrets: input.withSecrets
      }
      const counted = { records: 0, last: 0 }
      const { text } = yield* exportText(source, wanted, counted)
      if (Option.isNone(input.output)) return yield* toStdout(text)
      yield* toFile(text, input.output.value)
      yield* Console.error(`${input.output.value}: ${counted.records} records, up to ${counted.last}`)
    },
    Effect.scoped,
    unfinishedIfInterrupted
  )
).pipe(
  Command.withDescription("Write the log, or a part of it, as lines of JSON that lunlog log import makes a log of."),
  Command.withExamples([
    { command: "lunlog log export -o incident.ndjson.gz", description: "All of it, of the running target" },
    { command: 'lunlog log export --from "2 hours ago" -o incident.ndjson', description: "With the state before it" }
  ])
)
