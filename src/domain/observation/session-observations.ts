/** What is remembered of initiators: their sessions, the logins that were refused, and what they did wrong. */
import { Schema } from "effect"

/** Of what is told once for many: how many it stands for, and when the first was (microseconds since the epoch). */
export const folded = {
  repeated: Schema.optionalKey(Schema.Natural),
  firstAt: Schema.optionalKey(Schema.Natural)
} as const

/** Who it is about; a name that is not known yet is empty. */
const nexusFields = {
  initiatorName: Schema.String,
  initiatorAddress: Schema.String,
  targetName: Schema.String,
  portalGroupTag: Schema.Natural
} as const

/**
 * Why a session or connection ended. `connectionLost`: the peer or the network, without a logout. `logoutTimeout`: it
 * was asked to log out and did not, or took too long otherwise.
 */
export const Ending = Schema.Literals([
  "logout",
  "connectionLost",
  "kicked",
  "targetDeleted",
  "reinstated",
  "pingTimeout",
  "idle",
  "protocolError",
  "internalError",
  "loginRefused",
  "loginTimeout",
  "serverEnd"
])
export type Ending = typeof Ending.Type

const traffic = {
  /** SCSI commands of the session, and bytes of the medium that they read and wrote. */
  commands: Schema.optionalKey(Schema.Natural),
  readBytes: Schema.optionalKey(Schema.Natural),
  writtenBytes: Schema.optionalKey(Schema.Natural),
  failedIos: Schema.optionalKey(Schema.Natural),
  /** Of TCP. */
  receivedBytes: Schema.optionalKey(Schema.Natural),
  sentBytes: Schema.optionalKey(Schema.Natural),
  durationMillis: Schema.optionalKey(Schema.Natural)
} as const

/** The types of this file, with their fields. */
export const sessionObservations = {
  SessionOpened: {
    ...nexusFields,
    tsih: Schema.Natural,
    isid: Schema.String,
    /** What was negotiated: lengths in bytes, times in seconds. */
    parameters: Schema.Record(Schema.String, Schema.Union([Schema.Number, Schema.Boolean])),
    initiatorAlias: Schema.optionalKey(Schema.String),
    /** Whom it has proven to be by CHAP; absent without. */
    chapUser: Schema.optionalKey(Schema.String),
    targetAddress: Schema.optionalKey(Schema.String),
    initiatorPort: Schema.optionalKey(Schema.Natural),
    /** It takes the place of a session of the same initiator. */
    reinstated: Schema.optionalKey(Schema.Literal(true)),
    replacedTsih: Schema.optionalKey(Schema.Natural),
    ...folded
  },
  SessionClosed: {
    ...nexusFields,
    tsih: Schema.Natural,
    reason: Schema.String,
    ending: Schema.optionalKey(Ending),
    /** It had been asked to log out, for this. */
    asked: Schema.optionalKey(Ending),
    /** Commands that had no answer yet and get none. */
    inFlight: Schema.optionalKey(Schema.Natural),
    ...traffic,
    ...folded
  },
  DiscoverySession: {
    ...nexusFields,
    reason: Schema.String,
    ending: Ending,
    durationMillis: Schema.Natural,
    ...folded
  },
  LoginRefused: {
    ...nexusFields,
    /** Class and detail as on the wire. */
    status: Schema.Natural,
    statusName: Schema.optionalKey(Schema.String),
    reason: Schema.String,
    ...folded
  },
  LoginAbandoned: { ...nexusFields, reason: Schema.String, ending: Ending, durationMillis: Schema.Natural, ...folded },
  ConnectionRefused: {
    initiatorAddress: Schema.String,
    portalGroupTag: Schema.Natural,
    reason: Schema.String,
    ...folded
  },
  TaskManagement: {
    ...nexusFields,
    tsih: Schema.Natural,
    function: Schema.String,
    lun: Schema.optionalKey(Schema.Natural),
    bdev: Schema.optionalKey(Schema.String),
    referencedTaskTag: Schema.optionalKey(Schema.Natural),
    /** Commands that it ended, of whatever initiator. */
    aborted: Schema.Natural,
    response: Schema.String,
    durationMillis: Schema.Natural,
    ...folded
  },
  PduRejected: {
    ...nexusFields,
    tsih: Schema.optionalKey(Schema.Natural),
    opcode: Schema.String,
    rejectReason: Schema.String,
    rejectCode: Schema.Natural,
    ...folded
  },
  DigestError: {
    ...nexusFields,
    tsih: Schema.optionalKey(Schema.Natural),
    digest: Schema.Literals(["header", "data"]),
    opcode: Schema.String,
    ...folded
  },
  ProtocolError: {
    ...nexusFields,
    tsih: Schema.optionalKey(Schema.Natural),
    reason: Schema.String,
    ...folded
  },
  InternalError: { ...nexusFields, detail: Schema.String, ...folded }
} as const
