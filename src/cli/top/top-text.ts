/** The page of `lunlog top`, from the rates of one interval. */
import { CliOutput } from "effect/cli"
import { printable } from "../printable.ts"
import { table } from "../table.ts"
import { type IoRates, iopsOf, type LunRates, type SessionRates, type TopRates } from "./top-rates.ts"

const bytesPerMegabyte = 1e6
const microsPerMilli = 1000
const millisPerSecond = 1000

/** Room for the page's other lines: summary, blank lines, heads, and what is left out. */
const otherLines = 7
/** Rows of a table at least, however low the window is, and characters of a name. */
const rowsMin = 2
const nameCharactersMin = 10

/** What is said of IO: heads of columns, and the cells below them. */
export const ioHeads = ["READ/s", "WRITE/s", "RD MB/s", "WR MB/s", "RD LAT", "WR LAT", "QUEUE", "ERR/s"]

/** The window. */
export interface PageSize {
  readonly rows: number
  readonly columns: number
}

const count = (value: number): string => (value > 0 && value < 10 ? value.toFixed(1) : Math.round(value).toString())
const megabytes = (bytes: number): string => (bytes === 0 ? "0" : (bytes / bytesPerMegabyte).toFixed(1))
const counted = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`

/** `1.5us`, `12.0ms`, `2.0s`. */
const latency = (micros: number): string => {
  if (micros === 0) return "-"
  if (micros < microsPerMilli) return `${micros.toFixed(1)}us`
  const millis = micros / microsPerMilli
  return millis < millisPerSecond ? `${millis.toFixed(1)}ms` : `${(millis / millisPerSecond).toFixed(1)}s`
}

/** The cells below `ioHeads`. */
export const ioCells = (rates: IoRates): ReadonlyArray<string> => [
  count(rates.reads_per_second),
  count(rates.writes_per_second),
  megabytes(rates.bytes_read_per_second),
  megabytes(rates.bytes_written_per_second),
  latency(rates.read_latency_micros),
  latency(rates.write_latency_micros),
  String(rates.in_flight),
  count(rates.errors_per_second)
]

type Row = ReadonlyArray<string>

interface Section {
  /** Columns before those of all sections. */
  readonly heads: Row
  readonly rows: ReadonlyArray<Row>
  /** Columns that may be shortened where the window is narrow. */
  readonly names: ReadonlySet<number>
  readonly none: string
}

const lunSection = (luns: ReadonlyArray<LunRates>): Section => ({
  heads: ["TARGET", "LUN", "BDEV"],
  rows: luns.map((lun) => [printable(lun.target), String(lun.lun_id), lun.bdev_name, ...ioCells(lun)]),
  names: new Set([0]),
  none: "TARGET: no LUN with IO"
})

const sessionSection = (sessions: ReadonlyArray<SessionRates>): Section => ({
  heads: ["INITIATOR", "ADDRESS", "TARGET"],
  rows: sessions.map((session) => [
    printable(session.initiator),
    printable(session.initiator_addr),
    printable(session.target),
    ...ioCells(session)
  ]),
  names: new Set([0, 2]),
  none: "INITIATOR: no session"
})

/** The end of a name is what tells it from others. */
const shortened = (name: string, characters: number): string =>
  name.length <= characters ? name : `…${name.slice(name.length - characters + 1)}`

/** Shortens names as far as the window is too narrow for the table. */
const fitted = (section: Section, rows: ReadonlyArray<Row>, columns: number): ReadonlyArray<string> => {
  const { heads, names } = section
  const draw = (lines: ReadonlyArray<Row>): ReadonlyArray<string> =>
    table([...heads, ...ioHeads], lines, heads.length).split("\n")
  const whole = draw(rows)
  const excess = Math.max(...whole.map((line) => CliOutput.displayWidth(line))) - columns
  if (excess <= 0) return whole
  const widthOf = (column: number): number => Math.max(...rows.map((row) => (row[column] ?? "").length))
  const less = Math.ceil(excess / names.size)
  const limits = new Map([...names].map((column) => [column, Math.max(nameCharactersMin, widthOf(column) - less)]))
  return draw(
    rows.map((row) => row.map((cell, column) => shortened(cell, limits.get(column) ?? Number.POSITIVE_INFINITY)))
  )
}

const linesOf = (section: Section, rowsMax: number, columns: number): ReadonlyArray<string> => {
  if (section.rows.length === 0) return [section.none]
  const left = section.rows.length - rowsMax
  const lines = fitted(section, section.rows.slice(0, rowsMax), columns)
  return left > 0 ? [...lines, `... and ${left} more with less`] : lines
}

const total = (luns: ReadonlyArray<LunRates>, of: (rates: LunRates) => number): number =>
  luns.reduce((sum, lun) => sum + of(lun), 0)

const summary = ({ lun_count, luns, seconds, sessions }: TopRates): string =>
  [
    `${count(total(luns, iopsOf))} IO/s`,
    `${megabytes(total(luns, (lun) => lun.bytes_read_per_second))} MB/s read`,
    `${megabytes(total(luns, (lun) => lun.bytes_written_per_second))} MB/s written`,
    counted(lun_count, "LUN"),
    counted(sessions.length, "session"),
    `in ${seconds} s`
  ].join(", ")

/** Lines of the page, within the window as far as that can be; what has most to do comes first. */
export const topText = (rates: TopRates, { columns, rows }: PageSize): ReadonlyArray<string> => {
  const room = Math.max(2 * rowsMin, rows - otherLines)
  const sessionRows = Math.max(rowsMin, Math.min(rates.sessions.length, Math.floor(room / 2)))
  const lunRows = Math.max(rowsMin, Math.min(rates.luns.length, room - sessionRows))
  return [
    summary(rates),
    "",
    ...linesOf(lunSection(rates.luns), lunRows, columns),
    "",
    ...linesOf(sessionSection(rates.sessions), Math.max(sessionRows, room - lunRows), columns)
  ]
}
