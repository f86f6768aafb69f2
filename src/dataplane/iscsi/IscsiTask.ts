/**
 * An iSCSI task: one SCSI command from its PDU to its status, with the data that is still to come. Pooled per reactor.
 *
 * Data of a write comes in ascending order (DataPDUInOrder and DataSequenceInOrder are Yes), so a task needs one
 * position only. It goes straight into a RAM disk, in whole blocks, or into the task's buffer for any other bdev.
 */
import { type BdevIo, IoStatus } from "../bdev/Bdev.ts"
import { type IoCounts, IoKind } from "../bdev/statistics/IoCounts.ts"
import { outstandingR2tMax } from "../limits.ts"
import type { OrderedCommand } from "../scsi/CommandOrder.ts"
import { ScsiTask } from "../scsi/ScsiTask.ts"
import type { SetCommand } from "../scsi/TaskSet.ts"
import type { IoClock } from "./IoClock.ts"
import type { IoWatch } from "./IoWatch.ts"
import type { RunningOperation } from "./RunningOperation.ts"
import type { PduRecorder } from "./recorder/PduRecorder.ts"
import type { Session } from "./Session.ts"
import type { LunMapping, SubmittedCommand } from "./Target.ts"

/** Where a task stands. */
export const TaskPhase = {
  /** In the pool. */
  Idle: 0,
  /** Its PDU is being read, or data of a write is still to come. */
  Receiving: 1,
  /** At the bdev. */
  Submitted: 2,
  /** Answered or given up, while the bdev still has it: its buffer must live until it is back. */
  Zombie: 3,
  /** Back from the bdev with data that the initiator is too slow to take now. */
  Held: 4,
  /** Complete, and waits for others of its task set. */
  Waiting: 5
} as const
export type TaskPhase = (typeof TaskPhase)[keyof typeof TaskPhase]

/** What a task without a buffer has. */
export const noBuffer = Buffer.alloc(0)

/** Who answers a task: the commands of its connection. */
export interface TaskOwner {
  readonly connection: { readonly id: number; readonly recorder: PduRecorder }
  readonly session: Session
  /** IO of these commands. */
  readonly counts: IoCounts
  readonly ioDone: (task: IscsiTask, status: IoStatus, byteOffset: number | undefined) => void
  /** Answers a submitted task without waiting for it any longer. */
  readonly giveUp: (task: IscsiTask) => void
  /** It has waited for others, and goes on. */
  readonly proceed: (task: IscsiTask) => void
  /** Its turn has come among the commands of its unit. */
  readonly takeTurn: (task: IscsiTask) => void
  /** Others have waited for it for too long: it ends. */
  readonly endLate: (task: IscsiTask) => void
}

/** Where a task goes when it has ended and nobody has it any more, the clock that it is timed by, and who watches. */
export interface TaskHome {
  readonly clock: IoClock
  readonly watch: IoWatch
  readonly give: (task: IscsiTask) => void
}

/** One task. */
export class IscsiTask implements BdevIo, OrderedCommand, SetCommand, SubmittedCommand {
  readonly scsi = new ScsiTask()
  readonly #pool: TaskHome
  phase: TaskPhase = TaskPhase.Idle
  /** Who answers; undefined once nobody waits for the answer. */
  owner: TaskOwner | undefined
  mapping: LunMapping | undefined
  initiatorTaskTag = 0
  /** First two bytes of the command's LUN field, in whatever form it addresses the unit: R2Ts repeat them. */
  lunField = 0
  /** Its unit's order knows of it: it waits for others, or others wait for it. */
  inOrder = false
  /** Counted against the command window. */
  counted = false
  /** When its PDU began, and when the bdev got it, by the pool's clock. */
  startedAt = 0
  submittedAt = 0
  ioKind: IoKind = IoKind.read
  /** Expected data transfer length of the initiator, in bytes, and its direction flags. */
  expectedBytes = 0
  expectsDataIn = false
  expectsDataOut = false

