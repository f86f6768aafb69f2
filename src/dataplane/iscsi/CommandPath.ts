/**
 * The SCSI commands of one connection, from PDU to status: the hot path. Nothing here allocates per command beyond what
 * the pools hold, and nothing waits; a command that a bdev answers later comes back through `ioDone`.
 *
 * Responses are only written to the transmitter. Who called in flushes: the connection at the end of a received chunk,
 * the node once per turn for late answers.
 */
import { IoStatus } from "../bdev/Bdev.ts"
import { IoCounts, IoKind } from "../bdev/IoCounts.ts"
import { immediateCommandsMax, lunCommandsMax, lunTaskBufferBytesMax, taskBufferBytesMax } from "../limits.ts"
import { completeIo, endRemoved } from "../scsi/complete-io.ts"
import { decodeLun } from "../scsi/lun.ts"
import { prepare } from "../scsi/prepare.ts"
import { ScsiAction } from "../scsi/ScsiTask.ts"
import { ScsiStatus } from "../scsi/scsi-status.ts"
import { SenseCode, SenseKey } from "../scsi/sense-codes.ts"
import { DataOutSequence } from "./DataOutSequence.ts"
import { type IscsiTask, noBuffer, type TaskOwner, TaskPhase } from "./IscsiTask.ts"
import { bhsAt, flagsOf, initiatorTaskTagOf, isImmediate } from "./pdu/bhs.ts"
import { CommandFlag, cdbAt, cdbBytes, expectedDataTransferLengthOf } from "./pdu/scsi.ts"
import type { Session, SessionCommands } from "./Session.ts"
import { type ResponseConnection, type ResponsePath, sendDataIn, sendR2t, sendScsiResponse } from "./scsi-responses.ts"
import type { LunMapping } from "./Target.ts"
import type { TaskPool } from "./TaskPool.ts"

/** The connection that commands come by. */
export interface CommandConnection extends ResponseConnection {
  /** Sends what was written, soon. */
  readonly flushSoon: () => void
  /** A mistake of our own, while something was done for this connection. */
  readonly internalError: (error: unknown) => void
}

const noBuffers = "buffers of commands take as much memory as they may"

/** One per connection in full feature phase of a normal session. */
export class CommandPath implements TaskOwner, SessionCommands, ResponsePath {
  readonly connection: CommandConnection
  readonly session: Session
  readonly counts = new IoCounts()
  /** SCSI commands that have come, also those that do no IO. */
  commandCount = 0
  /** Commands that are not answered yet, other than the one that is being read, by initiator task tag. */
  readonly tasks = new Map<number, IscsiTask>()
  readonly #pool: TaskPool
  readonly #dataOut: DataOutSequence
  /** The command whose PDU is being read. */
  #current: IscsiTask | undefined
  /** Who takes the data segment that is being read. */
  #sink: IscsiTask | undefined
  #bufferBytes = 0
  /** Reads whose data wait until the initiator has taken more of what was sent before. */
  readonly #held: Array<IscsiTask> = []

  constructor(connection: CommandConnection, session: Session, pool: TaskPool) {
    this.connection = connection
    this.session = session
    this.#pool = pool
    this.#dataOut = new DataOutSequence(session.parameters)
  }

  /** A SCSI Command PDU begins; its CmdSN has been accepted. False: the initiator breaks the protocol. */
  beginCommand(b: Buffer, at: number, dataBytes: number): boolean {
    const initiatorTaskTag = initiatorTaskTagOf(b, at)
    if (this.tasks.has(initiatorTaskTag)) return false
    this.commandCount++
    const task = this.#pool.take()
    const { scsi } = task
    const flags = flagsOf(b, at)
    task.start(this, initiatorTaskTag, expectedDataTransferLengthOf(b, at))
    task.counted = !isImmediate(b, at)
    if (task.counted) this.session.commandsInFlight++
    task.expectsDataIn = (flags & CommandFlag.Read) !== 0
    task.expectsDataOut = (flags & CommandFlag.Write) !== 0
    b.copy(scsi.cdb, 0, at + cdbAt, at + cdbAt + cdbBytes)
    scsi.lun = decodeLun(b, at + bhsAt.lun)
    task.lunField = b.readUInt16BE(at + bhsAt.lun)
    scsi.taskAttribute = flags & CommandFlag.AttributeMask
    this.#current = task
    this.#sink = undefined
    if (this.tasks.size >= this.session.identity.target.spec.queueDepth + immediateCommandsMax) {
      scsi.endWith(ScsiStatus.taskSetFull)
      this.#pool.watch.turnedAway(task, this.session, "the session has as many commands as it may")
      return true
    }
    const path = this.session.path(scsi.lun)
    task.mapping = path?.mapping
    prepare(scsi, path?.nexus, this.session)
    if (scsi.action === ScsiAction.write) this.#beginWrite(task, flags, dataBytes)
    return true
  }

