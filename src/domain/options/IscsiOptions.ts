/**
 * Options of the iSCSI target as a whole: their defaults, their limits, and what each combination of CHAP flags means.
 * Set as one value, never in parts: what a caller leaves out is the default.
 */
import { Schema } from "effect"

/** Which authentication a login needs. No flag: CHAP if the initiator asks for it. */
export const Auth = Schema.Struct({
  disableChap: Schema.Boolean,
  requireChap: Schema.Boolean,
  mutualChap: Schema.Boolean,
  /** Auth group whose secrets count; 0 is none. */
  chapGroup: Schema.Natural
})
export type Auth = typeof Auth.Type

/** The same as it is asked for: any number as a group. */
export const AuthRequest = Schema.Struct({ ...Auth.fields, chapGroup: Schema.Number })

/** Lengths in bytes, times in seconds. `auth` is for discovery sessions. */
export const IscsiOptions = Schema.Struct({
  authFile: Schema.optionalKey(Schema.String),
  /** Prefix of target names that are given in short. */
  nodeBase: Schema.String,
  nopTimeout: Schema.Natural,
  nopInInterval: Schema.Natural,
  auth: Auth,
  maxSessions: Schema.Natural,
  maxQueueDepth: Schema.Natural,
  maxConnectionsPerSession: Schema.Natural,
  defaultTime2Wait: Schema.Natural,
  defaultTime2Retain: Schema.Natural,
  firstBurstLength: Schema.Natural,
  immediateData: Schema.Boolean,
  errorRecoveryLevel: Schema.Natural,
  allowDuplicatedIsid: Schema.Boolean,
  maxLargeDataInPerConnection: Schema.Natural,
  maxR2tPerConnection: Schema.Natural,
  pduPoolSize: Schema.Natural,
  immediateDataPoolSize: Schema.Natural,
  dataOutPoolSize: Schema.Natural
})
export type IscsiOptions = typeof IscsiOptions.Type

/** CHAP if the initiator asks for it, and no secrets. */
export const noAuth: Auth = { disableChap: false, requireChap: false, mutualChap: false, chapGroup: 0 }

/** SPDK's defaults. */
export const defaultIscsiOptions: IscsiOptions = {
  nodeBase: "iqn.2016-06.io.spdk",
  nopTimeout: 60,
  nopInInterval: 30,
  auth: noAuth,
  maxSessions: 128,
  maxQueueDepth: 64,
  maxConnectionsPerSession: 2,
  defaultTime2Wait: 2,
  defaultTime2Retain: 20,
  firstBurstLength: 8192,
  immediateData: true,
  errorRecoveryLevel: 0,
  allowDuplicatedIsid: false,
  maxLargeDataInPerConnection: 64,
  maxR2tPerConnection: 4,
  pduPoolSize: 36864,
  immediateDataPoolSize: 16384,
  dataOutPoolSize: 2048
}

const uint31Max = 2 ** 31 - 1
const uint32Max = 2 ** 32 - 1

/** Smallest and largest value of each number. `firstBurstLength` ends at the target's MaxBurstLength. */
export const iscsiOptionRanges = {
  nopTimeout: [0, uint31Max],
  nopInInterval: [0, 60],
  maxSessions: [1, 65535],
  maxQueueDepth: [1, 256],
  maxConnectionsPerSession: [1, 65535],
  defaultTime2Wait: [0, 3600],
  defaultTime2Retain: [0, 3600],
  firstBurstLength: [512, 1048576],
  errorRecoveryLevel: [0, 2],
  maxLargeDataInPerConnection: [1, uint32Max],
  maxR2tPerConnection: [1, uint32Max],
  pduPoolSize: [1, uint32Max],
  immediateDataPoolSize: [1, uint32Max],
  dataOutPoolSize: [1, uint32Max]
} as const

/** What can happen to the options. */
export const iscsiOptionsEvents = {
  IscsiOptionsSet: { options: IscsiOptions },
  /** Replaces `IscsiOptions.auth`; later logins count. */
  DiscoveryAuthSet: { auth: Auth }
} as const

/** What can be asked of the options. */
export const iscsiOptionsCommands = {
  SetIscsiOptions: { options: IscsiOptions },
  /** No event if it is so already. */
  SetDiscoveryAuth: { auth: AuthRequest }
} as const
