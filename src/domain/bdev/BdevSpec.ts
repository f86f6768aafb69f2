/**
 * What can be behind a block device: as the state has it, and as a caller asks for it.
 */
import { Schema } from "effect"
import { BdevName, Incarnation } from "../ids.ts"
import { NvmeControllerName, NvmeNamespaceFound } from "../nvme/NvmeController.ts"

/** Stacked bdevs above one that is not stacked. */
export const BDEV_STACK_DEPTH_MAX = 8
/** Bytes; SPDK has no limit, a block is the unit that is staged whole. */
export const BLOCK_SIZE_MAX = 1024 * 1024
/** Characters of a file's path; Linux takes 4,095 bytes. */
export const FILENAME_LENGTH_MAX = 4095

/** Parts that a bdev can be split into. */
export const SPLIT_PARTS_MAX = 1024
/** Bytes of memory that the changes of an overlay may have, if nothing else is said. */
export const OVERLAY_BYTES_DEFAULT = 1024 ** 3

/** A bdev, exactly one. */
export const BdevRef = Schema.Struct({ name: BdevName, incarnation: Incarnation })
export type BdevRef = typeof BdevRef.Type

const geometry = {
  blockCount: Schema.Natural,
  /** Bytes, a multiple of 512. */
  blockSize: Schema.Natural,
  /** Bytes. */
  physicalBlockSize: Schema.Natural
}

const yes = Schema.optionalKey(Schema.Literal(true))

/** Of a file or block device; what is absent is not so. */
const aioOptions = {
  /** Blocks that are unmapped go back to the file system or the device. */
  fallocate: yes,
  /** IO goes past the page cache. */
  direct: yes,
  /** A write is on the medium when it ends: there is no write cache. */
  dsync: yes,
  /** SPDK's, for block devices: kept and given back, without effect here. */
  nowait: yes,
  /** Nobody has chosen a block size: it is the device's. */
  ownBlockSize: yes,
  /** It was made, and goes by the names, of SPDK's io_uring bdev. */
  uring: yes
}

/** Its medium can be taken out and put back by initiators. */
const removable = { removable: Schema.optionalKey(Schema.Literal(true)) }

/** A file that keeps the content of memory over restarts; absolute. */
const keptIn = { filename: Schema.optionalKey(Schema.String) }

/** `removable` where it is true: absent is the only other way to say no. */
export const removableKey = (of: { readonly removable?: boolean | undefined }): { readonly removable?: true } =>
  of.removable === true ? { removable: true } : {}

/** Microseconds. */
const latencies = {
  averageReadMicros: Schema.Natural,
  p99ReadMicros: Schema.Natural,
  averageWriteMicros: Schema.Natural,
  p99WriteMicros: Schema.Natural
}

/** Of a delay bdev. */
export const BdevLatencies = Schema.Struct(latencies)
export type BdevLatencies = typeof BdevLatencies.Type

/** Where an NBD server listens: the absolute path of a Unix socket, or a host and a TCP port. */
export const NbdServer = Schema.Union([
  Schema.Struct({ path: Schema.String }),
  Schema.Struct({ host: Schema.String, port: Schema.Natural })
])
export type NbdServer = typeof NbdServer.Type

/** TLS to an NBD server; absolute paths of PEM files. */
export const NbdTls = Schema.Struct({
  /** Absent: the authorities that the system trusts. */
  ca: Schema.optionalKey(Schema.String),
  /** Both, or neither: what the target proves itself with. */
  certificate: Schema.optionalKey(Schema.String),
  key: Schema.optionalKey(Schema.String),
  /** What the server's certificate has to be for; absent: its host. */
  serverName: Schema.optionalKey(Schema.String)
})
export type NbdTls = typeof NbdTls.Type

/** An export of an NBD server. */
const nbd = {
  server: NbdServer,
  /** "" is the server's default export. */
  exportName: Schema.String,
  readOnly: Schema.Boolean,
  /** Absent: in clear. */
  tls: Schema.optionalKey(NbdTls),
  ...removable
}

