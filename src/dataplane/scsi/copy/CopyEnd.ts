/**
 * One end of a copy: a unit that the session has a LUN of. An initiator copies between what it could read and write
 * itself, so the ends are LUNs of its own session: what its access rules hide is not there, a read-only map and
 * reservations of others hold for both ends.
 */
import type { BdevIo } from "../../bdev/Bdev.ts"
import { IoStatus } from "../../bdev/Bdev.ts"
import { CountingBdev } from "../../bdev/wrapper/CountingBdev.ts"
import type { LogicalUnit } from "../LogicalUnit.ts"
import { Restriction } from "../reservations/UnitReservations.ts"
import type { OperationRun, ScsiOperation } from "../ScsiOperation.ts"
import { ScsiAction, ScsiTask } from "../ScsiTask.ts"
import type { LunUse } from "../SessionView.ts"
import type { SetCommand } from "../TaskSet.ts"
import { copyStepBytes } from "./copy-limits.ts"
import type { CscdDescriptor } from "./copy-list.ts"

const naaDesignator = 0x03
const binaryCodeSet = 0x01

/** Whether a descriptor names a unit: by its NAA designator, as VPD page 83h has it. */
const names = (cscd: CscdDescriptor, { identity }: LogicalUnit): boolean =>
  cscd.association === 0 &&
  cscd.designatorType === naaDesignator &&
  cscd.codeSet === binaryCodeSet &&
  cscd.designator.equals(identity.naa)

const zeros = Buffer.alloc(copyStepBytes)

/** What was never written at the source need not take up room at the destination. */
const isZero = (piece: Buffer, byteLength: number): boolean => piece.compare(zeros, 0, byteLength, 0, byteLength) === 0

/** For the task set only: nothing else touches the blocks while a piece is written to them. */
const writesAlone: ScsiOperation = { use: "atomic", begin: () => {} }

/** A unit that a copy reads and writes, one piece at a time. */
export class CopyEnd implements SetCommand, BdevIo {
  /** The piece, as the unit's task set sees it. */
  readonly scsi = new ScsiTask()
  readonly unit: LogicalUnit
  /** Where its CSCD descriptor begins in the parameter list. */
  readonly listByte: number
  readonly #use: LunUse
  readonly #run: OperationRun
  #buffer: Buffer = Buffer.alloc(0)
  #then: (status: IoStatus) => void = () => {}

  constructor(run: OperationRun, use: LunUse, listByte: number) {
    this.#run = run
    this.listByte = listByte
    this.#use = use
    this.unit = use.nexus.unit
  }

  /** The end that a descriptor of a copy names; undefined: its session has no such LUN. */
  static find(run: OperationRun, cscd: CscdDescriptor): CopyEnd | undefined {
    const { session } = run
    for (const lun of session.reportLuns()) {
      const nexus = session.nexus(lun)
      if (nexus === undefined || !names(cscd, nexus.unit)) continue
      const use = session.useLun(lun)
      return use === undefined ? undefined : new CopyEnd(run, use, cscd.listByte)
    }
    return undefined
  }

  get nexus(): LunUse["nexus"] {
    return this.#use.nexus
  }

  /** The LUN drains, or is not the session's any more. */
  get isOver(): boolean {
    return this.#use.isOver
  }

  get blockSize(): number {
    return this.unit.bdev.blockSize
  }

  get byteLength(): number {
    return this.unit.bdev.blockCount * this.blockSize
  }

  /**
   * Whether the initiator might not do it itself now: the unit is out or write-protected, or others have reserved it.
   * Who is preempted in the middle of a copy is kept from the rest of it.
   */
  isKept(access: "read" | "write"): boolean {
    const { restriction, unit, writeProtected } = this.nexus
    if (unit.guarded) return true
    if (access === "write") return writeProtected || restriction !== Restriction.none
    return restriction === Restriction.readsAndWrites || restriction === Restriction.reserved
  }

  /** The copy does not need it any more; nothing of it is at the disk. */
  release(): void {
    this.#use.end()
  }

  /** Reads a piece to the start of `buffer`; `then` may be called at once. */
  read(byteOffset: number, byteLength: number, buffer: Buffer, then: (status: IoStatus) => void): void {
    this.scsi.action = ScsiAction.read
    this.#begin(byteOffset, byteLength, buffer, then)
  }

  /** Writes a piece from the start of `buffer`. Others' commands on its blocks wait. */
  write(byteOffset: number, byteLength: number, buffer: Buffer, then: (status: IoStatus) => void): void {
    this.scsi.action = ScsiAction.operate
    this.scsi.operation = writesAlone
    this.#begin(byteOffset, byteLength, buffer, then)
  }

  #begin(byteOffset: number, byteLength: number, buffer: Buffer, then: (status: IoStatus) => void): void {
    this.#buffer = buffer
    this.#then = then
    this.scsi.byteOffset = byteOffset
    this.scsi.byteLength = byteLength
    if (this.isOver) then(IoStatus.aborted)
    else if (this.unit.taskSet.awaitsLateWrite(this.scsi)) then(IoStatus.noMemory)
    else if (this.unit.taskSet.enter(this)) this.proceed()
  }

  /** The blocks are free. */
  proceed(): void {
    const { byteLength, byteOffset } = this.scsi
    if (this.#run.aborted || this.isOver || this.unit.guarded || byteOffset + byteLength > this.byteLength) {
      this.ioDone(IoStatus.aborted)
      return
    }
    if (this.isKept(this.scsi.action === ScsiAction.read ? "read" : "write")) {
      this.ioDone(IoStatus.failed)
      return
    }
    const { writeThrough } = this.unit.modeValues
    const bdev = new CountingBdev(this.unit.bdev, this.unit.statistics, () => performance.now())
    if (this.scsi.action === ScsiAction.read) bdev.read(byteOffset, this.#buffer, 0, byteLength, this)
    else if (isZero(this.#buffer, byteLength)) bdev.writeZeroes(byteOffset, byteLength, writeThrough, this)
    else bdev.write(byteOffset, this.#buffer, 0, byteLength, writeThrough, this)
  }

  ioDone(status: IoStatus): void {
    this.unit.taskSet.leave(this)
    this.#then(status)
  }
}
