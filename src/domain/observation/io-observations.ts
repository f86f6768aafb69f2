/** What is remembered of IO: what failed, what was slow, what was held back, and how LUNs drained. */
import { Schema } from "effect"
import { folded } from "./session-observations.ts"

/** Whose IO it was: absent where nobody waits for it any more. */
const initiator = {
  initiatorName: Schema.optionalKey(Schema.String),
  tsih: Schema.optionalKey(Schema.Natural)
} as const

const lun = { targetName: Schema.String, lun: Schema.Natural } as const

const place = { bdev: Schema.String, ...lun, ...initiator } as const

/** Blocks of the LUN; a flush has none. */
const extent = {
  operation: Schema.Literals(["read", "write", "unmap", "flush", "other"]),
  logicalBlockAddress: Schema.optionalKey(Schema.Natural),
  blocks: Schema.optionalKey(Schema.Natural)
} as const

/** Sense data: the numbers of SPC-4, and what they are called. */
const Sense = Schema.Struct({
  key: Schema.Natural,
  keyName: Schema.String,
  asc: Schema.Natural,
  ascq: Schema.Natural,
  name: Schema.String
})

/** One command that a disk still has. */
const OutstandingIo = Schema.Struct({ ...extent, ...initiator, millis: Schema.Natural })

/** The types of this file, with their fields. */
export const ioObservations = {
  IoFailed: {
    ...place,
    ...extent,
    /** SAM status that the initiator got. */
    status: Schema.String,
    sense: Schema.optionalKey(Sense),
    ...folded
  },
  BdevIoFailed: {
    bdev: Schema.String,
    operation: Schema.String,
    /** Errno name. */
    code: Schema.String,
    byteOffset: Schema.Natural,
    ...folded
  },
  SlowIo: {
    ...place,
    ...extent,
    millis: Schema.Natural,
    /** The slowest of those that are told as one. */
    slowestMillis: Schema.optionalKey(Schema.Natural),
    /** The disk has rate limits: time that it waited for them is in it. */
    rateLimited: Schema.optionalKey(Schema.Literal(true)),
    ...folded
  },
  IoStuck: {
    bdev: Schema.String,
    ...lun,
    /** Commands that the disk has had for longer than `thresholdMillis`. */
    outstanding: Schema.Natural,
    thresholdMillis: Schema.Natural,
    oldest: OutstandingIo,
    rateLimited: Schema.optionalKey(Schema.Literal(true))
  },
  QueueFull: {
    ...lun,
    ...initiator,
    status: Schema.String,
    reason: Schema.String,
    ...folded
  },
  QosThrottlingBegan: { bdev: Schema.String, waiting: Schema.Natural },
  QosThrottlingEnded: {
    bdev: Schema.String,
    /** IOs that had to wait, and the longest that one did. */
    delayed: Schema.Natural,
    longestWaitMillis: Schema.Natural,
    /** At once, as seen once a second. */
    mostWaiting: Schema.Natural,
    durationMillis: Schema.Natural
  },
  LunDrainStarted: { ...lun, bdev: Schema.String, inFlight: Schema.Natural, deadlineMillis: Schema.Natural },
  LunDrainEnded: {
    ...lun,
    bdev: Schema.String,
    drained: Schema.Natural,
    aborted: Schema.Natural,
    durationMillis: Schema.Natural,
    /** The deadline has passed: these are the oldest of what the disk still has. */
    late: Schema.Boolean,
    hanging: Schema.optionalKey(Schema.Array(OutstandingIo))
  }
} as const
