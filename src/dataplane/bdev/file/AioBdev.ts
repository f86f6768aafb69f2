/**
 * A disk in a regular file, by positional reads and writes through the page cache: `writeCache` is true, and what must
 * be on the medium is there after `fdatasync`.
 *
 * A file has a limited number of operations in libuv's pool, and all files together a limited number of its threads
 * (`FileSlots`); the rest waits in order. An operation that hangs keeps its thread and its buffer until it is back; the
 * descriptor is closed after the last one, so that its number is never another file's meanwhile.
 */
import { type BdevIo, IoStatus, type ResizableBdev, type RunFound } from "../Bdev.ts"
import type { AioSpec } from "../BdevSpec.ts"
import { endOfFile, errorCodeOf, ioStatusOf } from "../io-status-of.ts"
import { writeZerosTo } from "../write-zeros.ts"
import type { FileOperations } from "./FileOperations.ts"
import type { FileSlots } from "./FileSlots.ts"

/** Operations of one file that libuv has at once: what hangs must leave threads to other files. */
export const operationsPerFileMax = 8

/** What an operation failed to do. */
export type FileOperation = "read" | "write" | "sync" | "measure" | "close"

/** What a disk in a file needs of its surroundings. */
export interface AioSurroundings {
  readonly files: FileOperations
  readonly slots: FileSlots
  /** An operation failed with this code (an errno name, or `EOF` for a file that is shorter than the disk). */
  readonly failed: (operation: FileOperation, code: string, byteOffset: number) => void
  /** No more IO is taken; what is out may still be on its way. */
  readonly closing: () => void
  /** The descriptor is closed: nothing of this disk reaches the file any more. */
  readonly closed: () => void
}

/** Whole blocks, or undefined and an errno name. */
type Measured = (blockCount: number | undefined, code: string) => void

type CodedError = NodeJS.ErrnoException | null

const nothing = Buffer.alloc(0)

/** One operation; pooled. Its callbacks are bound once. */
class AioIo {
  submitter: BdevIo | undefined
  operation: FileOperation = "read"
  byteOffset = 0
  buffer: Buffer = nothing
  start = 0
  byteLength = 0
  fua = false
  measured: Measured | undefined
  /** Bytes that are read or written. */
  done = 0
  readonly transferred: (error: CodedError, bytes: number) => void
  readonly ended: (error: CodedError) => void

  constructor(owner: AioBdev) {
    this.transferred = (error, bytes) => owner.transferred(this, error, bytes)
    this.ended = (error) => owner.ended(this, error)
  }
}

/** An open file. */
export class AioBdev implements ResizableBdev {
  readonly productName = "AIO disk"
  readonly blockSize: number
  readonly physicalBlockSize: number
  readonly optimalIoBoundary = 0
  readonly writeCache = true
  readonly readOnly: boolean
  readonly removable: boolean
  readonly memory = undefined
  readonly thin = false
  blockCount: number
  syncFailures = 0

  private readonly descriptor: number
  private readonly of: AioSurroundings
  private readonly queue: Array<AioIo> = []
  private readonly idle: Array<AioIo> = []
  /** Writes and flushes that the next `fdatasync` answers: it begins after they have come. */
  private waitingForSync: Array<AioIo> = []
  /** Those that the running one answers. */
  private syncing: Array<AioIo> = []
  private syncQueued = false
  private operations = 0
  private isClosed = false
  private onClosed: (() => void) | undefined

  constructor(spec: AioSpec, descriptor: number, blockCount: number, surroundings: AioSurroundings) {
    this.blockSize = spec.blockSize
    this.physicalBlockSize = spec.blockSize
    this.readOnly = spec.readOnly
    this.removable = spec.removable ?? false
    this.blockCount = blockCount
    this.descriptor = descriptor
    this.of = surroundings
  }