/** What a bdev is. `optimalIoBoundary` is in blocks, 0 for none. */
export const BdevSpec = Schema.TaggedUnion({
  Malloc: { ...geometry, optimalIoBoundary: Schema.Natural, ...removable, ...keptIn },
  Null: { ...geometry, ...removable },
  /**
   * A regular file or a block device. `blockCount`, and `blockSize` if it is the device's own, is 0 only in a plan that
   * was made before the file was opened. A configuration that wants its files made if they are not there says how
   * many bytes they are made with: `createBytes`.
   */
  Aio: {
    filename: Schema.String,
    blockCount: Schema.Natural,
    blockSize: Schema.Natural,
    readOnly: Schema.Boolean,
    ...aioOptions,
    createBytes: Schema.optionalKey(Schema.Natural),
    ...removable
  },
  /** `blockCount` as a file's. */
  Nbd: {
    ...nbd,
    blockCount: Schema.Natural,
    blockSize: Schema.Natural,
    /** At most so many. */
    connections: Schema.Natural,
    /** How long IO waits for a server that is away. */
    reconnectSeconds: Schema.Natural,
    /** How long a server may be silent until it counts as away; 0: for ever. */
    replySeconds: Schema.Natural,
    /** How long it may be away until the bdev goes; 0: for ever. */
    giveUpSeconds: Schema.Natural
  },
  /** A namespace of an NVMe controller of this machine. Sizes are 0 only in a plan, as of a file. */
  Nvme: {
    controller: NvmeControllerName,
    /** PCI address of the controller. */
    address: Schema.String,
    namespaceId: Schema.Natural,
    /** The block device that it was when it became a disk; it may have another name now. */
    device: Schema.String,
    blockCount: Schema.Natural,
    blockSize: Schema.Natural,
    readOnly: Schema.Boolean,
    /** Another disk at its place has another one, and is refused. */
    wwid: Schema.optionalKey(Schema.String)
  },
  Delay: { base: BdevRef, ...latencies },
  Error: { base: BdevRef },
  /** As its base is. */
  Passthru: { base: BdevRef },
  /**
   * A part of its base, `part * partBlocks` blocks behind its beginning. `parts` and `partMebibytes` (0: equal parts)
   * are as they were asked for, and the same for all parts of a base; `partBlocks` is 0 only in a plan that was made
   * before the file below was opened.
   */
  Split: {
    base: BdevRef,
    part: Schema.Natural,
    parts: Schema.Natural,
    partMebibytes: Schema.Natural,
    partBlocks: Schema.Natural
  },
  /** What its base holds, with changes that are kept elsewhere: in a file, or in memory of at most `maxBytes`. */
  Overlay: { base: BdevRef, filename: Schema.optionalKey(Schema.String), maxBytes: Schema.optionalKey(Schema.Natural) }
})
export type BdevSpec = typeof BdevSpec.Type

/** It ends when its device, or the file that keeps it, has let go. */
export const takesTimeToClose = (spec: BdevSpec): boolean =>
  isSizedByDevice(spec) || ("filename" in spec && spec.filename !== undefined)

/** Stacked on another bdev: it goes when that goes. */
export type StackedSpec = Extract<BdevSpec, { readonly base: BdevRef }>
/** Not stacked: it has blocks of its own. */
export type MediumSpec = Exclude<BdevSpec, StackedSpec>

/** What a caller asks for: like `BdevSpec`, but names its base and may leave sizes to us (0 is "as the block size"). */
export const BdevRequest = Schema.TaggedUnion({
  Malloc: {
    blockCount: Schema.Number,
    blockSize: Schema.Number,
    physicalBlockSize: Schema.Number,
    optimalIoBoundary: Schema.Number,
    ...removable,
    ...keptIn
  },
  Null: { blockCount: Schema.Number, blockSize: Schema.Number, physicalBlockSize: Schema.Number, ...removable },
  Aio: {
    /** Absolute. */
    filename: Schema.String,
    /** 0: the device's own, filled in from the lease. */
    blockSize: Schema.Number,
    readOnly: Schema.Boolean,
    ...aioOptions,
    /** The file is made with so many bytes if it is not there. */
    createBytes: Schema.optionalKey(Schema.Number),
    /** It must not be there: it is made for this call. */
    mustBeNew: yes,
    ...removable,
    /** What the file has: filled in from the lease. */
    blockCount: Schema.optionalKey(Schema.Number)
  },
  Nbd: {
    ...nbd,
    blockSize: Schema.Number,
    connections: Schema.Number,
    reconnectSeconds: Schema.Number,
    replySeconds: Schema.Number,
    giveUpSeconds: Schema.Number,
    /** What the export has: filled in from the lease. */
    blockCount: Schema.optionalKey(Schema.Number)
  },
  Nvme: {
    controller: Schema.String,
    address: Schema.String,
    namespaceId: Schema.Number,
    readOnly: Schema.Boolean,
    /** What it is: filled in from the lease. */
    found: Schema.optionalKey(NvmeNamespaceFound)
  },
  Delay: {
    base: Schema.String,
    averageReadMicros: Schema.Number,
    p99ReadMicros: Schema.Number,
    averageWriteMicros: Schema.Number,
    p99WriteMicros: Schema.Number
  },
  Error: { base: Schema.String },
  Passthru: { base: Schema.String },
  /** One part of `parts` of a base, see `BdevSpec`. */
  Split: { base: Schema.String, part: Schema.Number, parts: Schema.Number, partMebibytes: Schema.Number },
  /** In a file, or in memory if it names none; `maxBytes` only there. */
  Overlay: {
    base: Schema.String,
    filename: Schema.optionalKey(Schema.String),
    maxBytes: Schema.optionalKey(Schema.Number)
  }
})
export type BdevRequest = typeof BdevRequest.Type

/** The tags of `BdevSpec`, and what SPDK has a name of its own for although it is the same here. */
export const BdevKind = Schema.Literals([
  "Malloc",
  "Null",
  "Aio",
  "Nbd",
  "Nvme",
  "Delay",
  "Error",
  "Passthru",
  "Split",
  "Overlay",
  "Uring"
])
export type BdevKind = typeof BdevKind.Type

/** How large it is, its device says when it is opened: a file, an export, a namespace. */
export const isSizedByDevice = <A extends { readonly _tag: BdevKind }>(
  of: A
): of is Extract<A, { readonly _tag: "Aio" | "Nbd" | "Nvme" }> =>
  of._tag === "Aio" || of._tag === "Nbd" || of._tag === "Nvme"

/** The kind that a bdev was made as, and is deleted as. */
export const bdevKindOf = (spec: BdevSpec): BdevKind =>
  spec._tag === "Aio" && spec.uring === true ? "Uring" : spec._tag
