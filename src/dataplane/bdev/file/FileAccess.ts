/**
 * What operations of a disk do with its file or device: one call of the system each, or the next part of what one call
 * cannot do at once. Who waits for which, and what comes of it, is the disk's (`AioBdev`).
 */
import type { AioIo } from "./AioIo.ts"
import { type BounceBuffers, bounceBytes } from "./BounceBuffers.ts"
import type { FileOperations } from "./FileOperations.ts"
import type { FileShortcuts } from "./file-shortcuts.ts"
import type { SystemCalls } from "./system-calls.ts"

/**
 * Bytes that one operation clears: of a file of few large pieces many times as much would be cleared at once, of one of
 * many small ones this much keeps a thread of the pool for milliseconds.
 */
export const clearBytesMax = 64 * 1024 * 1024

/** What its opening has found out of a file or device. */
export interface OpenedFile {
  readonly descriptor: number
  readonly productName: string
  /** As `Bdev.identity`. */
  readonly identity: string
  readonly blockCount: number
  readonly blockSize: number
  readonly physicalBlockSize: number
  /** Unmapped blocks can be given back. */
  readonly thin: boolean
  /** Bytes that are given back together, if it is thin. */
  readonly granuleBytes: number
  /** What is written past its end is an error: it does not grow. */
  readonly isDevice: boolean
  /** Bytes that it has now. */
  readonly measure: () => Promise<number>
  /** What of it needs no trip through the pool, or fewer. */
  readonly shortcuts: FileShortcuts | undefined
}

/** One open file. */
export class FileAccess {
  readonly isDevice: boolean
  readonly measure: () => Promise<number>
  readonly #descriptor: number
  readonly #files: FileOperations
  /** Of a file that is read and written past the page cache. */
  readonly #bounces: BounceBuffers | undefined
  /** Both until the file has said that it can do nothing with it. */
  #punchHole: SystemCalls["punchHole"] | undefined
  #zeroRange: SystemCalls["zeroRange"] | undefined
  readonly #seeks: SystemCalls | undefined

  /** `bounces` are given for a file that was opened with O_DIRECT. */
  constructor(file: OpenedFile, files: FileOperations, bounces: BounceBuffers | undefined) {
    const loaded = files.systemCalls()
    const calls = typeof loaded === "string" ? undefined : loaded
    this.isDevice = file.isDevice
    this.measure = file.measure
    this.#descriptor = file.descriptor
    this.#files = files
    this.#bounces = bounces
    this.#punchHole = file.thin ? calls?.punchHole : undefined
    this.#zeroRange = calls?.zeroRange
    // A device cannot be asked for what it has deallocated.
    this.#seeks = file.thin && !file.isDevice ? calls : undefined
  }

  /** Whether unmapped blocks are given back. */
  get punchesHoles(): boolean {
    return this.#punchHole !== undefined
  }

  /** Whether zeros need no writing. */
  get zeroesRanges(): boolean {
    return this.#zeroRange !== undefined
  }

  /** Whether it knows which blocks are mapped. */
  get knowsHoles(): boolean {
    return this.#seeks !== undefined
  }

  /** The file has said that it has no such thing as this operation. */
  giveUp({ operation }: AioIo): void {
    if (operation === "unmap") this.#punchHole = undefined
    else this.#zeroRange = undefined
  }

  /** Reads or writes what is left of the operation, or part of it. */
  transfer(io: AioIo): void {
    if (this.#bounces !== undefined) return this.#transferDirect(io, this.#bounces)
    const { buffer, byteLength, byteOffset, done, operation, start } = io
    const files = this.#files
    if (operation === "read") {
      files.read(this.#descriptor, buffer, start + done, byteLength - done, byteOffset + done, io.transferred)
    } else {
      files.write(this.#descriptor, buffer, start + done, byteLength - done, byteOffset + done, io.transferred)
    }
  }

  /** A direct read is back: its data is where it was asked for. */
  bounced(io: AioIo, bounce: Buffer, bytes: number): void {
    if (io.operation === "read") bounce.copy(io.buffer, io.start + io.done, 0, bytes)
  }

  /** The operation is over: its memory is the next one's. */
  releaseBounce(io: AioIo): void {
    if (io.bounce === undefined) return
    this.#bounces?.give(io.bounce)
    io.bounce = undefined
  }

  /** Clears what is left of the operation, or part of it. False: it can't, or not any more. */
  clear(io: AioIo): boolean {
    const { byteLength, byteOffset, done, operation } = io
    const call = operation === "unmap" ? this.#punchHole : this.#zeroRange
    call?.(this.#descriptor, byteOffset + done, Math.min(clearBytesMax, byteLength - done), io.cleared)
    return call !== undefined
  }

  /** Looks for data, and from there for a hole. */
  seek(io: AioIo): void {
    if (io.dataAt < 0) this.#seeks?.seekData(this.#descriptor, io.byteOffset, io.sought)
    else this.#seeks?.seekHole(this.#descriptor, io.dataAt, io.sought)
  }

  /** Brings what was written onto the medium. */
  sync(io: AioIo): void {
    this.#files.fdatasync(this.#descriptor, io.ended)
  }

  /** Closes the descriptor: nothing must be under way. */
  close(io: AioIo): void {
    this.#files.close(this.#descriptor, io.ended)
  }

  #transferDirect(io: AioIo, bounces: BounceBuffers): void {
    const { buffer, byteLength, byteOffset, done, operation, start } = io
    const bounce = io.bounce ?? bounces.take()
    const length = Math.min(bounceBytes, byteLength - done)
    io.bounce = bounce
    if (operation === "write") buffer.copy(bounce, 0, start + done, start + done + length)
    const transfer = operation === "read" ? this.#files.read : this.#files.write
    transfer(this.#descriptor, bounce, 0, length, byteOffset + done, io.transferred)
  }
}
