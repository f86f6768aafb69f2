/** The text of an exported log, asked for page by page: for a file, for stdout, for a bundle. */
import { Effect, Option, Schema, Stream } from "effect"
import type { CliFailure } from "../CliFailure.ts"
import { ask, type LogSource } from "./log-source.ts"
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

/** What to export; places of the log. */
export interface ExportWish {
  readonly from: string | undefined
  readonly to: string | undefined
  /** CHAP secrets in clear. */
  readonly withSecrets: boolean
}

/** Counts while the text is read. */
export interface ExportCount {
  records: number
  /** Seq of the last record that is wanted; known at once. */
  last: number
}

/** An export that has begun. */
export interface ExportText {
  /** Seqs of the range. */
  readonly from: number
  readonly to: number
  /** The file in pieces. */
  readonly text: Stream.Stream<string, CliFailure>
}

/** Asks for the first line, and then page by page. `counted` knows at the end how many records there were. */
export const exportText = (
  source: LogSource,
  { from, to, withSecrets }: ExportWish,
  counted: ExportCount
): Effect.Effect<ExportText, CliFailure> =>
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
    const text = Stream.make(`${begun.header}\n`).pipe(Stream.concat(pages), Stream.concat(end))
    return { from: begun.from, to: begun.to, text }
  })
