/**
 * What a target keeps of an incident, in `STATE/incidents/SEQ/`: this, as `incident.json`, and the files that it names.
 * Times are microseconds since 1970.
 */
import { Schema } from "effect"

/** Records of one incident that are named; the others are counted. */
export const JOINED_MAX = 64
/** Sessions and LUNs that are listed. */
export const IN_FLIGHT_MAX = 100

const Text = Schema.String.check(Schema.isMaxLength(1024))

/** A record, as it is named. */
export const IncidentRecord = Schema.Struct({ seq: Schema.Natural, at: Schema.Natural, type: Text, text: Text })
export type IncidentRecord = typeof IncidentRecord.Type

const Session = Schema.Struct({
  initiator: Text,
  initiator_addr: Text,
  target: Text,
  tsih: Schema.Natural,
  /** Commands without an answer. */
  in_flight: Schema.Natural,
  /** Bytes that the initiator has not taken yet. */
  unsent_bytes: Schema.Natural
})

const BusyLun = Schema.Struct({ target: Text, lun: Schema.Natural, bdev: Text, in_flight: Schema.Natural })

const Drain = Schema.Struct({
  target: Text,
  lun: Schema.Natural,
  commands_left: Schema.Natural,
  deadline_at: Schema.Natural
})

/** What was going on when it was kept: a moment after the record. */
export const InFlight = Schema.Struct({
  at: Schema.Natural,
  /** All sessions, and of many the busiest. */
  session_count: Schema.Natural,
  sessions: Schema.Array(Session),
  /** LUNs with commands at their disk. */
  luns: Schema.Array(BusyLun),
  drains: Schema.Array(Drain),
  memory_used: Schema.Natural,
  memory_limit: Schema.Natural,
  /** Sentences of the data plane: what did not work. */
  warnings: Schema.Array(Text)
})
export type InFlight = typeof InFlight.Type

/** What `capture.pcapng` holds. */
export const CaptureSummary = Schema.Struct({
  connections: Schema.Natural,
  pdus: Schema.Natural,
  bytes: Schema.Natural,
  /** Of the target: Wireshark takes for iSCSI what it is told. */
  ports: Schema.Array(Schema.Natural),
  /** PDUs by what they are called. */
  by_opcode: Schema.Record(Schema.String, Schema.Natural),
  /** The last ones before it was kept, in words. */
  last: Schema.Array(Text),
  /** Whether content of disks is with them (`--record-data`). */
  content: Schema.optionalKey(Schema.Boolean)
})
export type CaptureSummary = typeof CaptureSummary.Type

/** `incident.json`. */
export const KeptIncident = Schema.Struct({
  version: Schema.Literal(1),
  ...IncidentRecord.fields,
  /** When its files were made. */
  kept_at: Schema.Natural,
  /** Incidents of the same kind, or of the seconds after it, that have no folder of their own: the first ones. */
  joined: Schema.Array(IncidentRecord),
  joined_count: Schema.Natural,
  in_flight: Schema.optionalKey(InFlight),
  capture: Schema.optionalKey(CaptureSummary),
  /** What could not be kept, as sentences. */
  missing: Schema.Array(Text)
})
export type KeptIncident = typeof KeptIncident.Type

/** The names of its files; `captureLater` has what came while others joined it. */
export const incidentFiles = {
  about: "incident.json",
  capture: "capture.pcapng",
  captureLater: "capture-later.pcapng",
  metrics: "metrics.json"
} as const