  /** The operation that it has begun. */
  run: RunningOperation | undefined
  /** Bytes of a write or for an operation, no more than the initiator sends; of a write, whole blocks. */
  wantedBytes = 0
  /** Bytes received so far: the buffer offset that comes next. */
  receivedBytes = 0
  /** Unsolicited data ends here (buffer offset); meaningful while `unsolicited`. */
  unsolicitedEnd = 0
  unsolicited = false
  /** DataSN that the next Data-Out of the sequence must have. */
  nextDataSn = 0
  nextR2tSn = 0
  /** Buffer offset up to which R2Ts have asked. */
  solicitedEnd = 0
  /** Outstanding R2Ts, oldest first: tag and the buffer offset where it ends. */
  readonly r2tTags = new Uint32Array(outstandingR2tMax)
  readonly r2tEnds = new Uint32Array(outstandingR2tMax)
  r2tCount = 0

  /** RAM disks: where the data of a write goes; decided when it begins, whatever happens to the disk meanwhile. */
  memory: Buffer | undefined
  /** Data of a bdev that is not memory; `noBuffer` otherwise. */
  buffer: Buffer = noBuffer
  /** RAM disks: the start of a block whose end has not come. */
  #staging: Buffer = noBuffer
  #stagedBytes = 0
  /** Called when the task has left the bdev: task management functions wait for it. */
  onEnd: (() => void) | undefined

  constructor(pool: TaskHome) {
    this.#pool = pool
  }

  get isZombie(): boolean {
    return this.phase === TaskPhase.Zombie
  }

  giveUp(): void {
    this.owner?.giveUp(this)
  }

  proceed(): void {
    this.owner?.proceed(this)
  }

  takeTurn(): void {
    this.owner?.takeTurn(this)
  }

  endLate(): void {
    this.owner?.endLate(this)
  }

  /** It has been answered, given up or abandoned: nobody has to wait for it any more. */
  leaveOrder(): void {
    this.inOrder = false
    this.mapping?.unit.order.leave(this)
  }

  whenEnded(then: () => void): void {
    const before = this.onEnd
    this.onEnd = (): void => {
      before?.()
      then()
    }
  }

  /** The bdev gets it, or its memory is used. */
  submit(kind: IoKind): void {
    this.ioKind = kind
    this.submittedAt = this.#pool.clock.last
  }

  /** What was submitted has ended: counts it for the disk, the LUN and the session, if somebody still waits for it. */
  count(status: IoStatus): void {
    const { ioKind, mapping } = this
    if (mapping === undefined) return
    const bytes = this.#countedBytes()
    const now = this.#pool.clock.read()
    const millis = now - this.submittedAt
    mapping.lastIoAt = now
    mapping.unit.statistics.ended(ioKind, bytes, millis, status)
    if (millis >= this.#pool.watch.slowMillis) this.#pool.watch.slow(this, millis, status)
    const session = this.owner?.counts
    if (status !== IoStatus.ok) {
      mapping.counts.errors++
      if (session !== undefined) session.errors++
      return
    }
    mapping.counts.add(ioKind, bytes, millis)
    session?.add(ioKind, bytes, millis)
  }

  #countedBytes(): number {
    if (this.run !== undefined) return this.scsi.byteLength
    return this.ioKind === IoKind.write ? this.wantedBytes : this.ioKind === IoKind.read ? this.scsi.byteLength : 0
  }

  /** The bdev has answered, or the operation has ended. */
  ioDone(status: IoStatus, byteOffset?: number): void {
    const { mapping, onEnd, owner, run } = this
    if (mapping !== undefined) mapping.unit.statistics.inFlight--
    if (run === undefined || run.operation.counts !== undefined) this.count(status)
    if (owner !== undefined) owner.ioDone(this, status, byteOffset)
    else this.#pool.give(this)
    mapping?.end(this)
    mapping?.unit.taskSet.leave(this)
    onEnd?.()
  }