  /** Operations that libuv has; a hung one stays. */
  get operationCount(): number {
    return this.operations
  }

  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    this.submit("read", byteOffset, target, targetStart, byteLength, false, io)
  }

  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.submit("write", byteOffset, source, sourceStart, byteLength, fua, io)
  }

  /** Zeros are written: the file keeps its blocks. */
  unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    writeZerosTo(this, byteOffset, byteLength, false, io)
  }

  writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    writeZerosTo(this, byteOffset, byteLength, fua, io)
  }

  /** What of the file is a hole is not looked at. */
  mappedRun(_byteOffset: number, byteLength: number, found: RunFound): void {
    found(byteLength)
  }

  /** Flushes that come while one runs share the next: the running one may have missed what has ended since. */
  flush(io: BdevIo): void {
    if (this.isClosed) return io.ioDone(IoStatus.aborted)
    const waiting = this.take("sync", io)
    this.sync(waiting)
  }

  /** An operation that has not begun never will; the file may hang for long. */
  cancel(io: BdevIo): void {
    const at = this.queue.findIndex(({ submitter }) => submitter === io)
    const [waiting] = at < 0 ? [] : this.queue.splice(at, 1)
    if (waiting !== undefined) this.finish(waiting, IoStatus.aborted)
  }

  /** How long the file is now; `done` is called once. */
  measure(done: Measured): void {
    if (this.isClosed) return done(undefined, "ENODEV")
    const io = this.take("measure", undefined)
    io.measured = done
    this.queue.push(io)
    this.pump()
  }

  resize(blockCount: number): void {
    this.blockCount = blockCount
  }

  /** What has not begun ends as aborted; the descriptor is closed when everything else is back. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.of.closing()
    const given = [...this.queue.splice(0), ...this.waitingForSync]
    this.waitingForSync = []
    for (const io of given) this.finish(io, IoStatus.aborted)
    this.closeWhenIdle()
  }

  /** Calls `then` when the descriptor is closed, once; to be asked right after `close`. */
  whenClosed(then: () => void): void {
    this.onClosed = then
  }

  /** For `FileSlots`. */
  slotFree(): void {
    this.pump()
  }

  /** For `AioIo`: a read or write is back. */
  transferred(io: AioIo, error: CodedError, bytes: number): void {
    const nothingDone = io.operation === "read" ? endOfFile : "EIO"
    const code = error === null ? (bytes > 0 ? undefined : nothingDone) : errorCodeOf(error)
    if (code !== undefined) {
      const failedAt = io.byteOffset + io.done
      this.of.failed(io.operation, code, failedAt)
      // With FUA nothing of it is on the medium: no sync has followed.
      return this.leave(io, ioStatusOf(code), io.fua ? io.byteOffset : failedAt)
    }
    io.done += bytes
    if (io.done < io.byteLength) return this.start(io)
    if (!io.fua) return this.leave(io, IoStatus.ok)
    this.release()
    if (this.isClosed) this.finish(io, IoStatus.aborted)
    else this.sync(io)
    this.goOn()
  }

  /** For `AioIo`: a sync or the close is back. */
  ended(io: AioIo, error: CodedError): void {
    const code = error === null ? undefined : errorCodeOf(error)
    if (code !== undefined) this.of.failed(io.operation, code, 0)
    if (io.operation === "close") {
      this.release()
      this.of.closed()
      this.onClosed?.()
      return
    }
    if (code !== undefined) this.syncFailures++
    // The system tells a lost page once: a write that has ended meanwhile may be lost too, and the next sync succeed.
    const answered = code === undefined ? this.syncing : [...this.syncing, ...this.waitingForSync.splice(0)]
    this.syncing = []
    this.syncQueued = false
    this.idle.push(io)
    this.release()
    if (this.waitingForSync.length > 0) this.queueSync()
    const status = code === undefined ? IoStatus.ok : ioStatusOf(code)
    for (const waiting of answered) this.finish(waiting, status)
    this.goOn()
  }

  private submit(
    operation: FileOperation,
    byteOffset: number,
    buffer: Buffer,
    start: number,
    byteLength: number,
    fua: boolean,
    submitter: BdevIo
  ): void {
    if (this.isClosed) return submitter.ioDone(IoStatus.aborted)
    // A file grows when it is written beyond its end: never because of a caller's mistake.
    const isOutside = byteOffset + byteLength > this.blockCount * this.blockSize
    if (isOutside) return submitter.ioDone(IoStatus.failed)
    if (this.readOnly && operation === "write") return submitter.ioDone(IoStatus.writeProtected)
    const io = this.take(operation, submitter)
    io.byteOffset = byteOffset
    io.buffer = buffer
    io.start = start
    io.byteLength = byteLength
    io.fua = fua
    this.queue.push(io)
    this.pump()
  }

  private take(operation: FileOperation, submitter: BdevIo | undefined): AioIo {
    const io = this.idle.pop() ?? new AioIo(this)
    io.operation = operation
    io.submitter = submitter
    io.done = 0
    return io
  }

  private sync(waiting: AioIo): void {
    this.waitingForSync.push(waiting)
    if (!this.syncQueued) this.queueSync()
  }

  private queueSync(): void {
    this.syncQueued = true
    this.queue.push(this.take("sync", undefined))
    this.pump()
  }

  private pump(): void {
    while (this.queue.length > 0 && this.operations < operationsPerFileMax && this.of.slots.take(this)) {
      const io = this.queue.shift()
      if (io === undefined) return
      this.operations += 1
      this.start(io)
    }
  }

  private start(io: AioIo): void {
    const { files } = this.of
    const { buffer, byteLength, byteOffset, done, operation, start } = io
    if (operation === "read") {
      files.read(this.descriptor, buffer, start + done, byteLength - done, byteOffset + done, io.transferred)
    } else if (operation === "write") {
      files.write(this.descriptor, buffer, start + done, byteLength - done, byteOffset + done, io.transferred)
    } else if (operation === "sync") {
      this.syncing = this.waitingForSync
      this.waitingForSync = []
      files.fdatasync(this.descriptor, io.ended)
    } else if (operation === "measure") {
      files.fstat(this.descriptor).then(
        ({ size }) => this.measured(io, Math.floor(Number(size) / this.blockSize), ""),
        (error: NodeJS.ErrnoException) => this.measured(io, undefined, errorCodeOf(error))
      )
    } else {
      files.close(this.descriptor, io.ended)
    }
  }

  private measured(io: AioIo, blockCount: number | undefined, code: string): void {
    const { measured } = io
    io.measured = undefined
    measured?.(blockCount, code)
    this.leave(io, IoStatus.ok)
  }

  /** An operation is back, and its slot another's. */
  private release(): void {
    this.operations -= 1
    this.of.slots.give()
  }

  private leave(io: AioIo, status: IoStatus, failedAt?: number): void {
    this.release()
    this.finish(io, status, failedAt)
    this.goOn()
  }

  private goOn(): void {
    if (this.isClosed) this.closeWhenIdle()
    else this.pump()
  }

  /** Answers the submitter, and keeps the object for the next one. */
  private finish(io: AioIo, status: IoStatus, failedAt?: number): void {
    const { measured, submitter } = io
    io.submitter = undefined
    io.measured = undefined
    io.buffer = nothing
    this.idle.push(io)
    submitter?.ioDone(status, failedAt)
    measured?.(undefined, "ENODEV")
  }

  private closeWhenIdle(): void {
    if (this.operations > 0 || this.queue.length > 0) return
    this.queue.push(this.take("close", undefined))
    this.pump()
  }
}
