/** A record of the event log as JSON: for `eventlog_*`, and for the command line where it reads a directory itself. */
import type { LogRecord } from "../../../../eventlog/record.ts"
import { describeRecord } from "../../../history/describe/describe-record.ts"
import { isTrouble } from "../../../history/trouble.ts"

/** What a sealed secret is shown as where people read. */
const withheld = "withheld"

const isSealed = (value: object): boolean => "sealed" in value && "fingerprint" in value

const withoutSecrets = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (typeof value !== "object" || value === null) return value
  if (isSealed(value)) return withheld
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutSecrets(member)]))
}

/** Levels of a payload that are shown: nothing that lunlog writes has as many. */
const levelsShown = 64

/** Bytes are shown in hexadecimal, as JSON has none. */
const payloadView = (value: unknown, levels = levelsShown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex")
  if (typeof value !== "object" || value === null) return value
  if (levels === 0) return "…"
  if (Array.isArray(value)) return value.map((item) => payloadView(item, levels - 1))
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, payloadView(member, levels - 1)]))
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

/**
 * The same with `text`, what happened in words, and `trouble` if it is something that went wrong. Sealed
 * secrets are withheld.
 */
export const recordInWords = (record: LogRecord) => ({
  ...recordView(record),
  payload: withoutSecrets(payloadView(record.payload)),
  text: describeRecord(record),
  ...(isTrouble(record) ? { trouble: true } : {})
})

/** Who, when and what: for records that are named beside others. */
export const recordBrief = (record: LogRecord) => {
  const { at, cause, kind, seq, type, v } = record
  return {
    seq,
    at,
    kind,
    type,
    v,
    cause,
    text: describeRecord(record),
    ...(isTrouble(record) ? { trouble: true } : {})
  }
}
