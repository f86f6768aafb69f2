/**
 * Block devices: what backs a logical unit. A stacked one (delay, error) wraps another and goes when its base goes.
 *
 * A bdev is named by (name, incarnation). One that is being removed keeps its name until its last mapping and its last
 * dependent are gone.
 */
import { Schema } from "effect"
import { BdevName, Incarnation, Seq, Uuid } from "../ids.ts"
import { UnitReservations } from "../reservation/Reservation.ts"
import { BdevKind, BdevLatencies, BdevRequest, BdevSpec } from "./BdevSpec.ts"

/** Bdevs in all, also those that are being removed. */
export const BDEVS_MAX = 16_384

/** Limits of reads and writes of a bdev, per second; 0 is no limit. */
export const BdevQos = Schema.Struct({
  /** Reads and writes together: a multiple of 1000, as in SPDK. */
  readWriteIops: Schema.Natural,
  readWriteMiBPerSecond: Schema.Natural,
  readMiBPerSecond: Schema.Natural,
  writeMiBPerSecond: Schema.Natural
})
export type BdevQos = typeof BdevQos.Type

/** No limits: what a bdev without `qos` has. */
export const noQos: BdevQos = { readWriteIops: 0, readWriteMiBPerSecond: 0, readMiBPerSecond: 0, writeMiBPerSecond: 0 }

/** Every type of IO that SPDK has a name for, in its order; few of them are ever done here. */
export const IO_TYPES = [
  "read",
  "write",
  "unmap",
  "flush",
  "reset",
  "nvme_admin",
  "nvme_io",
  "nvme_io_md",
  "write_zeroes",
  "zcopy",
  "get_zone_info",
  "zone_management",
  "zone_append",
  "compare",
  "compare_and_write",
  "abort",
  "seek_hole",
  "seek_data",
  "copy",
  "nvme_iov_md",
  "nvme_nssr",
  "write_uncorrectable"
] as const

/** Of which IO it is counted how long it takes, and how finely. */
export const BdevHistogram = Schema.Struct({
  /** Each doubling of the latency is split into 2^granularity buckets. */
  granularity: Schema.Natural,
  /** What is outside is counted with the first or the last bucket. */
  minNanos: Schema.Natural,
  /** Exclusive. */
  maxNanos: Schema.Natural,
  /** Absent: all IO. */
  ioType: Schema.optionalKey(Schema.Literals(IO_TYPES))
})
export type BdevHistogram = typeof BdevHistogram.Type

/** SPDK's: 1 us to 2 minutes, to about 1 %. */
export const defaultHistogram: BdevHistogram = { granularity: 7, minNanos: 1000, maxNanos: 120_000_000_000 }

/** `requested`: deleted by name; `base-removed`: its base is; `vanished`: the data plane lost it. */
export const BdevRemovalCause = Schema.Literals(["requested", "base-removed", "vanished"])
export type BdevRemovalCause = typeof BdevRemovalCause.Type

/** Active ones can be mapped; removing ones wait for their last user. */
export const BdevPhase = Schema.TaggedUnion({
  Active: {},
  Removing: { since: Seq, cause: BdevRemovalCause }
})
export type BdevPhase = typeof BdevPhase.Type

/** A bdev in the state. */
export const Bdev = Schema.Struct({
  name: BdevName,
  uuid: Uuid,
  /** False if the UUID was derived from the instance id and the name. */
  uuidExplicit: Schema.Boolean,
  incarnation: Incarnation,
  spec: BdevSpec,
  phase: BdevPhase,
  /** Volatile memory that a restart has emptied. */
  contentLost: Schema.Boolean,
  /** Absent: no limits. */
  qos: Schema.optionalKey(BdevQos),
  /** Absent: no latencies are counted. */
  histogram: Schema.optionalKey(BdevHistogram)
})
export type Bdev = typeof Bdev.Type

/**
 * What `bdev_error_inject_error` takes. `Pending` holds commands until `resume`; `corruptValue` is XORed into a byte.
 */
export const BdevErrorInjection = Schema.Struct({
  ioType: Schema.Literals(["clear", "read", "write", "unmap", "flush", "all"]),
  errorType: Schema.Literals(["failure", "pending", "corrupt_data", "nomem"]),
  /** How many IOs. */
  count: Schema.Natural,
  /** Only while this many IOs are outstanding. */
  queueDepth: Schema.Natural,
  corruptOffset: Schema.Natural,
  corruptValue: Schema.Natural,
  /** Only IO that meets one of these blocks. Absent: all IO, flushes too. */
  blocks: Schema.optionalKey(Schema.Struct({ first: Schema.Natural, count: Schema.Natural }))
})
export type BdevErrorInjection = typeof BdevErrorInjection.Type

