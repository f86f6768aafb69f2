/**
 * A copy under way: its segments one after the other, each piece by piece through one buffer, with others' IO in
 * between. It ends with its last segment, its first failure, or when nobody waits for it any more: what is copied by
 * then stays. Pieces of a copy within one medium go in the order that makes overlapping blocks right.
 */
import { IoStatus } from "../../bdev/Bdev.ts"
import type { OperationRun } from "../ScsiOperation.ts"
import { encodeSense, senseLengthMax } from "../sense.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"
import { CopyEnd } from "./CopyEnd.ts"
import { CopyManagerStatus, type CopyRecord, type CopyRecords } from "./CopyRecords.ts"
import { copyStepBytes, segmentBytesMax } from "./copy-limits.ts"
import type { CopyList, CopySegment } from "./copy-list.ts"

/** How long a piece waits that the disk had no memory for, in milliseconds. */
const retryMillis = 100

/** Why a segment can't be copied (SPC-4 5.17.7.4): additional sense of COPY ABORTED, and what is wrong. */
interface SegmentFailure {
  readonly code: SenseCode
  /** A byte of the segment descriptor, or of the parameter list: where the CSCD descriptor begins. */
  readonly byte: number
  readonly isInList: boolean
}

/** A segment whose ends are known and have all its blocks; bytes. */
interface Range {
  readonly source: CopyEnd
  readonly destination: CopyEnd
  readonly from: number
  readonly to: number
  readonly length: number
  /** Of all its pieces but the last. */
  readonly piece: number
}

const inSegment = (code: SenseCode, byte: number): SegmentFailure => ({ code, byte, isInList: false })
const atDisk = (code: SenseCode, byte: number): SegmentFailure => ({ code, byte, isInList: true })

/** Offsets in a segment descriptor, and of DISK BLOCK LENGTH in a CSCD descriptor. */
const at = { source: 4, destination: 6, blocks: 10, sourceLba: 12, destinationLba: 20, blockLength: 29 } as const

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b))

/** Bytes of the longest piece that is whole blocks at both ends; 0 when not even one step has room for that. */
const pieceOf = (source: CopyEnd, destination: CopyEnd): number => {
  const { blockSize } = source
  const multiple = (blockSize / greatestDivisor(blockSize, destination.blockSize)) * destination.blockSize
  return Math.floor(copyStepBytes / multiple) * multiple
}

/** One EXTENDED COPY. */
export class ExtendedCopy {
  readonly #run: OperationRun
  readonly #list: CopyList
  readonly #records: CopyRecords
  readonly #record: CopyRecord
  readonly #buffer: Buffer
  /** By CSCD descriptor. */
  readonly #ends: Array<CopyEnd | undefined> = []
  #range: Range | undefined
  /** Pieces of the segment that are copied. */
  #step = 0
  /** Bytes that were written before the segment, and from its start on without a gap. */
  #bytesBefore = 0
  #segmentBytes = 0

  constructor(run: OperationRun, list: CopyList, records: CopyRecords, record: CopyRecord, buffer: Buffer) {
    this.#run = run
    this.#list = list
    this.#records = records
    this.#record = record
    this.#buffer = buffer
  }

  /** Copies the next segment; ends after the last. */
  next(): void {
    if (this.#run.aborted) return this.#end(CopyManagerStatus.failed)
    this.#range = undefined
    this.#step = 0
    const segment = this.#list.segments[this.#record.segmentsCopied]
    if (segment === undefined) {
      this.#run.task.good()
      return this.#end(CopyManagerStatus.completed)
    }
    const range = this.#rangeOf(segment)
    if ("code" in range) return this.#fail(range)
    this.#range = range
    this.#step = 0
    this.#bytesBefore = this.#record.bytesWritten
    this.#segmentBytes = 0
    this.#copyPiece()
  }

  #copyPiece(): void {
    const range = this.#range
    if (range === undefined) return
    if (this.#run.aborted) return this.#end(CopyManagerStatus.failed)
    const { destination, from, length, piece, source, to } = range
    const steps = Math.ceil(length / piece)
    if (this.#step === steps) {
      this.#record.segmentsCopied++
      return this.next()
    }
    // Units of one stack have the same blocks.
    const overlapsAhead = source.unit.taskSet === destination.unit.taskSet && from < to
    const start = (overlapsAhead ? steps - 1 - this.#step : this.#step) * piece
    const bytes = Math.min(piece, length - start)
    source.read(from + start, bytes, this.#buffer, (status) => {
      if (status !== IoStatus.ok) return this.#ioFailed(status, source)
      destination.write(to + start, bytes, this.#buffer, (written) => {
        if (written !== IoStatus.ok) return this.#ioFailed(written, destination)
        this.#step++
        // Of what is written from behind, nothing counts until there is no gap.
        this.#segmentBytes = overlapsAhead && this.#step < steps ? 0 : Math.min(this.#step * piece, length)
        this.#record.bytesWritten = this.#bytesBefore + this.#segmentBytes
        // It is read and written.
        this.#run.soon(2 * bytes, () => this.#copyPiece())
      })
    })
  }

