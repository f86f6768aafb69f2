/** A record of the event log in one line: number, time, type, what it says, and who asked for it. */

import { printable } from "../printable.ts"
import type { RecordView } from "./RecordView.ts"

/** Details beyond this are cut; `lunlog log show` has them all. */
const detailsMax = 160

const valueText = (value: unknown): string => {
  if (typeof value === "string") return /^[^\s="]+$/u.test(value) ? value : JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(valueText).join(" ")}]`
  if (typeof value !== "object" || value === null) return String(value)
  return `{${membersText(value)}}`
}

/** Plain members first: the line may be cut. */
const membersText = (value: object): string =>
  Object.entries(value)
    .sort(([, a], [, b]) => Number(typeof a === "object") - Number(typeof b === "object"))
    .filter(([, member]) => member !== undefined && member !== "")
    .map(([name, member]: [string, unknown]) => (name === "_tag" ? String(member) : `${name}=${valueText(member)}`))
    .join(" ")

const cut = (text: string): string => (text.length > detailsMax ? `${text.slice(0, detailsMax - 1)}…` : text)

const causeText = ({ actor, method, source }: RecordView["cause"]): string =>
  [source, ...(actor === "local" ? [] : [actor]), ...(method === undefined ? [] : [method])].join(" ")

/** `at` is in microseconds; milliseconds are shown, in UTC. */
const timeText = (at: number): string =>
  new Date(Math.floor(at / 1000)).toISOString().replace("T", " ").replace("Z", "")

/** Without the newline. */
export const recordLine = (record: RecordView): string => {
  const { payload } = record
  const details = typeof payload === "object" && payload !== null ? membersText(payload) : valueText(payload)
  const what = `${record.type}${details === "" ? "" : ` ${cut(details)}`}`
  return printable(`${String(record.seq).padStart(5)}  ${timeText(record.at)}  ${what}  (${causeText(record.cause)})`)
}
