/** What is remembered of the process, its configuration, its portals and disks, and of what could not be told. */
import { Schema } from "effect"

const portal = { host: Schema.String, port: Schema.Natural, portalGroupTag: Schema.Natural } as const

/** The types of this file, with their fields. */
export const processObservations = {
  PortalUp: {
    ...portal,
    /** How often it was tried in vain. */
    failedAttempts: Schema.Natural
  },
  /** `code` is an errno name. */
  PortalFailed: { ...portal, code: Schema.String, detail: Schema.String },
  PortalClosed: portal,
  /** What is stacked on another disk is as large as that. */
  BdevUp: { bdev: Schema.String, blockCount: Schema.optionalKey(Schema.Natural), failedAttempts: Schema.Natural },
  BdevFailed: { bdev: Schema.String, code: Schema.String, detail: Schema.String },
  BdevHealth: { bdev: Schema.String, health: Schema.Literals(["ok", "degraded"]), detail: Schema.String },
  BdevClosed: { bdev: Schema.String },
  SessionLogoutRequested: {
    initiatorName: Schema.String,
    initiatorAddress: Schema.String,
    targetName: Schema.String,
    tsih: Schema.Natural,
    limitMillis: Schema.Number
  },
  ProcessStarted: {
    version: Schema.String,
    pid: Schema.Natural,
    /** Command line options as they were given; values that may be secret are left out. */
    options: Schema.Array(Schema.String),
    stateDirectory: Schema.String,
    stateMode: Schema.String,
    node: Schema.String,
    platform: Schema.String,
    host: Schema.String,
    cpus: Schema.Natural,
    memoryBytes: Schema.Natural,
    /** Whether the log says how the process before it has ended; absent if there was none. */
    previousEnd: Schema.optionalKey(Schema.Literals(["recorded", "missing"]))
  },
  ProcessEnded: { reason: Schema.String, uptimeMillis: Schema.Natural },
  ConfigurationRead: {
    config: Schema.String,
    format: Schema.String,
    /** SHA-256 of the file's bytes. */
    hash: Schema.optionalKey(Schema.String),
    occasion: Schema.Literals(["start", "reload"]),
    result: Schema.String
  },
  ReactorCrashed: {
    detail: Schema.String,
    /** One of several: the others go on. Absent: the only one, and with it the data plane. */
    reactor: Schema.optionalKey(Schema.Natural),
    /** Connections that ended with it. */
    connections: Schema.optionalKey(Schema.Natural),
    /** It has failed too often, and is not started again. */
    forGood: Schema.optionalKey(Schema.Literal(true))
  },
  ReactorRecovered: {
    reactor: Schema.Natural,
    durationMillis: Schema.Natural,
    targets: Schema.Natural,
    bdevs: Schema.Natural,
    /** Disks whose content was in the memory of that reactor alone; of many, the first. */
    contentLost: Schema.Array(Schema.String)
  },
  TargetsMoved: {
    /** Of many, the first. */
    targets: Schema.Array(Schema.String),
    bdevs: Schema.Natural,
    fromReactor: Schema.Natural,
    toReactor: Schema.Natural,
    /** Sessions that were asked to log out and to come back, and have, and those that were cut. */
    sessionsClosed: Schema.Natural,
    sessionsCut: Schema.Natural,
    durationMillis: Schema.Natural
  },
  ObservationsSuppressed: { byType: Schema.Record(Schema.String, Schema.Natural) }
} as const
