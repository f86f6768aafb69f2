/**
 * A disk in a regular file or on a block device, by positional reads and writes: through the page cache, or past it
 * (`direct`), which does not mean past the cache of a device. `writeCache` is true, and what must be on the medium is
 * there after `fdatasync`; with `dsync` it is there when a write ends.
 *
 * What can be had at once is (`ImmediateTransfers`). Anything else goes by libuv's pool.
 *
 * A file has a limited number of operations in libuv's pool, and all files together a limited number of its threads
 * (`FileSlots`); the rest waits in order. An operation that hangs keeps its thread and its buffer until it is back; the
 * descriptor is closed after the last one, so that its number is never another file's meanwhile.
 */
import { type BdevIo, IoStatus, type ResizableBdev, type RunFound } from "../Bdev.ts"
import type { AioSpec } from "../BdevSpec.ts"
import { endOfFile, errorCodeOf, ioStatusOf } from "../io-status-of.ts"
import { writeZerosTo } from "../write-zeros.ts"
import { AioIo, type AioOperation, type AioOwner, type CodedError, type Measured } from "./AioIo.ts"
import { type AioSurroundings, operationsPerFileMax } from "./AioSurroundings.ts"
import { clearBytesMax, FileAccess, type OpenedFile } from "./FileAccess.ts"
import { ImmediateTransfers } from "./ImmediateTransfers.ts"
import { noteSought } from "./mapped-run.ts"
import { PoolQueue } from "./PoolQueue.ts"
import { SharedSyncs } from "./SharedSyncs.ts"

const nothing = Buffer.alloc(0)

/** An open file. */
export class AioBdev implements ResizableBdev, AioOwner {
  readonly productName: string
  readonly identity: string
  readonly blockSize: number
  readonly physicalBlockSize: number
  readonly optimalIoBoundary = 0
  readonly writeCache: boolean
  readonly readOnly: boolean
  readonly removable: boolean
  readonly memory = undefined
  readonly thin: boolean
  readonly unmapGranuleBytes: number | undefined
  blockCount: number

  private readonly file: FileAccess
  private readonly immediate: ImmediateTransfers | undefined
  private readonly of: AioSurroundings
  private readonly queue: PoolQueue
  private readonly idle: Array<AioIo> = []
  private readonly syncs = new SharedSyncs()
  private operations = 0
  private isAnswering = false
  private isClosed = false
  private onClosed: (() => void) | undefined

  constructor(spec: AioSpec, file: OpenedFile, surroundings: AioSurroundings) {
    this.productName = file.productName
    this.identity = file.identity
    this.blockSize = file.blockSize
    this.physicalBlockSize = file.physicalBlockSize
    this.writeCache = spec.dsync !== true
    this.readOnly = spec.readOnly
    this.removable = spec.removable ?? false
    this.thin = file.thin
    this.unmapGranuleBytes = file.thin ? file.granuleBytes : undefined
    this.blockCount = file.blockCount
    this.of = surroundings
    this.file = new FileAccess(file, surroundings.files, spec.direct === true ? surroundings.bounces : undefined)
    const { descriptor, shortcuts } = file
    this.immediate = shortcuts && new ImmediateTransfers(descriptor, shortcuts, surroundings.budget)
    this.queue = new PoolQueue(descriptor, shortcuts?.takeWriteBatch, () => this.pump())
  }

  get syncFailures(): number {
    return this.syncs.failures
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

  /** A hole, if the file is thin; else it keeps its blocks. */
  unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    if (!this.file.punchesHoles) this.writeZeroes(byteOffset, byteLength, false, io)
    else this.submit("unmap", byteOffset, nothing, 0, byteLength, !this.writeCache, io)
  }

  writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    if (!this.file.zeroesRanges) writeZerosTo(this, byteOffset, byteLength, fua, io)
    // O_DSYNC is about writes: that it holds for this as well is not said.
    else this.submit("zero", byteOffset, nothing, 0, byteLength, fua || !this.writeCache, io)
  }

  /** Holes are unmapped. What a file has been given and not written yet may count as a hole, too. */
  mappedRun(byteOffset: number, byteLength: number, found: RunFound): void {
    if (!this.file.knowsHoles || this.isClosed) return found(byteLength)
    const io = this.take("seek", undefined)
    io.byteOffset = byteOffset
    io.byteLength = byteLength
    io.found = found
    this.enqueue(io)
  }

  flush(io: BdevIo): void {
    if (this.isClosed) return io.ioDone(IoStatus.aborted)
    this.sync(this.take("sync", io))
  }

  /** An operation that has not begun never will; the file may hang for long. */
  cancel(io: BdevIo): void {
    const waiting = this.queue.takeOf(io)
    if (waiting !== undefined) this.finish(waiting, IoStatus.aborted)
  }

  /** How long the file is now; `done` is called once. */
  measure(done: Measured): void {
    if (this.isClosed) return done(undefined, "ENODEV")
    const io = this.take("measure", undefined)
    io.measured = done
    this.enqueue(io)
  }

  resize(blockCount: number): void {
    this.blockCount = blockCount
  }

  /** What has not begun ends as aborted; the descriptor is closed when everything else is back. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.of.closing()
    const given = [...this.queue.takeAll(), ...this.syncs.takeWaiting()]
    for (const io of given) this.finish(io, IoStatus.aborted)
    this.closeWhenIdle()
  }

  /** Calls `then` when the descriptor is closed, once; to be asked right after `close`. */
  whenClosed(then: () => void): void {
    this.onClosed = then
  }

  /** It never came to be anybody's: what was made for it goes. After `close`. */
  discard(): Promise<void> {
    return this.of.remove()
  }

  /** For `FileSlots`. */
  slotFree(): void {
    this.pump()
  }

  /** For `AioIo`: a read or write is back. */
  transferred(io: AioIo, error: CodedError, bytes: number): void {
    const nothingDone = io.operation === "read" ? endOfFile : "EIO"
    if (error !== null || bytes <= 0) return this.transferFailed(io, error === null ? nothingDone : errorCodeOf(error))
    if (io.bounce !== undefined) {
      this.file.bounced(io, io.bounce, bytes)
      const rest = bytes % this.blockSize
      io.done += bytes - rest
      // Past the page cache what is no whole block is the end of the file; what follows could not even be asked for.
      if (rest !== 0) return this.transferFailed(io, nothingDone)
    } else io.done += bytes
    if (io.done < io.byteLength) return this.start(io)
    this.changed(io)
  }

  /** For `AioIo`: a range was cleared, or part of it. */
  cleared(io: AioIo, error: CodedError): void {
    const code = error === null ? undefined : errorCodeOf(error)
    if (code === "EOPNOTSUPP" || code === "ENOSYS") return this.clearOtherwise(io)
    if (code !== undefined) return this.operationFailed(io, code)
    io.done += Math.min(clearBytesMax, io.byteLength - io.done)
    if (io.done < io.byteLength) return this.start(io)
    this.changed(io)
  }

  /** From where it has stopped, whatever the file can do: in the end by writing. */
  private clearOtherwise(io: AioIo): void {
    const { byteLength, byteOffset, done, fua, submitter } = io
    this.file.giveUp(io)
    io.submitter = undefined
    this.leave(io, IoStatus.ok)
    if (submitter !== undefined) this.writeZeroes(byteOffset + done, byteLength - done, fua, submitter)
  }

  /** For `AioIo`: data or a hole begins here. */
  sought(io: AioIo, error: CodedError, byteOffset: number): void {
    if (noteSought(io, this.blockSize, error, byteOffset)) this.leave(io, IoStatus.ok)
    else this.start(io)
  }

  /** For `AioIo`: a sync or the close is back. */
  ended(io: AioIo, error: CodedError): void {
    const code = error === null ? undefined : errorCodeOf(error)
    const operation = io.operation === "close" ? "close" : "sync"
    if (code !== undefined) this.of.failed(operation, code, 0)
    if (operation === "close") {
      this.release(io)
      this.of.closed()
      this.onClosed?.()
      return
    }
    const answered = this.syncs.end(code !== undefined)
    this.idle.push(io)
    this.release(io)
    if (this.syncs.queueNext()) this.queueSync()
    const status = code === undefined ? IoStatus.ok : ioStatusOf(code)
    for (const waiting of answered) this.finish(waiting, status)
    this.goOn()
  }

  private submit(
    operation: AioOperation,
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
    if (this.readOnly && operation !== "read") return submitter.ioDone(IoStatus.writeProtected)
    const io = this.take(operation, submitter)
    io.byteOffset = byteOffset
    io.buffer = buffer
    io.start = start
    io.byteLength = byteLength
    io.fua = fua
    io.syncFailures = this.syncs.failures
    if (this.immediate?.tryNow(io, this.operations) === true) return this.settle(io)
    this.enqueue(io)
  }

  private take(operation: AioOperation, submitter: BdevIo | undefined): AioIo {
    const io = this.idle.pop() ?? new AioIo(this)
    io.operation = operation
    io.submitter = submitter
    io.done = 0
    io.run = 0
    io.dataAt = -1
    return io
  }

  private sync(waiting: AioIo): void {
    if (this.syncs.add(waiting)) this.queueSync()
  }

  private queueSync(): void {
    this.enqueue(this.take("sync", undefined))
  }

  private enqueue(io: AioIo): void {
    this.queue.add(io)
    this.pump()
  }

  private pump(): void {
    while (
      !this.isAnswering &&
      this.queue.hasNext &&
      this.operations < operationsPerFileMax &&
      this.of.slots.take(this)
    ) {
      this.operations += 1
      this.begin(this.queue.next())
    }
  }

  /** One operation: of one, or of several writes. */
  private begin(ios: ReadonlyArray<AioIo>): void {
    for (const io of ios) io.syncFailures = this.syncs.failures
    if (ios.length > 1 && this.queue.writeTogether(ios, (written) => this.wrote(ios, written))) return
    const [first, ...others] = ios
    for (const io of others) this.queue.addAlone(io)
    if (first !== undefined) this.start(first)
  }

  /** What was not written goes by itself, and ends as that does. */
  private wrote(ios: ReadonlyArray<AioIo>, written: ReadonlyArray<boolean>): void {
    const [first] = ios
    if (first !== undefined) this.release(first)
    // Nothing begins meanwhile: one sync is for all of them.
    this.isAnswering = true
    for (const [index, io] of ios.entries()) {
      if (written[index] === true) this.settle(io)
      else if (this.isClosed) this.finish(io, IoStatus.aborted)
      else this.queue.addAlone(io)
    }
    this.isAnswering = false
    this.goOn()
  }

  private start(io: AioIo): void {
    switch (io.operation) {
      case "read":
      case "write":
        return this.file.transfer(io)
      case "unmap":
      case "zero":
        // The file may have said that it can't while this has waited for its turn.
        if (!this.file.clear(io)) this.clearOtherwise(io)
        return
      case "seek":
        return this.file.seek(io)
      case "sync":
        this.syncs.begin()
        return this.file.sync(io)
      case "measure":
        return this.startMeasuring(io)
      case "close":
        return this.file.close(io)
    }
  }

  private startMeasuring(io: AioIo): void {
    this.file.measure().then(
      (bytes) => this.measured(io, Math.floor(bytes / this.blockSize), ""),
      (error: NodeJS.ErrnoException) => this.measured(io, undefined, errorCodeOf(error))
    )
  }

  /** The file is as was asked for; with FUA it is synced first. A sync that has failed meanwhile may have lost it. */
  private changed(io: AioIo): void {
    this.release(io)
    this.settle(io)
    this.goOn()
  }

  private settle(io: AioIo): void {
    const isLost = io.operation !== "read" && io.syncFailures !== this.syncs.failures
    if (isLost || !io.fua) this.finish(io, isLost ? IoStatus.mediumError : IoStatus.ok)
    else if (this.isClosed) this.finish(io, IoStatus.aborted)
    else this.sync(io)
  }

  /** A device that has become smaller says that there is no space; a file would grow. */
  private transferFailed(io: AioIo, code: string): void {
    if (code !== "ENOSPC" || !this.file.isDevice) return this.operationFailed(io, code)
    this.file.measure().then(
      (bytes) => this.operationFailed(io, io.byteOffset + io.done >= bytes ? endOfFile : code),
      () => this.operationFailed(io, code)
    )
  }

  private operationFailed(io: AioIo, code: string): void {
    const failedAt = io.byteOffset + io.done
    const { operation } = io
    this.of.failed(operation === "zero" || operation === "seek" ? "write" : operation, code, failedAt)
    // With FUA nothing of it is on the medium: no sync has followed.
    this.leave(io, ioStatusOf(code), io.fua ? io.byteOffset : failedAt)
  }

  private measured(io: AioIo, blockCount: number | undefined, code: string): void {
    const { measured } = io
    io.measured = undefined
    measured?.(blockCount, code)
    this.leave(io, IoStatus.ok)
  }

  /** An operation is back, and its slot another's. */
  private release(io: AioIo): void {
    this.file.releaseBounce(io)
    this.queue.ended(io)
    this.operations -= 1
    this.of.slots.give()
  }

  private leave(io: AioIo, status: IoStatus, failedAt?: number): void {
    this.release(io)
    this.finish(io, status, failedAt)
    this.goOn()
  }

  private goOn(): void {
    if (this.isClosed) this.closeWhenIdle()
    this.pump()
  }

  /** Answers the submitter, and keeps the object for the next one. */
  private finish(io: AioIo, status: IoStatus, failedAt?: number): void {
    this.idle.push(io)
    io.answer(status, failedAt)
  }

  private closeWhenIdle(): void {
    if (this.operations > 0 || this.queue.length > 0) return
    this.enqueue(this.take("close", undefined))
  }
}