/** What can happen to bdevs. */
export const bdevEvents = {
  BdevCreated: {
    name: BdevName,
    uuid: Uuid,
    uuidExplicit: Schema.Boolean,
    spec: BdevSpec,
    /** N of an automatic name `Malloc<N>`. */
    autoNumber: Schema.optionalKey(Schema.Natural),
    /** Its device is back: it is what was detached under this name. */
    attached: Schema.optionalKey(Schema.Literal(true))
  },
  /** From here on it takes no new mapping; its LUNs drain. */
  BdevRemovalStarted: {
    name: BdevName,
    incarnation: Incarnation,
    cause: BdevRemovalCause,
    /** Of one that has vanished: how, in words. */
    detail: Schema.optionalKey(Schema.String),
    /** It stays declared, and will be the same again when its device is back. */
    detached: Schema.optionalKey(Schema.Literal(true)),
    /** Of one that stays declared: what is registered with it and outlives a loss of power (APTPL). */
    reservations: Schema.optionalKey(UnitReservations)
  },
  BdevRemoved: { name: BdevName, incarnation: Incarnation },
  /** It has another size from now on. */
  BdevResized: { name: BdevName, incarnation: Incarnation, blockCount: Schema.Natural },
  /** A delay bdev takes this long from now on: all four, also those that stay. */
  BdevLatenciesSet: { name: BdevName, incarnation: Incarnation, latencies: BdevLatencies },
  /** Its limits from now on: all four, also those that stay. */
  BdevQosSet: { name: BdevName, incarnation: Incarnation, qos: BdevQos },
  /** Counting begins anew with these settings; without them it ends. */
  BdevHistogramSet: { name: BdevName, incarnation: Incarnation, histogram: Schema.optionalKey(BdevHistogram) },
  /** Memory that a restart had emptied has been filled from a copy. */
  BdevContentLoaded: { name: BdevName, incarnation: Incarnation },
  /** A deed, not a state: it is in the log because it explains what follows. */
  BdevErrorInjected: { name: BdevName, incarnation: Incarnation, injection: BdevErrorInjection },
  /** A deed, too: the changes of an overlay are gone, and it holds what its base does. */
  BdevOverlayReset: { name: BdevName, incarnation: Incarnation }
} as const

/** What can be asked of bdevs. */
export const bdevCommands = {
  CreateBdev: {
    /** Absent: `Malloc<N>` (malloc) or `EE_<base>` (error, which can have no other). */
    name: Schema.optionalKey(Schema.String),
    /** Absent: UUIDv5 of the instance id and the name. */
    uuid: Schema.optionalKey(Schema.String),
    bdev: BdevRequest
  },
  DeleteBdev: {
    name: Schema.String,
    /** Refuse it as not found if it is of another kind. */
    kind: Schema.optionalKey(BdevKind)
  },
  /** Makes all parts of a base at once, as many as fit: `<base>p0`, `<base>p1` ... Equal parts for 0 MiB. */
  SplitBdev: { base: Schema.String, parts: Schema.Number, partMebibytes: Schema.Number },
  /** All parts of a base go. */
  UnsplitBdev: { base: Schema.String },
  /** Overlays only. */
  ResetOverlayBdev: { name: Schema.String },
  InjectBdevError: { name: Schema.String, injection: BdevErrorInjection },
  /** Null bdevs only, and only to more. `byteLength` is rounded down to whole blocks. */
  ResizeNullBdev: { name: Schema.String, byteLength: Schema.Number },
  /** At least one limit; what is left out stays, 0 is no limit. IOs are rounded up to a multiple of 1000. */
  SetBdevQos: {
    name: Schema.String,
    readWriteIops: Schema.optionalKey(Schema.Number),
    readWriteMiBPerSecond: Schema.optionalKey(Schema.Number),
    readMiBPerSecond: Schema.optionalKey(Schema.Number),
    writeMiBPerSecond: Schema.optionalKey(Schema.Number)
  },
  /** Without settings no latencies are counted. No event if it is so already. */
  SetBdevHistogram: {
    name: Schema.String,
    histogram: Schema.optionalKey(
      Schema.Struct({
        granularity: Schema.Number,
        minNanos: Schema.Number,
        maxNanos: Schema.Number,
        ioType: Schema.optionalKey(Schema.String)
      })
    )
  },
  /** Delay bdevs only. What is left out stays, unless a p99 latency has to follow its average, or the reverse. */
  SetBdevLatencies: {
    name: Schema.String,
    averageReadMicros: Schema.optionalKey(Schema.Number),
    p99ReadMicros: Schema.optionalKey(Schema.Number),
    averageWriteMicros: Schema.optionalKey(Schema.Number),
    p99WriteMicros: Schema.optionalKey(Schema.Number)
  },
  /** Somebody has asked how long a file is now: it has so many whole blocks. Without any the bdev goes. */
  RescanAioBdev: { name: BdevName, incarnation: Incarnation, blockCount: Schema.Number },
  /** A fact: its memory, emptied by a restart, was filled from a copy. No event if it was not empty. */
  RecordBdevContentLoaded: { name: BdevName, incarnation: Incarnation },
  /** A fact: the device behind it has another size, of one block at least. */
  RecordBdevResized: { name: BdevName, incarnation: Incarnation, blockCount: Schema.Number },
  /** A fact: the device behind it is gone. */
  RecordBdevVanished: { name: BdevName, incarnation: Incarnation, detail: Schema.optionalKey(Schema.String) }
} as const
