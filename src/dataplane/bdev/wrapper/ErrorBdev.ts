/**
 * A bdev with faults on demand: the next N IOs of a kind fail, find no memory, have a byte flipped, or stay pending for
 * ever. The last makes it the bdev that never answers, which drains and deadlines are tested with.
 *
 * Pending IOs end only through `resumePending`: by running at the base, or as aborted when the bdev is closed by then.
 * `close` does not end them, as a hung disk would not either.
 */
import { type Bdev, type BdevIo, IoStatus } from "../Bdev.ts"
import { WrapperBdev } from "./WrapperBdev.ts"

/** Kinds of IO that faults are told apart by; zeros that are written without a buffer are a write. */
export type FaultyIoType = "read" | "write" | "unmap" | "flush"

/** What to do to the next `count` IOs of a kind: the control plane's injection, as plain values. */
export interface Fault {
  /** `clear` disarms all kinds and arms nothing. */
  readonly ioType: FaultyIoType | "all" | "clear"
  readonly errorType: "failure" | "pending" | "corrupt_data" | "nomem"
  readonly count: number
  /** Only while at least this many IOs are outstanding, the new one not counted. */
  readonly queueDepth: number
  /** `corrupt_data`: the byte at this offset of the IO is XORed with `corruptValue`; beyond its end nothing happens. */
  readonly corruptOffset: number
  /** 1..255. */
  readonly corruptValue: number
  /**
   * Only IO that meets one of these blocks: a `failure` is that of the first of them, and what is before it is done.
   * Absent: all IO, also flushes, which have no blocks.
   */
  readonly blocks?: { readonly first: number; readonly count: number }
}

const faultyIoTypes: ReadonlyArray<FaultyIoType> = ["read", "write", "unmap", "flush"]

interface ArmedFault {
  readonly fault: Fault
  left: number
}

/** One IO on its way through; pooled. */
class ErrorIo implements BdevIo {
  submitter: BdevIo | undefined
  type: FaultyIoType = "flush"
  byteOffset = 0
  /** With read, and with write unless it is zeros. */
  buffer: Buffer | undefined
  start = 0
  byteLength = 0
  fua = false
  /** The fault to apply to the data when the base has read them. */
  corruption: Fault | undefined
  /** The first bad block, in bytes: the base does what is before it. */
  failAt: number | undefined

  private readonly owner: ErrorBdev

  constructor(owner: ErrorBdev) {
    this.owner = owner
  }

  ioDone(status: IoStatus, byteOffset?: number): void {
    this.owner.end(this, status, byteOffset)
  }
}

const flip = (buffer: Buffer, start: number, byteLength: number, fault: Fault): void => {
  if (fault.corruptOffset >= byteLength) return
  const at = start + fault.corruptOffset
  buffer[at] = (buffer[at] ?? 0) ^ fault.corruptValue
}

/** A disk that fails as told. */
export class ErrorBdev extends WrapperBdev {
  private readonly armed = new Map<FaultyIoType, ArmedFault>()
  private readonly pending = new Set<ErrorIo>()
  private readonly idle: Array<ErrorIo> = []
  private outstanding = 0
  private closed = false

  constructor(base: Bdev) {
    super("Error Injection Disk", base)
  }

  /** IOs that wait for `resumePending`. */
  get pendingCount(): number {
    return this.pending.size
  }

  /**
   * Arms a fault for one kind of IO or for all; it replaces the one armed before. A count of 0 disarms. What is pending
   * stays pending.
   */
  inject(fault: Fault): void {
    if (fault.ioType === "clear") {
      this.armed.clear()
      return
    }
    for (const type of fault.ioType === "all" ? faultyIoTypes : [fault.ioType]) {
      if (fault.count > 0) this.armed.set(type, { fault, left: fault.count })
      else this.armed.delete(type)
    }
  }

  /** Lets the pending IOs go on, in their order. Faults that are armed now do not meet them again. */
  resumePending(): void {
    const waiting = [...this.pending]
    this.pending.clear()
    for (const io of waiting) this.submit(io)
  }

