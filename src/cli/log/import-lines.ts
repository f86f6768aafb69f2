/** An exported log, line by line, made a log of: what `lunlog log import` does, and whoever looks into a bundle. */
import { Effect, Stream } from "effect"
import type { Imported } from "../../../eventlog/import-log.ts"
import { CliFailure, failureOf } from "../CliFailure.ts"
import { countShown } from "./show-count.ts"

/** What an exported log came to. */
export interface FromFile {
  readonly imported: Imported
  /** The first control record that this version of lunlog cannot decode. */
  readonly unreadable: number | undefined
  /** UUID of the state directory that it is from. */
  readonly instance: string | undefined
}

/**
 * Makes a log in a directory that holds none, of the lines of an exported one. Every mistake names what they are from;
 * `linesOf` is told how long a line may be, in bytes. If it fails, what is left of the directory is the caller's to
 * remove.
 */
export const importLines = (
  name: string,
  linesOf: (bytesMax: number) => AsyncGenerator<string>,
  logDirectory: string
): Effect.Effect<FromFile, CliFailure> =>
  Effect.gen(function* () {
    const parts = yield* Effect.promise(() => import("./import-parts.ts"))
    const { genesisOfFile, ImportRefused, importLog, indexLog, LINE_BYTES_MAX, LogFileReader, recordTagging } = parts
    const reader = new LogFileReader()
    const lines = linesOf(LINE_BYTES_MAX)
    const asRefusal = (error: unknown) =>
      new CliFailure({ message: `${name}: ${error instanceof Error ? error.message : String(error)}` })
    yield* Effect.addFinalizer(() => Effect.promise(() => lines.return(undefined).catch(() => undefined)))
    const first = yield* Effect.tryPromise({ try: () => lines.next(), catch: asRefusal })
    const header = reader.header(first.done === true ? "" : first.value)
    if (header instanceof ImportRefused) return yield* asRefusal(header)
    const { expired, genesis, instance, losses } = header
    const origin = {
      losses,
      ...(genesis === undefined ? {} : { genesis: genesisOfFile(genesis) }),
      ...(expired === undefined ? {} : { expired })
    }
    const records = Stream.fromAsyncIterable(lines, asRefusal).pipe(
      Stream.map((text) => reader.next(text)),
      Stream.filter((item) => item !== undefined),
      Stream.mapEffect((item) => (item instanceof ImportRefused ? Effect.fail(asRefusal(item)) : Effect.succeed(item)))
    )
    const show = countShown("importing", header.to - header.from + 1)
    const imported = yield* Effect.mapError(importLog(logDirectory, origin, records, show), (error) =>
      error._tag === "ImportRefused" ? asRefusal(error) : failureOf(error)
    )
    const incomplete = reader.finish(imported)
    if (incomplete !== undefined) return yield* asRefusal(incomplete)
    const showIndexed = countShown("indexing", header.to)
    yield* Effect.mapError(indexLog(logDirectory, recordTagging, showIndexed), failureOf)
    return { imported, instance, unreadable: reader.unreadable }
  }).pipe(Effect.scoped)
