/** `lunlog log export`: the log as a file that can be looked at, sent to somebody, and imported. */
import { createWriteStream } from "node:fs"
import { open, rename, rm } from "node:fs/promises"
import { pipeline } from "node:stream/promises"
import { createGzip } from "node:zlib"
import { Console, Effect, Option, Schema, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { CliFailure } from "../CliFailure.ts"
import { unfinishedIfInterrupted } from "../unfinished.ts"
import { sourceFlags, sourceOf } from "./log-flags.ts"
import { ask, type LogSource } from "./log-source.ts"
import { optionalPlace, placeFlag } from "./place-flag.ts"
import { countShown } from "./show-count.ts"

const Begun = Schema.Struct({ header: Schema.String, from: Schema.Number, to: Schema.Number })
const Lines = Schema.Struct({
  lines: Schema.Array(Schema.String),
  control_hash: Schema.optional(Schema.String),
  next: Schema.optional(Schema.Number)
})
const Header = Schema.fromJsonString(
  Schema.Struct({ genesis: Schema.optionalKey(Schema.Struct({ controlHash: Schema.String })) })
)

/** A state far back has to be folded for the first line; in milliseconds. */
const exportMillis = 600_000

interface Wanted {
  readonly from: string | undefined
  readonly to: string | undefined
  readonly withSecrets: boolean
}

/** The file in pieces of text. `counted` knows at the end how many records there were. */
const textOf = (source: LogSource, { from, to, withSecrets }: Wanted, counted: { records: number; last: number }) =>
  Effect.gen(function* () {
    const options = { timeoutMillis: exportMillis }
    const secrets = withSecrets ? { with_secrets: true } : {}
    const places = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }), ...secrets }
    const begun = yield* ask(source, Begun, "eventlog_export_begin", places, options)
    const { genesis } = yield* Effect.orDie(Schema.decodeUnknownEffect(Header)(begun.header))
    counted.last = begun.to
    let hash = genesis?.controlHash ?? ""
    const show = countShown("exporting", begun.to - begun.from + 1)
    const pages = Stream.paginate(begun.from, (next) =>
      Effect.map(
        ask(source, Lines, "eventlog_export_lines", { from: next, to: begun.to, ...secrets }, options),
        (page) => {
          counted.records += page.lines.length
          hash = page.control_hash ?? hash
          show((page.next ?? begun.to + 1) - begun.from)
          const text = page.lines.map((line) => `${line}\n`).join("")
          return [[text], Option.fromUndefinedOr(page.next)] as const
        }
      )
    )
    const end = Stream.suspend(() => {
      const said = { end: { records: counted.records, control_hash: hash } }
      return Stream.make(`${JSON.stringify(said)}\n`)
    })
    return Stream.make(`${begun.header}\n`).pipe(Stream.concat(pages), Stream.concat(end))
  })

const toStdout = <E>(text: Stream.Stream<string, E>): Effect.Effect<void, E> =>
  Stream.runForEach(text, (piece) =>
    Effect.callback<void>((resume) => {
      process.stdout.write(piece, () => resume(Effect.void))
    })
  )

const syncFile = async (path: string): Promise<void> => {
  const file = await open(path, "r+")
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Under another name until it is whole: what was broken off leaves nothing behind. */
const toFile = (text: Stream.Stream<string, CliFailure>, path: string): Effect.Effect<void, CliFailure> => {
  const partial = `${path}.part-${process.pid}`
  const writing = Effect.tryPromise({
    try: async (signal) => {
      const file = createWriteStream(partial, { flags: "wx", mode: 0o600 })
      const pieces = Stream.toAsyncIterable(text)
      if (path.endsWith(".gz")) await pipeline(pieces, createGzip(), file, { signal })
      else await pipeline(pieces, file, { signal })
      await syncFile(partial)
      await rename(partial, path)
    },
    catch: (error) => {
      if (error instanceof CliFailure) return error
      const why = error instanceof Error ? error.message : String(error)
      return new CliFailure({ message: `${path} cannot be written: ${why}` })
    }
  })
  return Effect.ensuring(
    writing,
    Effect.promise(() => rm(partial, { force: true }).catch(() => undefined))
  )
}

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
      const text = yield* textOf(source, wanted, counted)
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
