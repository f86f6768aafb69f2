/**
 * Does the commands of one connection: what `prepare` has decided, once their data are there. A RAM disk's memory is
 * copied from and to at once; everything else goes to the bdev, or begins as an operation, when its task set lets it.
 */
import { type Bdev, IoStatus, isFailure } from "../bdev/Bdev.ts"
import { IoKind } from "../bdev/statistics/IoCounts.ts"
import { lightWorkBytes, lunCommandsMax, turnWorkBytes } from "../limits.ts"
import { TaskAttribute } from "../scsi/CommandOrder.ts"
import { completeIo, endRemoved } from "../scsi/complete-io.ts"
import { isGuarded, prepare } from "../scsi/prepare.ts"
import { ScsiAction, type ScsiTask } from "../scsi/ScsiTask.ts"
import { ScsiStatus } from "../scsi/scsi-status.ts"
import { SenseCode, SenseKey } from "../scsi/sense-codes.ts"
import { tasksOfUnit } from "./abort-tasks.ts"
import { type IscsiTask, TaskPhase } from "./IscsiTask.ts"
import type { Digests } from "./PduReader.ts"
import { type OperationHost, RunningOperation } from "./RunningOperation.ts"
import type { Session } from "./Session.ts"
import { type ResponseConnection, type ResponsePath, sendDataIn } from "./scsi-responses.ts"
import type { LunMapping } from "./Target.ts"
import type { TaskPool } from "./TaskPool.ts"
import type { Turns } from "./Turns.ts"

/** The connection that commands come by. */
export interface CommandConnection extends ResponseConnection {
  /** As it is known by. */
  readonly id: number
  readonly node: { readonly sessions: ReadonlyMap<number, Session>; readonly turns: Turns }
  /** A chunk is being read: memory may be lent to the transmitter until it changes, or the chunk ends. */
  readonly isReading: boolean
  /** Sends what was written, soon. */
  readonly flushSoon: () => void
  /** With a data digest, data reaches a disk only once all of its PDU has come and is right. */
  readonly digests: Digests
  /** A mistake of our own, while something was done for this connection. */
  readonly internalError: (error: unknown) => void
}

/** Where commands come from and go to: `CommandPath`. */
export interface ExecutionPath extends ResponsePath {
  readonly connection: CommandConnection
  readonly session: Session
  readonly tasks: Map<number, IscsiTask>
  readonly allocate: (task: IscsiTask, mapping: LunMapping, bytes: number) => boolean
  readonly turnAway: (task: IscsiTask, status: ScsiStatus, reason: string) => void
  readonly answer: (task: IscsiTask) => void
  readonly finish: (task: IscsiTask) => void
}

/** Why a command is turned away for lack of buffers. */
export const noBuffers = "buffers of commands take as much memory as they may"

/** Whether it uses blocks of the medium that are known. */
const usesBlocks = (scsi: ScsiTask): boolean =>
  scsi.action === ScsiAction.read ||
  scsi.action === ScsiAction.write ||
  (scsi.action === ScsiAction.operate && scsi.byteLength > 0)

/**
 * A read with FUA of a disk with a write cache: what it gives is on the medium, so that it is there after a loss of
 * power, too (SBC-3 5.11).
 */
const readFlushed = (bdev: Bdev, task: IscsiTask): void => {
  bdev.flush({
    ioDone: (status) => {
      const { byteLength, byteOffset } = task.scsi
      if (status === IoStatus.ok) bdev.read(byteOffset, task.buffer, 0, byteLength, task)
      else task.ioDone(status)
    }
  })
}

/** One per connection in full feature phase of a normal session. */
export class CommandExecution {
  readonly #path: ExecutionPath
  readonly #pool: TaskPool
  readonly #host: OperationHost
  /** Commands whose data wait until the initiator has taken more of what was sent before, or for their turn. */
  readonly #held: Array<IscsiTask> = []
  #awaitsTurn = false

  constructor(path: ExecutionPath, pool: TaskPool) {
    this.#path = path
    this.#pool = pool
    const { connection } = path
    this.#host = { pool, turns: connection.node.turns, failed: (error) => connection.internalError(error) }
  }

