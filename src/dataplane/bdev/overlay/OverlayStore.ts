/**
 * Where an overlay keeps its changes. A store knows which granules it has (`map`); who uses it writes a granule whole
 * before it is marked as the store's own, and does not change one twice at a time.
 */
import type { Buffer } from "node:buffer"
import type { BdevIo } from "../Bdev.ts"
import type { Granule, GranuleMap } from "./GranuleMap.ts"

/** Memory, or a file. All offsets are bytes of the disk. */
export interface OverlayStore {
  readonly map: GranuleMap
  readonly granuleBytes: number
  /** Bytes of memory that content may take. */
  readonly memoryBytes: number
  /** What was written may be lost with the power until `flush`. */
  readonly writeCache: boolean
  /** Every mark is where it outlives the process. If not, granules are to be marked again with what is written. */
  readonly isKept: boolean
  /** As a bdev's. */
  readonly syncFailures: number
  /** Of granules that are the store's own. */
  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void
  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, io: BdevIo): void
  /** From now on the granules [first, end) are so; `io` ends when that outlives the process, if anything does. */
  mark(first: number, end: number, state: Granule, io: BdevIo): void
  /** What was written to those of [first, end) that are not the store's own is not needed. */
  abandon(first: number, end: number): void
  /** The disk has so many blocks, and the store what it needs for them. */
  recordSize(blockCount: number, io: BdevIo): void
  flush(io: BdevIo): void
  /** Nobody waits for this read or write any more. */
  cancel(io: BdevIo): void
  close(): void
  /** What it holds is not needed any more: like `close`, but nothing is kept. */
  discard(): void
  /** Calls `then` when nothing of it is open; after `close` or `discard`. */
  whenClosed(then: () => void): void
}

/** Bytes of a granule, or the next multiple of the block size. */
export const granuleBytesOf = (blockSize: number): number => Math.ceil((64 * 1024) / blockSize) * blockSize
