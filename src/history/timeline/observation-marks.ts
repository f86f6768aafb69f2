/**
 * What observations say of how things went: how bad it was, of which lanes, and how often. Types that are not known
 * here are told by their names, so that a log of a newer version shows its troubles all the same.
 */
import type { ObservationRecord } from "../../../eventlog/record.ts"
import type { Severity } from "./Timeline.ts"

/** Severities of types whose names do not tell. `undefined`: no mark, the lane itself shows it. */
const severities: Readonly<Record<string, Severity | undefined>> = {
  SessionOpened: undefined,
  LunDrainStarted: undefined,
  PortalUp: undefined,
  PortalClosed: undefined,
  BdevUp: undefined,
  BdevClosed: undefined,
  ProcessEnded: "note",
  ConfigurationSource: "note",
  UnitAttention: "note",
  LossAccepted: "error",
  ProtocolError: "error",
  LogRecovered: "warning",
  TaskManagement: "warning",
  ObservationsDropped: "note"
}

const isError = /Failed|Error|Crashed|Damaged|Lost|Hung/u
const isWarning = /Refused|Slow|Reset|Abort|Dropped|Full|Stepped|Suppressed|Throttled|Reinstated|Cut/u

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

/** A session that ended without a logout is worth a look; so is a drain that did not end by itself. */
const byContent = (type: string, fields: Fields): Severity | undefined => {
  if (type === "SessionClosed") return /log(?:ged )?out/iu.test(textOf(fields["reason"]) ?? "") ? undefined : "warning"
  if (type === "LunDrainEnded") return (numberOf(fields["aborted"]) ?? 0) > 0 ? "warning" : undefined
  return undefined
}

/** How bad an observation is; undefined: nothing to mark. */
export const severityOf = (record: ObservationRecord): Severity | undefined => {
  const { type } = record
  if (type === "SessionClosed" || type === "LunDrainEnded") return byContent(type, fieldsOf(record))
  if (Object.hasOwn(severities, type)) return severities[type]
  if (isError.test(type)) return "error"
  return isWarning.test(type) ? "warning" : undefined
}
