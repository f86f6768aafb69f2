/** A record of the event log in one line: number, time, what happened, and who asked for it. */
import { printable } from "../printable.ts"
import type { RecordView } from "./RecordView.ts"

/** How lines are made. */
export interface LineStyle {
  /** Escape sequences for a terminal. */
  readonly colours: boolean
  /** Type, version and fields on a second line. */
  readonly fields: boolean
}

const plain = "\u001b[0m"
/** Red, dim, bold. */
const [wrong, faint, strong] = ["\u001b[31m", "\u001b[2m", "\u001b[1m"]

/** Whether what is printed goes to somebody who sees colours (https://no-color.org). */
export const wantsColours = (): boolean => process.stdout.isTTY === true && !process.env["NO_COLOR"]

/** `at` is in microseconds; milliseconds are shown. With its zone, so that it can be given back as a place. */
export const lineTime = (at: number): string => new Date(Math.floor(at / 1000)).toISOString().replace("T", " ")

/** Who asked for it, without the parentheses. */
const lineCause = ({ actor, method, source }: RecordView["cause"]): string =>
  [source, ...(actor === "local" ? [] : [actor]), ...(method === undefined ? [] : [method])].join(" ")

/** A value in one line. */
export const fieldText = (value: unknown): string => {
  if (typeof value === "string") return /^[^\s="]+$/u.test(value) ? value : JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(fieldText).join(" ")}]`
  if (typeof value !== "object" || value === null) return String(value)
  return `{${fieldsText(value)}}`
}

const fieldsText = (value: object): string =>
  Object.entries(value)
    .filter(([, member]) => member !== undefined && member !== "")
    .map(([name, member]: [string, unknown]) => `${name}=${fieldText(member)}`)
    .join(" ")

const fieldsLine = ({ cause, payload, type, v }: RecordView): string => {
  const { correlationId, requestId } = cause
  const led = correlationId === undefined ? "" : ` led-to-by=${correlationId}`
  const asked = requestId === undefined ? "" : ` request=${requestId}`
  const fields = typeof payload === "object" && payload !== null ? fieldsText(payload) : fieldText(payload)
  return `         ${type} v${v}${led}${asked}${fields === "" ? "" : ` ${fields}`}`
}

/** What an initiator did says itself who it was. */
const whoAsked = ({ cause, text }: RecordView): string =>
  cause.source === "initiator" && text?.includes(cause.actor) === true ? "" : `  (${printable(lineCause(cause))})`

/** Without the newline. */
export const recordLine = (record: RecordView, style: LineStyle = { colours: false, fields: false }): string => {
  const number = String(record.seq).padStart(5)
  const what = printable(record.text ?? record.type)
  const who = whoAsked(record)
  const fields = style.fields ? `\n${printable(fieldsLine(record))}` : ""
  if (!style.colours) return `${number}  ${lineTime(record.at)}  ${what}${who}${fields}`
  const tone = record.trouble === true ? wrong : record.kind === "control" ? strong : ""
  const tinted = tone === "" ? what : `${tone}${what}${plain}`
  const second = fields === "" ? "" : `${faint}${fields}${plain}`
  return `${faint}${number}  ${lineTime(record.at)}${plain}  ${tinted}${faint}${who}${plain}${second}`
}