  #ioFailed(status: IoStatus, end: CopyEnd): void {
    if (status === IoStatus.noMemory) {
      setTimeout(() => this.#copyPiece(), retryMillis)
      return
    }
    const isGone = status === IoStatus.aborted || status === IoStatus.notReady
    const code = isGone ? SenseCode.copyTargetDeviceNotReachable : SenseCode.thirdPartyDeviceFailure
    this.#fail(atDisk(code, end.listByte))
  }

  /** Ends of the segment, and whether they can do it; checked when its turn comes (SPC-4 5.17.7.4). */
  #rangeOf(segment: CopySegment): Range | SegmentFailure {
    const source = this.#endOf(segment.source, at.source)
    if ("code" in source) return source
    const destination = this.#endOf(segment.destination, at.destination)
    if ("code" in destination) return destination
    const counted = segment.countsDestinationBlocks ? destination : source
    const length = segment.blocks * counted.blockSize
    const from = segment.sourceLba * source.blockSize
    const to = segment.destinationLba * destination.blockSize
    const piece = pieceOf(source, destination)
    if (length > segmentBytesMax) return inSegment(SenseCode.invalidFieldInParameterList, at.blocks)
    if (piece === 0 || length % source.blockSize !== 0 || length % destination.blockSize !== 0) {
      return inSegment(SenseCode.unexpectedInexactSegment, at.blocks)
    }
    if (from + length > source.byteLength) return inSegment(SenseCode.copyTargetDeviceNotReachable, at.sourceLba)
    if (to + length > destination.byteLength) {
      return inSegment(SenseCode.copyTargetDeviceNotReachable, at.destinationLba)
    }
    if (source.isKept("read")) return atDisk(SenseCode.thirdPartyDeviceFailure, source.listByte)
    if (destination.isKept("write")) return atDisk(SenseCode.thirdPartyDeviceFailure, destination.listByte)
    return { source, destination, from, to, length, piece }
  }

  #endOf(index: number, byte: number): CopyEnd | SegmentFailure {
    const cscd = this.#list.cscds[index]
    if (cscd === undefined) return inSegment(SenseCode.unreachableCopyTarget, byte)
    const { listByte } = cscd
    const end = this.#ends[index] ?? CopyEnd.find(this.#run, cscd)
    if (end === undefined) return atDisk(SenseCode.copyTargetDeviceNotReachable, listByte)
    this.#ends[index] = end
    if (end.isOver) return atDisk(SenseCode.copyTargetDeviceNotReachable, listByte)
    if (cscd.peripheralDeviceType !== 0) return atDisk(SenseCode.incorrectCopyTargetDeviceType, listByte)
    if (cscd.blockLength !== end.blockSize) {
      return atDisk(SenseCode.invalidFieldInParameterList, listByte + at.blockLength)
    }
    return end
  }

  #fail({ byte, code, isInList }: SegmentFailure): void {
    const { nexus, task } = this.#run
    task.checkCondition(SenseKey.copyAborted, code)
    task.fieldByte = byte
    task.fieldInParameters = isInList
    task.commandSpecific = this.#record.segmentsCopied
    task.information = this.#residualBlocks()
    const sense = Buffer.alloc(senseLengthMax)
    const { descriptorSense } = nexus.unit.modeValues
    this.#record.failureSense = sense.subarray(0, encodeSense(task, descriptorSense, sense, 0))
    this.#end(CopyManagerStatus.failed)
  }

  /** Of the segment, in blocks of the destination; -1 if nothing of it was written. */
  #residualBlocks(): number {
    const range = this.#range
    if (range === undefined || this.#step === 0) return -1
    return (range.length - this.#segmentBytes) / range.destination.blockSize
  }

  #end(status: CopyManagerStatus): void {
    for (const end of this.#ends) end?.release()
    this.#records.end(this.#record, status)
    this.#run.end()
  }
}