  read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    this.begin("read", byteOffset, target, targetStart, byteLength, false, io)
  }

  write(byteOffset: number, source: Buffer, sourceStart: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.begin("write", byteOffset, source, sourceStart, byteLength, fua, io)
  }

  unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    this.begin("unmap", byteOffset, undefined, 0, byteLength, false, io)
  }

  writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.begin("write", byteOffset, undefined, 0, byteLength, fua, io)
  }

  flush(io: BdevIo): void {
    this.begin("flush", 0, undefined, 0, 0, false, io)
  }

  close(): void {
    this.closed = true
  }

  /** The base has answered, or a fault stands in for it. */
  end(io: ErrorIo, status: IoStatus, byteOffset?: number): void {
    if (io.type === "read" && io.corruption && io.buffer && status === IoStatus.ok) {
      flip(io.buffer, io.start, io.byteLength, io.corruption)
    }
    const { failAt, submitter } = io
    if (submitter !== undefined) this.atBase.delete(submitter)
    io.failAt = undefined
    io.submitter = undefined
    io.buffer = undefined
    io.corruption = undefined
    this.outstanding -= 1
    this.idle.push(io)
    if (failAt !== undefined && status === IoStatus.ok) submitter?.ioDone(IoStatus.mediumError, failAt)
    else submitter?.ioDone(status, byteOffset)
  }

  private begin(
    type: FaultyIoType,
    byteOffset: number,
    buffer: Buffer | undefined,
    start: number,
    byteLength: number,
    fua: boolean,
    submitter: BdevIo
  ): void {
    const fault = this.nextFault(type, byteOffset, byteLength)
    const io = this.idle.pop() ?? new ErrorIo(this)
    this.outstanding += 1
    io.submitter = submitter
    io.type = type
    io.byteOffset = byteOffset
    io.buffer = buffer
    io.start = start
    io.byteLength = byteLength
    io.fua = fua
    if (fault === undefined) this.submit(io)
    else if (fault.errorType === "failure") this.fail(io, fault)
    else if (fault.errorType === "nomem") this.end(io, IoStatus.noMemory)
    else if (fault.errorType === "pending") this.pending.add(io)
    else this.corrupt(io, fault)
  }

  /** At the first bad block: of a flush it is not known which one. */
  private fail(io: ErrorIo, { blocks }: Fault): void {
    const badAt = (blocks?.first ?? 0) * this.blockSize
    if (badAt <= io.byteOffset) {
      return this.end(io, IoStatus.mediumError, io.type === "flush" ? undefined : io.byteOffset)
    }
    io.failAt = badAt
    io.byteLength = badAt - io.byteOffset
    this.submit(io)
  }

  private corrupt(io: ErrorIo, fault: Fault): void {
    io.corruption = fault
    if (io.type === "write") {
      // The submitter's data stay as they are: only what reaches the base is wrong.
      const { buffer, byteLength, start } = io
      io.buffer =
        buffer === undefined ? Buffer.alloc(byteLength) : Buffer.from(buffer.subarray(start, start + byteLength))
      io.start = 0
      flip(io.buffer, 0, io.byteLength, fault)
    }
    this.submit(io)
  }

  private submit(io: ErrorIo): void {
    const { buffer, byteLength, byteOffset, submitter } = io
    if (this.closed) return this.end(io, IoStatus.aborted)
    if (submitter !== undefined) this.atBase.set(submitter, io)
    if (io.type === "flush") this.base.flush(io)
    else if (io.type === "unmap") this.base.unmap(byteOffset, byteLength, io)
    else if (buffer === undefined) this.base.writeZeroes(byteOffset, byteLength, io.fua, io)
    else if (io.type === "read") this.base.read(byteOffset, buffer, io.start, byteLength, io)
    else this.base.write(byteOffset, buffer, io.start, byteLength, io.fua, io)
  }

  private nextFault(type: FaultyIoType, byteOffset: number, byteLength: number): Fault | undefined {
    const armed = this.armed.get(type)
    if (armed === undefined || this.outstanding < armed.fault.queueDepth) return undefined
    const { blocks } = armed.fault
    if (blocks !== undefined && !this.meets(blocks, byteOffset, byteLength)) return undefined
    armed.left -= 1
    if (armed.left <= 0) this.armed.delete(type)
    return armed.fault
  }

  private meets({ count, first }: NonNullable<Fault["blocks"]>, byteOffset: number, byteLength: number): boolean {
    const from = first * this.blockSize
    return byteOffset < from + count * this.blockSize && from < byteOffset + byteLength
  }
}