  /** Nobody waits for the answer any more; if the bdev still has the task, it keeps its buffer until it is back. */
  abandon(): void {
    this.owner = undefined
    const { mapping, run } = this
    if (this.phase === TaskPhase.Waiting) mapping?.unit.taskSet.withdraw(this)
    if (this.phase !== TaskPhase.Submitted) return this.#pool.give(this)
    this.phase = TaskPhase.Zombie
    const writes = run === undefined ? this.wantedBytes > 0 : run.operation.use !== "reads" && this.scsi.byteLength > 0
    mapping?.unit.taskSet.orphan(this, writes)
    // From here on the task may be somebody else's.
    if (run === undefined) mapping?.unit.bdev.cancel?.(this)
    else run.cancel()
  }

  /** Makes a pooled task ready for a command. `scsi` is filled in by the caller. */
  start(owner: TaskOwner, initiatorTaskTag: number, expectedBytes: number): void {
    this.phase = TaskPhase.Receiving
    this.startedAt = this.#pool.clock.last
    this.owner = owner
    this.mapping = undefined
    this.inOrder = false
    this.initiatorTaskTag = initiatorTaskTag
    this.expectedBytes = expectedBytes
    this.wantedBytes = 0
    this.receivedBytes = 0
    this.unsolicited = false
    this.nextDataSn = 0
    this.nextR2tSn = 0
    this.solicitedEnd = 0
    this.r2tCount = 0
    this.memory = undefined
    this.#stagedBytes = 0
    this.onEnd = undefined
  }

  /** Takes the next bytes of a write. What exceeds `wantedBytes` is dropped. */
  receive(source: Buffer, start: number, end: number): void {
    const bytes = Math.min(end - start, this.wantedBytes - this.receivedBytes)
    if (bytes > 0) {
      if (this.memory === undefined) source.copy(this.buffer, this.receivedBytes, start, start + bytes)
      else this.#place(this.memory, source, start, start + bytes)
    }
    this.receivedBytes += end - start
  }

  /** All data, which had to wait in the buffer until its digest was known to be right, goes into a RAM disk at once. */
  placeReceived(): boolean {
    const { mapping, scsi, wantedBytes } = this
    if (mapping === undefined || mapping.unit.guarded) return false
    const { memory, provisioning } = mapping.unit.bdev
    if (memory === undefined || scsi.byteOffset + wantedBytes > memory.length) return false
    provisioning?.note(scsi.byteOffset, wantedBytes)
    this.buffer.copy(memory, scsi.byteOffset, 0, wantedBytes)
    return true
  }

  /** Whole blocks into the disk, the rest aside: a cut connection leaves every block entirely old or new. */
  #place(memory: Buffer, source: Buffer, start: number, end: number): void {
    const bdev = this.mapping?.unit.bdev
    const blockSize = bdev?.blockSize ?? 512
    let diskAt = this.scsi.byteOffset + this.receivedBytes - this.#stagedBytes
    bdev?.provisioning?.note(diskAt, this.#stagedBytes + end - start)
    let at = start
    if (this.#stagedBytes > 0) {
      const taken = Math.min(blockSize - this.#stagedBytes, end - at)
      source.copy(this.#staging, this.#stagedBytes, at, at + taken)
      this.#stagedBytes += taken
      at += taken
      if (this.#stagedBytes < blockSize) return
      this.#staging.copy(memory, diskAt, 0, blockSize)
      this.#stagedBytes = 0
      diskAt += blockSize
    }
    const rest = (end - at) % blockSize
    const whole = end - at - rest
    if (whole > 0) source.copy(memory, diskAt, at, at + whole)
    if (rest > 0) {
      if (this.#staging.length < blockSize) this.#staging = Buffer.alloc(blockSize)
      source.copy(this.#staging, 0, end - rest, end)
      this.#stagedBytes = rest
    }
  }

  /** Notes an R2T. */
  pushR2t(tag: number, end: number): void {
    this.r2tTags[this.r2tCount] = tag
    this.r2tEnds[this.r2tCount] = end
    this.r2tCount++
    this.solicitedEnd = end
  }

  /** The oldest R2T is served. */
  shiftR2t(): void {
    this.r2tTags.copyWithin(0, 1, this.r2tCount)
    this.r2tEnds.copyWithin(0, 1, this.r2tCount)
    this.r2tCount--
    this.nextDataSn = 0
  }
}
