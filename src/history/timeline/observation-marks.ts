/** What observations say of how things went: how bad it was, what it was about, and how often. */
import type { ObservationRecord } from "../../../eventlog/record.ts"
import { isTrouble } from "../trouble.ts"
import type { Severity } from "./Timeline.ts"

/** Troubles that are worth a look rather than failures. */
const warnings = /Refused|Slow|Stuck|Full|TaskManagement|SessionClosed|Stepped|Suppressed|Recovered|Drain/u

/** Worth a mark, and no trouble. */
const notes: ReadonlySet<string> = new Set([
  "ProcessEnded",
  "ConfigurationSource",
  "ObservationsDropped",
  "QosThrottled",
  "SessionKicked"
])

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The members of an observation's payload; none if it is no object. */
export const fieldsOf = (record: ObservationRecord): Fields => (isFields(record.payload) ? record.payload : {})

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)
const numberOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) ? value : undefined

/** Whom or what an observation is about. */
export interface Subject {
  readonly bdev: string | undefined
  readonly target: string | undefined
  readonly lun: number | undefined
  /** Name, else address. */
  readonly initiator: string | undefined
  readonly portalGroup: number | undefined
  readonly tsih: number | undefined
}

/** By the names that all observations use for it. */
export const subjectOf = (record: ObservationRecord): Subject => {
  const fields = fieldsOf(record)
  return {
    bdev: textOf(fields["bdev"]),
    target: textOf(fields["targetName"]),
    lun: numberOf(fields["lun"]),
    initiator: textOf(fields["initiatorName"]) ?? textOf(fields["initiatorAddress"]),
    portalGroup: numberOf(fields["portalGroupTag"]),
    tsih: numberOf(fields["tsih"])
  }
}

/** How often it happened: one record may tell many. */
export const countOf = (record: ObservationRecord): number => Math.max(1, numberOf(fieldsOf(record)["repeated"]) ?? 1)

/** How bad an observation is; undefined: nothing to mark. */
export const severityOf = (record: ObservationRecord): Severity | undefined => {
  // What is wrong with it the start of its epoch has said.
  if (record.type === "ProcessStarted") return undefined
  if (!isTrouble(record)) return notes.has(record.type) ? "note" : undefined
  return warnings.test(record.type) ? "warning" : "error"
}
