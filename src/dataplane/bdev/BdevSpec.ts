/**
 * What a bdev is made from: plain values that can cross a thread boundary, of the same shape as the control plane's
 * bdev. The rules for them (names, sizes, which base may be used) are the control plane's; `createBdev` only finds out
 * whether the machine can do it.
 */

/** Of every disk that is not stacked. */
interface MediumSpec {
  /** Initiators can eject the medium and load it again. */
  readonly removable?: true
}

/** A RAM disk. */
export interface MallocSpec extends MediumSpec {
  readonly _tag: "Malloc"
  readonly blockCount: number
  /** Bytes: a multiple of 512. */
  readonly blockSize: number
  /** Bytes; 0 is `blockSize`. */
  readonly physicalBlockSize: number
  /** Logical blocks; 0 is none. */
  readonly optimalIoBoundary: number
  /** Absolute: a file of the disk's size that keeps its content. */
  readonly filename?: string
  /** Make that file, if there is none: for a new bdev. A known one without its file has lost its content. */
  readonly makesFile?: true
}

/** Takes every write and forgets it; reads give zeros. */
export interface NullSpec extends MediumSpec {
  readonly _tag: "Null"
  readonly blockCount: number
  readonly blockSize: number
  readonly physicalBlockSize: number
}

/** A regular file or a block device. It has as many blocks as that has when it is opened. */
export interface AioSpec extends MediumSpec {
  readonly _tag: "Aio"
  /** Absolute. */
  readonly filename: string
  /** Bytes: a power of two from 512; 0 is the device's own. */
  readonly blockSize: number
  readonly readOnly: boolean
  /** Unmapped blocks go back to the file system or the device. */
  readonly fallocate?: true
  /** IO goes past the page cache (O_DIRECT). */
  readonly direct?: true
  /** What is written is on the medium when the write ends (O_DSYNC): the disk has no write cache. */
  readonly dsync?: true
  /** Of SPDK: its device may refuse IO that would wait. Here IO waits in threads, and it changes nothing. */
  readonly nowait?: true
  /** No IO ends before its call has returned: for whoever would go ever deeper. */
  readonly answersLater?: true
  /** It is called as SPDK's io_uring bdev. */
  readonly uring?: true
  /** Make the file, if there is none: for a new bdev. */
  readonly create?: { readonly byteLength: number; readonly mustBeNew: boolean }
  /** Refuse a file whose end is no whole block: for a new bdev. Otherwise the rest is left out. */
  readonly wholeBlocks: boolean
  /** What INQUIRY shows it as, if that is not a file's. */
  readonly productName?: string
}

/** Where the kernel shows devices: tests have trees of their own. */
export interface SystemRoots {
  /** `/sys`. */
  readonly sysfs: string
  /** `/dev`. */
  readonly devices: string
}

/** The machine's own. */
export const systemRoots: SystemRoots = { sysfs: "/sys", devices: "/dev" }

/** A namespace of an NVMe controller that the kernel's driver has. */
export interface NvmeSpec {
  readonly _tag: "Nvme"
  /** PCI address of the controller, as sysfs writes it. */
  readonly address: string
  readonly namespaceId: number
  readonly readOnly: boolean
  /** The only disk that is taken; any if absent. */
  readonly wwid?: string
  readonly roots: SystemRoots
}

/** One bdev, exactly: a name may come back for another device. */
export interface BaseRef {
  readonly name: string
  readonly incarnation: number
}

/** One IO in a hundred takes the p99 latency, every other one the average. */
export interface Latencies {
  readonly averageReadMicros: number
  readonly p99ReadMicros: number
  readonly averageWriteMicros: number
  readonly p99WriteMicros: number
}

/** Another bdev, slowed down. */
export interface DelaySpec extends Latencies {
  readonly _tag: "Delay"
  readonly base: BaseRef
}

/** Another bdev with faults on demand. */
export interface ErrorSpec {
  readonly _tag: "Error"
  readonly base: BaseRef
}

/** Another bdev, as it is. */
export interface PassthruSpec {
  readonly _tag: "Passthru"
  readonly base: BaseRef
}

/** A part of another bdev: `partBlocks` blocks (fewer if the base ends before) from `part * partBlocks` on. */
export interface SplitSpec {
  readonly _tag: "Split"
  readonly base: BaseRef
  readonly part: number
  readonly partBlocks: number
}

/** What another bdev holds, with changes that are kept in a file, or in memory of at most `maxBytes`. */
export interface OverlaySpec {
  readonly _tag: "Overlay"
  readonly base: BaseRef
  /** Absolute. */
  readonly filename?: string
  readonly maxBytes?: number
}

/** Where an NBD server listens: a Unix socket, or TCP. */
export type NbdServer = { readonly path: string } | { readonly host: string; readonly port: number }

/** TLS to an NBD server: paths of PEM files. Without `ca` it is who the system's authorities vouch for. */
export interface NbdTls {
  readonly ca?: string
  readonly certificate?: string
  readonly key?: string
  /** The name that its certificate has to be for; the host if absent. */
  readonly serverName?: string
}

/** An export of an NBD server. It has as many blocks as the export when it is opened. */
export interface NbdSpec extends MediumSpec {
  readonly _tag: "Nbd"
  readonly server: NbdServer
  /** "" is the server's default export. */
  readonly exportName: string
  /** Bytes: a power of two from 512. */
  readonly blockSize: number
  readonly readOnly: boolean
  /** At most so many, if the server allows more than one. */
  readonly connections: number
  /** Absent: in clear. */
  readonly tls?: NbdTls
  /** How long IO waits for a server that is away. */
  readonly reconnectSeconds: number
  /** How long a server may say nothing while it has requests until it counts as away; 0 for ever. */
  readonly replySeconds: number
  /** How long a server is away until the device counts as gone; 0 for never. */
  readonly giveUpSeconds: number
  /** Refuse an export whose end is no whole block: for a new bdev. Otherwise the rest is left out. */
  readonly wholeBlocks: boolean
}

/** What is behind a bdev. */
export type BdevSpec =
  | MallocSpec
  | NullSpec
  | AioSpec
  | NbdSpec
  | NvmeSpec
  | DelaySpec
  | ErrorSpec
  | PassthruSpec
  | SplitSpec
  | OverlaySpec

/** What is stacked on another bdev. */
export type StackedSpec = Extract<BdevSpec, { readonly base: BaseRef }>

/** All that `createBdev` has to know. The identity that hosts see is the logical unit's. */
export interface BdevDefinition {
  /** For messages. */
  readonly name: string
  readonly spec: BdevSpec
}
