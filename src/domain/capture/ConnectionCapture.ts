/**
 * What the recorder of PDUs has of one TCP connection: who talked to whom, and the last PDUs both ways. Plain values,
 * without secrets: text of logins has an X for each byte of what is not known to be harmless.
 */
import { Schema } from "effect"

/** Which connections; all that is given must hold, and with nothing given all do. */
export interface CaptureSelection {
  /** Their numbers, as `iscsi_get_connections` has them. */
  readonly connections?: ReadonlyArray<number>
  /** Names, whatever their case; of a target also what follows the first colon. */
  readonly target?: string
  readonly initiatorName?: string
  /** Of one session: also of connections that it has lost. */
  readonly tsih?: number
  /** Numbers from this one on: to go on after the last that was given. */
  readonly from?: number
  /** No more connections once their entries have so many bytes together; `captureBytesDefault` if absent. */
  readonly maxBytes?: number
}

/** See `CaptureSelection.maxBytes`: what fits one answer of an RPC, as base64. */
export const captureBytesDefault: number = 4 * 1024 * 1024

/** Times in microseconds since the epoch; addresses as text, without brackets. */
export const ConnectionCapture = Schema.Struct({
  /** As `iscsi_get_connections` has it; none has the same as long as the process runs. */
  connection: Schema.Int,
  initiatorName: Schema.String,
  /** "" in discovery, and before the initiator has said what it wants. */
  targetName: Schema.String,
  /** Absent without a session. */
  tsih: Schema.optionalKey(Schema.Int),
  cid: Schema.Int,
  portalGroupTag: Schema.Int,
  initiatorAddress: Schema.String,
  initiatorPort: Schema.Int,
  targetAddress: Schema.String,
  targetPort: Schema.Int,
  openedAt: Schema.Finite,
  /** Absent while it is open. */
  closedAt: Schema.optionalKey(Schema.Finite),
  /** Why it has ended. */
  closeReason: Schema.optionalKey(Schema.String),
  /** PDUs that it has had; `entries` has the last of them. */
  pduCount: Schema.Int,
  /** See `capture-entry.ts`. */
  entries: Schema.Uint8Array,
  /** Records of the log that PDUs led to, by the PDUs' numbers. */
  records: Schema.Array(Schema.Struct({ ordinal: Schema.Int, seq: Schema.Int }))
})
/** See there. */
export type ConnectionCapture = typeof ConnectionCapture.Type
