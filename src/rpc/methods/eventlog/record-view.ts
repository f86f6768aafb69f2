/** A record of the event log as JSON: for `eventlog_*`, and for the command line where it reads a directory itself. */
import type { LogRecord } from "../../../../eventlog/record.ts"
import { describeRecord } from "../../../history/describe/describe-record.ts"
import { isTrouble } from "../../../history/trouble.ts"

/** Bytes are shown in hexadecimal, as JSON has none. */
const payloadView = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex")
  if (Array.isArray(value)) return value.map(payloadView)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, payloadView(member)]))
}

/** The record as it is stored, payload included. */
export const recordView = (record: LogRecord) => {
  const { at, cause, kind, payload, seq, type, v } = record
  const chain =
    record.kind === "control"
      ? { control_no: record.controlNo, hash: record.hash, prev_control: record.prevControl }
      : { segment: record.segment }
  return { seq, at, kind, type, v, cause, payload: payloadView(payload), ...chain }
}

/** The same with `text`, what happened in words, and `trouble` if it is something that went wrong. */
export const recordInWords = (record: LogRecord) => ({
  ...recordView(record),
  text: describeRecord(record),
  ...(isTrouble(record) ? { trouble: true } : {})
})