  /** A Data-Out PDU begins. Data of commands that have ended is taken off the wire and dropped. */
  beginDataOut(b: Buffer, at: number, dataBytes: number): void {
    const task = this.tasks.get(initiatorTaskTagOf(b, at))
    this.#current = undefined
    this.#sink = undefined
    if (task === undefined || task.phase !== TaskPhase.Receiving) return
    if (!this.#dataOut.begin(task, b, at, dataBytes)) {
      this.#failReceiving(task, SenseKey.abortedCommand, SenseCode.protocolServiceCrcError)
      return
    }
    this.#sink = task
  }

  /** A piece of the data segment of a SCSI Command or a Data-Out. */
  data(b: Buffer, start: number, end: number): void {
    this.#sink?.receive(b, start, end)
  }

  /** The SCSI Command is complete. */
  endCommand(): void {
    const task = this.#current
    this.#current = undefined
    this.#sink = undefined
    if (task === undefined) return
    if (task.scsi.action === ScsiAction.write) this.#continueWrite(task)
    else this.#execute(task)
  }

  /** The Data-Out is complete. */
  endDataOut(): void {
    const task = this.#sink
    this.#sink = undefined
    if (task === undefined) return
    if (!this.#dataOut.end(task)) {
      this.#failReceiving(task, SenseKey.abortedCommand, SenseCode.protocolServiceCrcError)
      return
    }
    this.#continueWrite(task)
  }

  /** The bdev has answered. Never throws: a bdev must not suffer for a mistake of ours. */
  ioDone(task: IscsiTask, status: IoStatus): void {
    try {
      this.#endIo(task, status)
    } catch (error) {
      this.connection.internalError(error)
    }
  }

