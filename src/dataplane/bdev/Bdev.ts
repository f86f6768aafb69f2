/**
 * What every block device offers, whatever is behind it: memory, nothing, a file, another device.
 *
 * Offsets and lengths are bytes and always whole logical blocks inside the device: the caller has checked them, a
 * driver only guards its own memory. A bdev knows neither SCSI nor iSCSI, and nothing here returns a promise: an IO
 * answers by calling `ioDone`, at once or later.
 */

import type { Provisioning } from "./memory/Provisioning.ts"

/** How an IO at a bdev ended. */
export const IoStatus = {
  ok: 0,
  /** The device failed, and not for a reason that the medium or its size has; its caller's mistakes, too. */
  failed: 1,
  /** Given up by the target (removal, reset, closed device); the blocks of a write are each old or new. */
  aborted: 2,
  /** No memory or no slot for it just now: the initiator may try again. */
  noMemory: 3,
  /** There is no room for what was to be written. */
  noSpace: 4,
  /** These blocks cannot be read, or cannot be written; of a flush: what was written before did not get there. */
  mediumError: 5,
  /** The device is not there just now, or not any more. */
  notReady: 6,
  /** Nothing can be written to it, whoever tries. */
  writeProtected: 7
} as const
export type IoStatus = (typeof IoStatus)[keyof typeof IoStatus]

/** Whether the device could not do it: neither done, nor given up, nor turned away for now. */
export const isFailure = (status: IoStatus): boolean =>
  status !== IoStatus.ok && status !== IoStatus.aborted && status !== IoStatus.noMemory

/**
 * One IO at a bdev. Owned and pooled by who submits it; the bdev keeps it, and the buffer it came with, from the
 * submission until it calls `ioDone`, which it does exactly once: before `read`, `write` or `flush` returns, or later.
 */
export interface BdevIo {
  /**
   * `byteOffset`: where it failed, in the bdev that it was submitted to, if that is known. Everything of the IO before
   * it was done; with FUA, is on the medium. A bdev on top of another translates it.
   */
  ioDone(status: IoStatus, byteOffset?: number): void
}

/** Takes the answer of `Bdev.mappedRun`, in bytes; never 0. */
export type RunFound = (byteLength: number) => void

/** A block device. One object is one incarnation: it is opened by its creation and ends with `close`. */
export interface Bdev {
  /** What INQUIRY shows as product identification, e.g. `Malloc disk`. */
  readonly productName: string
  /** Which file or device it is, as `file 2049:131` or `block 7:3`; absent for what is none. */
  readonly identity?: string
  /** Bytes of a logical block. */
  readonly blockSize: number
  /** Bytes of a physical block: a multiple of `blockSize`. */
  readonly physicalBlockSize: number
  /** An IO should not cross a multiple of this many logical blocks; 0 is no boundary. */
  readonly optimalIoBoundary: number
  /** Logical blocks. May change while the bdev is open, see `ResizableBdev`. */
  readonly blockCount: number
  /** A write may be in a volatile cache until `flush`. */
  readonly writeCache: boolean
  /**
   * How often what was written could not be brought onto the medium. The system tells that once, to one flush or FUA
   * write; whoever else has written since its own last flush has to be told too. Absent: it cannot happen.
   */
  readonly syncFailures?: number
  readonly readOnly: boolean
  /** A write is done wholly or not at all, even if the power fails meanwhile. Absent: it may be done in part. */
  readonly atomicWrites?: boolean
  /** Initiators can eject the medium and load it again. Absent: they cannot. */
  readonly removable?: boolean
  /**
   * RAM disks: the disk itself. Reads and writes may then be copies by the caller, which never fail and never wait.
   * It has length 0 once the device is closed.
   */
  readonly memory: Buffer | undefined
  /** Blocks may be unmapped, and are so until they are written (SBC-3 4.7: thin provisioned). */
  readonly thin: boolean
  /** Thin disks whose unmapped pieces give something back only from this many bytes on. Absent: see `provisioning`. */
  readonly unmapGranuleBytes?: number | undefined
  /** Thin disks that know it: what holds data. Who writes into `memory` notes it here before. */
  readonly provisioning?: Provisioning | undefined

  /** Fills `target[targetStart, targetStart + byteLength)`. */
  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void
  /** Writes from `source[sourceStart, ...)`; with `fua` it is on the medium, not in a cache, when `io` ends ok. */
  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, fua: boolean, io: BdevIo): void
  /**
   * These blocks read as zeros when `io` ends ok. A thin disk gives back what held them, any other writes zeros. As
   * long as a call's blocks are few (some 16 MiB), it does not hold up the event loop.
   */
  unmap(byteOffset: number, byteLength: number, io: BdevIo): void
  /** Writes zeros, without a buffer; otherwise as `write`, and with the bounds of `unmap`. */
  writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void
  /**
   * How many bytes from here on are alike: above 0 they are mapped, below 0 that many are not, and read as zeros. Looks
   * at `byteLength` bytes at most; whole blocks. Calls `found` once, before it returns or later. What cannot be found
   * out counts as mapped.
   */
  mappedRun(byteOffset: number, byteLength: number, found: RunFound): void
  /** Everything whose write has ended is on the medium when `io` ends ok. */
  flush(io: BdevIo): void
  /** Nobody waits for this IO any more: if it has not begun, it ends now as aborted, else it goes on. */
  cancel?(io: BdevIo): void
  /** Gives memory, timers and descriptors back. Nothing is submitted afterwards; IO still out may end later. */
  close(): void
  /** Calls `then` once nothing of it reaches the device any more. To be asked right after `close`; absent: at once. */
  whenClosed?(then: () => void): void
  /** After `close`: answered writes are still on their way to what keeps them. Absent: never. */
  readonly isSaving?: boolean
  /** After `close`: it never came to be anybody's, and what was made for it goes. Absent: nothing was. */
  discard?(): Promise<void>
}

/** A bdev whose size can change while it is open. IO that it has already is not affected. */
export interface ResizableBdev extends Bdev {
  /** It has this many logical blocks from now on. */
  resize(blockCount: number): void
}

/** Whether a bdev is one of those. */
export const isResizable = (bdev: Bdev): bdev is ResizableBdev => "resize" in bdev
