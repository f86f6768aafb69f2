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
  ReactorCrashed: { detail: Schema.String },
  ObservationsSuppressed: { byType: Schema.Record(Schema.String, Schema.Natural) }
} as const