  #endIo(task: IscsiTask, status: IoStatus): void {
    const { mapping, scsi } = task
    if (mapping !== undefined) completeIo(scsi, status)
    if (status !== IoStatus.ok) this.#failed(task, status)
    if (task.ioKind === IoKind.flush && (status === IoStatus.failed || status === IoStatus.noSpace)) {
      // This tells it that writes may be lost: its next flush need not.
      this.session.path(scsi.lun)?.nexus.takeLostWrites()
    }
    if (scsi.action === ScsiAction.read && this.connection.transmitter.overLimit) {
      task.phase = TaskPhase.Held
      // The initiator is slow, not the disk: its other initiators keep their share.
      if (mapping !== undefined) mapping.bufferBytes -= task.buffer.length
      this.#held.push(task)
      return
    }
    this.#answerIo(task)
  }

  #failed(task: IscsiTask, status: IoStatus): void {
    const { watch } = this.#pool
    if (status === IoStatus.noMemory) watch.turnedAway(task, this.session, "its disk has no memory for it now")
    else watch.failed(task, this.session, task.ioKind)
  }

  /** The initiator has taken what was sent: sends more of the data that wait for that. */
  sendHeld(): void {
    while (this.#held.length > 0 && !this.connection.transmitter.overLimit) {
      const task = this.#held.shift()
      if (task !== undefined) this.#answerIo(task)
    }
  }

  #answerIo(task: IscsiTask): void {
    const { scsi } = task
    this.tasks.delete(task.initiatorTaskTag)
    if (scsi.action === ScsiAction.read) {
      sendDataIn(this, task, task.buffer, 0, scsi.byteLength)
    } else {
      sendScsiResponse(this, task)
    }
    this.#release(task)
    this.connection.flushSoon()
  }

  /** A LUN begins to drain: its writes that wait for data end at once. */
  endReceiving(mapping: LunMapping): void {
    for (const task of this.tasks.values()) {
      if (task.mapping !== mapping || task.phase !== TaskPhase.Receiving) continue
      endRemoved(task.scsi)
      this.#answer(task)
    }
    this.connection.flushSoon()
  }

  /** A submitted command is not waited for any longer: it ends with ABORTED COMMAND, the bdev keeps its buffer. */
  giveUp(task: IscsiTask): void {
    task.scsi.checkCondition(SenseKey.abortedCommand, SenseCode.none)
    this.tasks.delete(task.initiatorTaskTag)
    sendScsiResponse(this, task)
    this.#forget(task)
    this.connection.flushSoon()
  }

  /** A command is aborted: nothing of it is answered. */
  abort(task: IscsiTask): void {
    this.tasks.delete(task.initiatorTaskTag)
    if (task.phase === TaskPhase.Held) this.#held.splice(this.#held.indexOf(task), 1)
    this.#forget(task)
  }

  /** The connection is over. */
  abandonAll(): void {
    const current = this.#current
    if (current !== undefined && !this.tasks.has(current.initiatorTaskTag)) this.#forget(current)
    for (const task of this.tasks.values()) this.#forget(task)
    this.tasks.clear()
    this.#held.length = 0
    this.#current = undefined
    this.#sink = undefined
  }

  #beginWrite(task: IscsiTask, flags: number, dataBytes: number): void {
    const { mapping, scsi } = task
    if (mapping === undefined) return
    const { bdev } = mapping.unit
    const offered = task.expectsDataOut ? task.expectedBytes : 0
    task.wantedBytes = Math.min(scsi.byteLength, offered - (offered % bdev.blockSize))
    const problem = this.#dataOut.beginCommand(task, flags, dataBytes)
    if (problem !== SenseCode.none) {
      scsi.checkCondition(SenseKey.abortedCommand, problem)
      this.#pool.watch.failed(task, this.session, IoKind.write)
      return
    }
    // With late writes about, data waits in a buffer until it is known that the blocks are free.
    task.memory = mapping.unit.lateWrites.size > 0 ? undefined : bdev.memory
    if (task.wantedBytes > 0 && task.memory === undefined && !this.#allocate(task, mapping, task.wantedBytes)) {
      this.#turnAway(task, ScsiStatus.taskSetFull, noBuffers)
      return
    }
    this.tasks.set(task.initiatorTaskTag, task)
    this.#sink = task
  }

  /** All that was to come in one go has come: asks for more, or writes. */
  #continueWrite(task: IscsiTask): void {
    if (task.unsolicited) return
    if (task.receivedBytes < task.wantedBytes) {
      for (let bytes = this.#dataOut.nextRequest(task); bytes > 0; bytes = this.#dataOut.nextRequest(task)) {
        sendR2t(this, task, bytes)
      }
      return
    }
    if (task.r2tCount === 0) this.#execute(task)
  }

  /** Does what `prepare` has decided; data of a write is there. */
  #execute(task: IscsiTask): void {
    const { mapping, scsi } = task
    if (mapping?.active === false && scsi.action !== ScsiAction.none && scsi.action !== ScsiAction.parameterIn) {
      // The LUN went while the command's PDU was being read: its disk may be closed by now.
      endRemoved(scsi)
    }
    switch (scsi.action) {
      case ScsiAction.parameterIn:
        sendDataIn(this, task, scsi.parameterData, 0, scsi.parameterLength)
        this.#finish(task)
        return
      case ScsiAction.read: {
        const memory = mapping?.unit.bdev.memory
        if (memory === undefined || mapping?.unit.lateWrites.size !== 0) break
        task.submit(IoKind.read)
        sendDataIn(this, task, memory, scsi.byteOffset, scsi.byteLength)
        task.count(IoStatus.ok)
        this.#finish(task)
        return
      }
      case ScsiAction.write:
        if (task.memory === undefined && task.wantedBytes > 0) break
        // Its data is in the memory already.
        task.submit(IoKind.write)
        task.count(IoStatus.ok)
        this.#answer(task)
        return
      case ScsiAction.flush:
        break
      default:
        if (scsi.status === ScsiStatus.checkCondition && scsi.senseKey === SenseKey.mediumError) {
          // Writes that were lost before are told to the next flush, which never reaches the disk.
          this.#pool.watch.failed(task, this.session, IoKind.flush)
        }
        this.#answer(task)
        return
    }
    if (mapping !== undefined) this.#submit(task, mapping)
  }

  #submit(task: IscsiTask, mapping: LunMapping): void {
    const { scsi } = task
    const { bdev } = mapping.unit
    if (scsi.action !== ScsiAction.flush && scsi.byteOffset + scsi.byteLength > bdev.blockCount * bdev.blockSize) {
      // The disk has shrunk since `prepare` looked: while the data of a write came.
      scsi.checkCondition(SenseKey.illegalRequest, SenseCode.logicalBlockAddressOutOfRange)
      this.#answer(task)
      return
    }
    if (mapping.unit.lateWrites.size > 0 && scsi.action !== ScsiAction.flush) {
      // A write of a session that has gone must not land on what a later one has written.
      if (mapping.unit.awaitsLateWrite(scsi.byteOffset, scsi.byteLength)) {
        this.#turnAway(task, ScsiStatus.busy, "an aborted write to the same blocks has not ended")
        this.#answer(task)
        return
      }
    }
    const tooMany = mapping.submitted.size >= lunCommandsMax
    if (tooMany || (scsi.action === ScsiAction.read && !this.#allocate(task, mapping, scsi.byteLength))) {
      this.#turnAway(task, ScsiStatus.taskSetFull, tooMany ? "its disk has as many commands as it may" : noBuffers)
      this.#answer(task)
      return
    }
    task.phase = TaskPhase.Submitted
    this.tasks.set(task.initiatorTaskTag, task)
    mapping.begin(task)
    mapping.unit.statistics.inFlight++
    if (scsi.action === ScsiAction.read) {
      task.submit(IoKind.read)
      bdev.read(scsi.byteOffset, task.buffer, 0, scsi.byteLength, task)
    } else if (scsi.action === ScsiAction.write) {
      task.submit(IoKind.write)
      bdev.write(scsi.byteOffset, task.buffer, 0, task.wantedBytes, scsi.fua, task)
    } else {
      task.submit(IoKind.flush)
      bdev.flush(task)
    }
  }

  #turnAway(task: IscsiTask, status: ScsiStatus, reason: string): void {
    task.scsi.endWith(status)
    this.#pool.watch.turnedAway(task, this.session, reason)
  }

  #allocate(task: IscsiTask, mapping: LunMapping, bytes: number): boolean {
    if (this.#bufferBytes + bytes > taskBufferBytesMax || mapping.bufferBytes + bytes > lunTaskBufferBytesMax)
      return false
    if (!this.#pool.giveBuffer(task, bytes)) return false
    this.#bufferBytes += task.buffer.length
    return true
  }

  #failReceiving(task: IscsiTask, key: number, code: number): void {
    task.scsi.checkCondition(key, code)
    this.#pool.watch.failed(task, this.session, IoKind.write)
    this.#answer(task)
  }

  #answer(task: IscsiTask): void {
    sendScsiResponse(this, task)
    this.tasks.delete(task.initiatorTaskTag)
    this.#finish(task)
  }

  #finish(task: IscsiTask): void {
    this.#stopReading(task)
    this.#release(task)
  }

  /** The command has ended and nobody else has the task. */
  #release(task: IscsiTask): void {
    const { histogram } = this.session.identity.target
    if (histogram !== undefined) histogram.count(this.#pool.clock.read() - task.startedAt)
    this.#settle(task)
    this.#pool.give(task)
  }

  /** The command has ended here, but a bdev may still have the task. */
  #forget(task: IscsiTask): void {
    this.#stopReading(task)
    this.#settle(task)
    task.abandon()
  }

  /** The rest of a PDU that is being read is dropped: the task may be another command's by the time it comes. */
  #stopReading(task: IscsiTask): void {
    if (task === this.#sink) this.#sink = undefined
    if (task === this.#current) this.#current = undefined
  }

  #settle(task: IscsiTask): void {
    if (task.buffer !== noBuffer) this.#bufferBytes -= task.buffer.length
    if (task.counted) {
      task.counted = false
      this.session.commandsInFlight--
    }
  }
}