  /** False: the command has been ended, because it has a task attribute that is not there (SAM-5 8.6). */
  takesAttribute(task: IscsiTask): boolean {
    const { mapping, scsi } = task
    if (scsi.taskAttribute === TaskAttribute.aca) {
      // There is no auto contingent allegiance, as NACA is refused.
      scsi.checkCondition(SenseKey.illegalRequest, SenseCode.invalidFieldInCdb)
      return false
    }
    const isReserved = scsi.taskAttribute > TaskAttribute.aca
    if (mapping !== undefined && !isReserved) this.#putInOrder(task, mapping)
    return true
  }

  /** A SIMPLE command has come while others may have to be waited for. */
  arrive(task: IscsiTask, mapping: LunMapping): void {
    if (!task.inOrder && !mapping.unit.order.idle) this.#putInOrder(task, mapping)
  }

  #putInOrder(task: IscsiTask, { unit }: LunMapping): void {
    task.inOrder = true
    unit.order.arrive(task, () => {
      const older = tasksOfUnit(this.#path.connection.node, unit).map((other) => other.task)
      // What waits for a slow initiator has been done.
      const undone = older.filter(({ phase }) => phase !== TaskPhase.Held)
      for (const other of undone) other.inOrder = true
      return undone
    })
  }

  /** False: it waits for its turn among the commands of its unit. */
  #hasTurn(task: IscsiTask, mapping: LunMapping): boolean {
    if (task.scsi.status !== ScsiStatus.good) return true
    this.arrive(task, mapping)
    if (!task.inOrder || mapping.unit.order.mayRun(task)) return true
    task.phase = TaskPhase.Waiting
    this.#path.tasks.set(task.initiatorTaskTag, task)
    return false
  }

  /** Its turn has come. */
  takeTurn(task: IscsiTask): void {
    const { mapping, scsi } = task
    const { connection, session, tasks } = this.#path
    task.phase = TaskPhase.Receiving
    tasks.delete(task.initiatorTaskTag)
    if (scsi.action === ScsiAction.none || scsi.action === ScsiAction.parameterIn) {
      // What it tells may have changed by what it has waited for.
      prepare(scsi, mapping?.active ? session.path(scsi.lun)?.nexus : undefined, session)
    }
    this.#perform(task)
    connection.flushSoon()
  }

  /** Does what `prepare` has decided, when it is its turn; data of a write or an operation is there. */
  execute(task: IscsiTask): void {
    const { mapping } = task
    if (mapping?.unit.taskSet.open !== false || this.#hasTurn(task, mapping)) this.#perform(task)
  }

  #perform(task: IscsiTask): void {
    const path = this.#path
    const { mapping, scsi } = task
    if (mapping?.active === false && scsi.action !== ScsiAction.none && scsi.action !== ScsiAction.parameterIn) {
      // The LUN went while the command's PDU was being read: its disk may be closed by now.
      endRemoved(scsi)
    }
    switch (scsi.action) {
      case ScsiAction.parameterIn:
        sendDataIn(path, task, scsi.parameterData, 0, scsi.parameterLength)
        path.finish(task)
        return
      case ScsiAction.read: {
        const memory = mapping?.unit.bdev.memory
        if (memory === undefined || mapping?.unit.taskSet.open !== true) break
        task.submit(IoKind.read)
        sendDataIn(path, task, memory, scsi.byteOffset, scsi.byteLength, path.connection.isReading)
        task.count(IoStatus.ok)
        path.finish(task)
        return
      }
      case ScsiAction.write:
        if (task.memory === undefined && task.wantedBytes > 0 && !this.#place(task)) break
        // Its data is in the memory already. With the disk out or being erased since, that is no success.
        if (mapping?.unit.guarded === true && isGuarded(scsi, mapping.unit)) {
          path.answer(task)
          return
        }
        task.submit(IoKind.write)
        task.count(IoStatus.ok)
        path.answer(task)
        return
      case ScsiAction.flush:
      case ScsiAction.operate:
        break
      default:
        if (scsi.status === ScsiStatus.checkCondition && scsi.senseKey === SenseKey.mediumError) {
          // Writes that were lost before are told to the next flush, which never reaches the disk.
          this.#pool.watch.failed(task, path.session, IoKind.flush)
        }
        path.answer(task)
        return
    }
    if (mapping !== undefined) this.#enter(task, mapping)
  }

  /** False: its data is not in a RAM disk, nor goes there by this. */
  #place(task: IscsiTask): boolean {
    this.#path.connection.transmitter.repay()
    return task.mapping?.unit.taskSet.open === true && task.placeReceived()
  }

  /** It runs now, or when its task set lets it. */
  #enter(task: IscsiTask, mapping: LunMapping): void {
    this.#path.connection.transmitter.repay()
    if (mapping.unit.taskSet.enter(task)) {
      this.#submit(task, mapping)
      return
    }
    task.phase = TaskPhase.Waiting
    this.#path.tasks.set(task.initiatorTaskTag, task)
  }

  /** It has waited in its task set, and runs now. */
  proceed(task: IscsiTask): void {
    const { mapping } = task
    if (mapping === undefined) return
    task.phase = TaskPhase.Receiving
    if (mapping.active) this.#submit(task, mapping)
    else {
      endRemoved(task.scsi)
      this.#turnBack(task, mapping)
    }
    this.#path.connection.flushSoon()
  }

  /** A command that has entered its task set ends before it has begun. */
  #turnBack(task: IscsiTask, mapping: LunMapping): void {
    // The task may be another command's after the answer.
    mapping.unit.taskSet.leave(task)
    this.#path.answer(task)
  }

  #submit(task: IscsiTask, mapping: LunMapping): void {
    const { scsi } = task
    if (this.#refuses(task, mapping)) {
      this.#turnBack(task, mapping)
      return
    }
    const { bdev } = mapping.unit
    task.phase = TaskPhase.Submitted
    this.#path.tasks.set(task.initiatorTaskTag, task)
    mapping.begin(task)
    mapping.unit.statistics.inFlight++
    if (scsi.action === ScsiAction.read) {
      task.submit(IoKind.read)
      if (scsi.fua && bdev.writeCache) readFlushed(bdev, task)
      else bdev.read(scsi.byteOffset, task.buffer, 0, scsi.byteLength, task)
    } else if (scsi.action === ScsiAction.write) {
      task.submit(IoKind.write)
      const { writeThrough } = mapping.unit.modeValues
      bdev.write(scsi.byteOffset, task.buffer, 0, task.wantedBytes, scsi.fua || writeThrough, task)
    } else if (scsi.action === ScsiAction.flush) {
      task.submit(IoKind.flush)
      bdev.flush(task)
    } else {
      task.submit(task.run?.operation.counts ?? IoKind.other)
      task.run?.begin()
    }
  }

  /** Whether it can't be done as things are now; the task has been ended. Takes what it needs otherwise. */
  #refuses(task: IscsiTask, mapping: LunMapping): boolean {
    const { scsi } = task
    const { bdev, taskSet } = mapping.unit
    if (mapping.unit.guarded && isGuarded(scsi, mapping.unit)) return true
    if (usesBlocks(scsi)) {
      if (scsi.byteOffset + scsi.byteLength > bdev.blockCount * bdev.blockSize) {
        // The disk has shrunk since `prepare` looked: while the data of a write came.
        scsi.checkCondition(SenseKey.illegalRequest, SenseCode.logicalBlockAddressOutOfRange)
        return true
      }
      if (!taskSet.open && taskSet.awaitsLateWrite(scsi)) {
        // A write of a session that has gone must not land on what a later one has written.
        this.#path.turnAway(task, ScsiStatus.busy, "an aborted write to the same blocks has not ended")
        return true
      }
    }
    const tooMany = mapping.submitted.size >= lunCommandsMax
    if (tooMany || (scsi.action === ScsiAction.read && !this.#path.allocate(task, mapping, scsi.byteLength))) {
      const reason = tooMany ? "its disk has as many commands as it may" : noBuffers
      this.#path.turnAway(task, ScsiStatus.taskSetFull, reason)
      return true
    }
    return scsi.action === ScsiAction.operate && !this.#prepareRun(task, mapping)
  }

  /** False: the LUN has gone for this session while the data came. */
  #prepareRun(task: IscsiTask, mapping: LunMapping): boolean {
    const { session } = this.#path
    const { scsi } = task
    const lunPath = session.path(scsi.lun)
    if (scsi.operation === undefined || lunPath?.mapping !== mapping) {
      endRemoved(scsi)
      return false
    }
    task.run = new RunningOperation(task, scsi.operation, lunPath.nexus, mapping, session, this.#host)
    return true
  }

  /** The bdev has answered, or the operation has ended. `byteOffset`: where it failed, if that is known. */
  endIo(task: IscsiTask, ended: IoStatus, byteOffset: number | undefined): void {
    const { mapping, scsi } = task
    const status = task.ioKind === IoKind.flush ? this.#endOfFlush(task, ended) : ended
    if (mapping !== undefined && task.run === undefined && status !== IoStatus.ok) {
      completeIo(scsi, status, scsi.action === ScsiAction.read, byteOffset, mapping.unit.bdev.blockSize)
    }
    if (status !== IoStatus.ok) this.#failed(task, status)
    const sendsData = scsi.action === ScsiAction.read || scsi.action === ScsiAction.parameterIn
    if (sendsData && (this.#path.connection.transmitter.overLimit || !this.#hasTurnFor(scsi.byteLength))) {
      task.phase = TaskPhase.Held
      if (task.inOrder) task.leaveOrder()
      // The initiator is slow, not the disk: its other initiators keep their share.
      if (mapping !== undefined) mapping.bufferBytes -= task.buffer.length
      this.#held.push(task)
      return
    }
    this.#answerIo(task)
  }

  /** One that fails tells that writes may be lost: the next need not. So does one while another's has failed. */
  #endOfFlush(task: IscsiTask, status: IoStatus): IoStatus {
    const isOver = status === IoStatus.ok || isFailure(status)
    const isLost = isOver && this.#path.session.path(task.scsi.lun)?.nexus.takeLostWrites() === true
    return isLost && status === IoStatus.ok ? IoStatus.mediumError : status
  }

  #failed(task: IscsiTask, status: IoStatus): void {
    const { watch } = this.#pool
    const { session } = this.#path
    if (status === IoStatus.noMemory) watch.turnedAway(task, session, "its disk has no memory for it now")
    else watch.failed(task, session, task.ioKind)
  }

  /** Whether so much data may be sent now. If not, data that are held are sent in a later turn. */
  #hasTurnFor(bytes: number): boolean {
    if (bytes < lightWorkBytes) return true
    const { turns } = this.#host
    turns.usedBy(this.#host)
    if (this.#held.length === 0 && turns.take(bytes)) return true
    this.#sendLater()
    return false
  }

  #sendLater(): void {
    if (this.#awaitsTurn) return
    this.#awaitsTurn = true
    this.#host.turns.later(turnWorkBytes, this.#haveTurn)
  }

  readonly #haveTurn = (): void => {
    this.#awaitsTurn = false
    try {
      this.#sendShare()
    } catch (error) {
      this.#host.failed(error)
    }
  }

  /** The initiator has taken what was sent: sends more of the data that wait for that, unless it is not their turn. */
  sendHeld(): void {
    if (!this.#awaitsTurn) this.#sendShare()
  }

  #sendShare(): void {
    const { transmitter } = this.#path.connection
    for (let bytes = 0; this.#held.length > 0 && !transmitter.overLimit; ) {
      if (bytes >= turnWorkBytes) return this.#sendLater()
      const task = this.#held.shift()
      if (task === undefined) return
      bytes += task.scsi.byteLength
      this.#answerIo(task)
    }
  }

  /** A command is not answered any more. */
  forget(task: IscsiTask): void {
    if (task.phase === TaskPhase.Held) this.#held.splice(this.#held.indexOf(task), 1)
  }

  /** None is. */
  forgetAll(): void {
    this.#held.length = 0
  }

  #answerIo(task: IscsiTask): void {
    const { scsi } = task
    if (scsi.action === ScsiAction.read || scsi.action === ScsiAction.parameterIn) {
      const source = scsi.action === ScsiAction.read ? task.buffer : scsi.parameterData
      const length = scsi.action === ScsiAction.read ? scsi.byteLength : scsi.parameterLength
      this.#path.tasks.delete(task.initiatorTaskTag)
      sendDataIn(this.#path, task, source, 0, length)
      this.#path.finish(task)
    } else {
      this.#path.answer(task)
    }
    this.#path.connection.flushSoon()
  }
}
