/** One operation of a disk in a file: what libuv's thread pool has, or what waits for it. */
import type { BdevIo, IoStatus, RunFound } from "../Bdev.ts"

/** What an operation failed to do. */
export type FileOperation = "read" | "write" | "unmap" | "sync" | "measure" | "close"

/** What an operation does. `zero` fills a range with zeros, `seek` finds out what of one is mapped. */
export type AioOperation = FileOperation | "zero" | "seek"

/** Whole blocks, or undefined and an errno name. */
export type Measured = (blockCount: number | undefined, code: string) => void

/** As Node and libc give it: `code` is an errno name. */
export type CodedError = NodeJS.ErrnoException | null

/** Whoever has the operations: they tell it that they are back. */
export interface AioOwner {
  /** A read or write. */
  transferred(io: AioIo, error: CodedError, bytes: number): void
  /** A range that was to become zeros. */
  cleared(io: AioIo, error: CodedError): void
  /** What was looked for begins at this byte of the file. */
  sought(io: AioIo, error: CodedError, byteOffset: number): void
  /** A sync or the close. */
  ended(io: AioIo, error: CodedError): void
}

const nothing = Buffer.alloc(0)

/** Pooled. Its callbacks are bound once. */
export class AioIo {
  submitter: BdevIo | undefined
  operation: AioOperation = "read"
  byteOffset = 0
  buffer: Buffer = nothing
  start = 0
  byteLength = 0
  fua = false
  /** Of a measurement. */
  measured: Measured | undefined
  /** Of a seek. */
  found: RunFound | undefined
  /** Of a seek: where data begins, once that is known. */
  dataAt = -1
  /** Of a seek that has an answer; 0 is none. */
  run = 0
  /** Memory that O_DIRECT can take, while this operation runs. */
  bounce: Buffer | undefined
  /** Of its disk, when it began. */
  syncFailures = 0
  /** Bytes that are read, written or cleared. */
  done = 0
  readonly transferred: (error: CodedError, bytes: number) => void
  readonly cleared: (error: CodedError) => void
  readonly sought: (error: CodedError, byteOffset: number) => void
  readonly ended: (error: CodedError) => void

  constructor(owner: AioOwner) {
    this.transferred = (error, bytes) => owner.transferred(this, error, bytes)
    this.cleared = (error) => owner.cleared(this, error)
    this.sought = (error, byteOffset) => owner.sought(this, error, byteOffset)
    this.ended = (error) => owner.ended(this, error)
  }

  /** Answers whoever waits, and forgets them. Whoever is asked for a run that nobody knows takes it for mapped. */
  answer(status: IoStatus, failedAt: number | undefined): void {
    const { found, measured, submitter } = this
    this.submitter = undefined
    this.measured = undefined
    this.found = undefined
    this.buffer = nothing
    submitter?.ioDone(status, failedAt)
    measured?.(undefined, "ENODEV")
    found?.(this.run === 0 ? this.byteLength : this.run)
  }
}
