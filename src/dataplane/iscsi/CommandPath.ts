/**
 * The SCSI commands of one connection, from PDU to status: the hot path. Here is how they come, with their data, and
 * how they go; `CommandExecution` does them. Nothing here allocates per command beyond what the pools hold, and nothing
 * waits; a command that a bdev answers later comes back through `ioDone`.
 *
 * Responses are only written to the transmitter. Who called in flushes: the connection at the end of a received chunk,
 * the node once per turn for late answers.
 */
import type { IoStatus } from "../bdev/Bdev.ts"
import { IoCounts, IoKind } from "../bdev/statistics/IoCounts.ts"
import { immediateCommandsMax, lunTaskBufferBytesMax, taskBufferBytesMax } from "../limits.ts"
import { TaskAttribute } from "../scsi/CommandOrder.ts"
import { endRemoved } from "../scsi/complete-io.ts"
import { decodeLun } from "../scsi/lun.ts"
import { prepare } from "../scsi/prepare.ts"
import { ScsiAction } from "../scsi/ScsiTask.ts"
import { ScsiStatus } from "../scsi/scsi-status.ts"
import { SenseCode, SenseKey } from "../scsi/sense-codes.ts"
import type { CoalescedCommands } from "./Coalescing.ts"
import { type CommandConnection, CommandExecution, type ExecutionPath, noBuffers } from "./CommandExecution.ts"
import { DataOutSequence } from "./DataOutSequence.ts"
import { type IscsiTask, noBuffer, type TaskOwner, TaskPhase } from "./IscsiTask.ts"
import { bhsAt, expStatSnOf, flagsOf, initiatorTaskTagOf, isImmediate, reservedTag } from "./pdu/bhs.ts"
import { CommandFlag, copyCdb, expectedDataTransferLengthOf } from "./pdu/scsi.ts"
import type { Session, SessionCommands } from "./Session.ts"
import { sendR2t, sendScsiResponse } from "./scsi-responses.ts"
import type { LunMapping } from "./Target.ts"
import type { TaskPool } from "./TaskPool.ts"

/** One per connection in full feature phase of a normal session. */
export class CommandPath implements CoalescedCommands, TaskOwner, SessionCommands, ExecutionPath {
  readonly connection: CommandConnection
  readonly session: Session
  readonly counts = new IoCounts()
  /** SCSI commands that have come, also those that do no IO. */
  commandCount = 0
  /** Of the last command: StatSN of the first answer that the initiator had not seen. */
  #expStatSn = 0
  /** Commands that are not answered yet, other than the one that is being read, by initiator task tag. */
  readonly tasks = new Map<number, IscsiTask>()
  readonly #pool: TaskPool
  readonly #dataOut: DataOutSequence
  /** The command whose PDU is being read. */
  #current: IscsiTask | undefined
  /** Who takes the data segment that is being read. */
  #sink: IscsiTask | undefined
  #bufferBytes = 0
  readonly #execution: CommandExecution

  constructor(connection: CommandConnection, session: Session, pool: TaskPool) {
    this.connection = connection
    this.session = session
    this.#pool = pool
    this.#dataOut = new DataOutSequence(session.parameters)
    this.#execution = new CommandExecution(this, pool)
  }

  /** Bytes of buffers that its commands have. */
  get bufferBytes(): number {
    return this.#bufferBytes
  }

  get isBusy(): boolean {
    return this.session.commandsInFlight > 0
  }

  get unseenAnswers(): number {
    return (this.connection.statSn - this.#expStatSn) >>> 0
  }

  get queueDepth(): number {
    return this.session.identity.target.spec.queueDepth
  }

  /** A SCSI Command PDU begins; its CmdSN has been accepted. False: the initiator breaks the protocol. */
  beginCommand(b: Buffer, at: number, dataBytes: number): boolean {
    const initiatorTaskTag = initiatorTaskTagOf(b, at)
    if (initiatorTaskTag === reservedTag || this.tasks.has(initiatorTaskTag)) return false
    this.commandCount++
    this.#expStatSn = expStatSnOf(b, at)
    const task = this.#pool.take()
    const { scsi } = task
    const flags = flagsOf(b, at)
    task.start(this, initiatorTaskTag, expectedDataTransferLengthOf(b, at))
    task.counted = !isImmediate(b, at)
    if (task.counted) this.session.commandsInFlight++
    task.expectsDataIn = (flags & CommandFlag.Read) !== 0
    task.expectsDataOut = (flags & CommandFlag.Write) !== 0
    copyCdb(b, at, scsi.cdb)
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
    if (scsi.taskAttribute > TaskAttribute.simple && !this.#execution.takesAttribute(task)) return true
    prepare(scsi, path?.nexus, this.session)
    if (scsi.action !== ScsiAction.read) this.connection.transmitter.repay()
    if (scsi.action === ScsiAction.write) this.#beginWrite(task, flags, dataBytes)
    else if (scsi.action === ScsiAction.operate) this.#beginOperation(task, flags, dataBytes)
    return true
  }

  /** A Data-Out PDU begins. Data of commands that have ended is taken off the wire and dropped. */
  beginDataOut(b: Buffer, at: number, dataBytes: number): void {
    const task = this.tasks.get(initiatorTaskTagOf(b, at))
    this.connection.transmitter.repay()
    this.#current = undefined
    this.#sink = undefined
    if (task === undefined || task.phase !== TaskPhase.Receiving) return
    const problem = this.#dataOut.begin(task, b, at, dataBytes)
    if (problem === SenseCode.none) this.#sink = task
    else this.#failReceiving(task, SenseKey.abortedCommand, problem)
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
    const { action } = task.scsi
    if (action === ScsiAction.write || action === ScsiAction.operate) this.#continueWrite(task)
    else this.#execution.execute(task)
  }

  /** The Data-Out is complete. */
  endDataOut(): void {
    const task = this.#sink
    this.#sink = undefined
    if (task === undefined) return
    const problem = this.#dataOut.end(task)
    if (problem === SenseCode.none) this.#continueWrite(task)
    else this.#failReceiving(task, SenseKey.abortedCommand, problem)
  }

  /**
   * In place of `endDataOut`: the data is not what was sent. The command ends with that once all is there that the
   * initiator still sends for it (RFC 7143 section 7.8): until then what comes is dropped, and no more is asked for.
   */
  spoilDataOut(): void {
    const task = this.#sink
    if (task !== undefined) {
      task.wantedBytes = 0
      task.scsi.checkCondition(SenseKey.abortedCommand, SenseCode.protocolServiceCrcError)
      this.#pool.watch.failed(task, this.session, IoKind.write)
    }
    this.endDataOut()
  }

  /** The bdev has answered. Never throws: a bdev must not suffer for a mistake of ours. */
  ioDone(task: IscsiTask, status: IoStatus, byteOffset: number | undefined): void {
    try {
      this.#execution.endIo(task, status, byteOffset)
    } catch (error) {
      this.connection.internalError(error)
    }
  }

  /** Others that it has waited for have ended. */
  proceed(task: IscsiTask): void {
    try {
      this.#execution.proceed(task)
    } catch (error) {
      this.connection.internalError(error)
    }
  }

  /** Its turn has come among the commands of its unit. */
  takeTurn(task: IscsiTask): void {
    try {
      this.#execution.takeTurn(task)
    } catch (error) {
      this.connection.internalError(error)
    }
  }

  /** Others have waited for it for too long: it ends with ABORTED COMMAND, wherever it is. */
  endLate(task: IscsiTask): void {
    if (task.phase !== TaskPhase.Receiving) return this.giveUp(task, SenseCode.commandTimeoutDuringProcessing)
    this.#failReceiving(task, SenseKey.abortedCommand, SenseCode.initiatorResponseTimeout)
    this.connection.flushSoon()
  }

  /** The initiator has taken what was sent: sends more of the data that wait for that. */
  sendHeld(): void {
    this.#execution.sendHeld()
  }

  /** A LUN begins to drain: its commands that wait for data, or for others, end at once. */
  endReceiving(mapping: LunMapping): void {
    for (const task of this.tasks.values()) {
      if (task.mapping !== mapping) continue
      if (task.phase === TaskPhase.Waiting) mapping.unit.taskSet.withdraw(task)
      else if (task.phase !== TaskPhase.Receiving) continue
      endRemoved(task.scsi)
      this.answer(task)
    }
    this.connection.flushSoon()
  }

  /** A submitted command is not waited for any longer: it ends with ABORTED COMMAND, the bdev keeps its buffer. */
  giveUp(task: IscsiTask, code: number = SenseCode.none): void {
    task.scsi.checkCondition(SenseKey.abortedCommand, code)
    this.tasks.delete(task.initiatorTaskTag)
    sendScsiResponse(this, task)
    this.#forget(task)
    this.connection.flushSoon()
  }

  /** A command is aborted: nothing of it is answered. */
  abort(task: IscsiTask): void {
    this.tasks.delete(task.initiatorTaskTag)
    this.#execution.forget(task)
    this.#forget(task)
  }

  /** A command is aborted by another initiator, and this one is told with its status (SAM-5 5.6.4). */
  endAborted(task: IscsiTask): void {
    task.scsi.endWith(ScsiStatus.taskAborted)
    sendScsiResponse(this, task)
    this.abort(task)
    this.connection.flushSoon()
  }

  /** The connection is over. */
  abandonAll(): void {
    const current = this.#current
    if (current !== undefined && !this.tasks.has(current.initiatorTaskTag)) this.#forget(current)
    for (const task of this.tasks.values()) this.#forget(task)
    this.tasks.clear()
    this.#execution.forgetAll()
    this.#current = undefined
    this.#sink = undefined
  }

  #beginWrite(task: IscsiTask, flags: number, dataBytes: number): void {
    const { mapping, scsi } = task
    if (mapping === undefined) return
    const { bdev, taskSet } = mapping.unit
    const offered = task.expectsDataOut ? task.expectedBytes : 0
    task.wantedBytes = Math.min(scsi.byteLength, offered - (offered % bdev.blockSize))
    // Data goes into a buffer when its digest may be wrong, or the blocks may not be free.
    if (!taskSet.open) this.#execution.arrive(task, mapping)
    else if (!this.connection.digests.data) task.memory = bdev.memory
    this.#beginReceiving(task, mapping, flags, dataBytes)
  }

  #beginOperation(task: IscsiTask, flags: number, dataBytes: number): void {
    const { mapping, scsi } = task
    if (mapping === undefined) return
    task.wantedBytes = Math.min(scsi.dataOutLength, task.expectsDataOut ? task.expectedBytes : 0)
    if (!mapping.unit.taskSet.open) this.#execution.arrive(task, mapping)
    this.#beginReceiving(task, mapping, flags, dataBytes)
  }

  #beginReceiving(task: IscsiTask, mapping: LunMapping, flags: number, dataBytes: number): void {
    const problem = this.#dataOut.beginCommand(task, flags, dataBytes)
    if (problem !== SenseCode.none) {
      task.scsi.checkCondition(SenseKey.abortedCommand, problem)
      this.#pool.watch.failed(task, this.session, IoKind.write)
      return
    }
    if (task.wantedBytes > 0 && task.memory === undefined && !this.allocate(task, mapping, task.wantedBytes)) {
      this.turnAway(task, ScsiStatus.taskSetFull, noBuffers)
      return
    }
    this.#sink = task
  }

  /**
   * What was received ends here, maybe within a command with data: until the rest has come, it can be ended from
   * elsewhere. One that comes whole, as most do, never gets onto the list.
   */
  chunkEnded(): void {
    const task = this.#current
    if (task !== undefined && task === this.#sink) this.tasks.set(task.initiatorTaskTag, task)
  }

  /** All that was to come in one go has come: asks for more, or writes. */
  #continueWrite(task: IscsiTask): void {
    if (task.unsolicited || task.receivedBytes < task.wantedBytes) this.tasks.set(task.initiatorTaskTag, task)
    if (task.unsolicited) return
    if (task.receivedBytes < task.wantedBytes) {
      for (let bytes = this.#dataOut.nextRequest(task); bytes > 0; bytes = this.#dataOut.nextRequest(task)) {
        sendR2t(this, task, bytes)
      }
      return
    }
    if (task.r2tCount === 0) this.#execution.execute(task)
  }

  /** Ends it with a status that is no error of the command: there is no room for it now. Not answered yet. */
  turnAway(task: IscsiTask, status: ScsiStatus, reason: string): void {
    task.scsi.endWith(status)
    this.#pool.watch.turnedAway(task, this.session, reason)
  }

  /** A buffer for the command; false when that is beyond a limit. */
  allocate(task: IscsiTask, mapping: LunMapping, bytes: number): boolean {
    if (this.#bufferBytes + bytes > taskBufferBytesMax || mapping.bufferBytes + bytes > lunTaskBufferBytesMax)
      return false
    if (!this.#pool.giveBuffer(task, bytes)) return false
    this.#bufferBytes += task.buffer.length
    return true
  }

  #failReceiving(task: IscsiTask, key: number, code: number): void {
    task.scsi.checkCondition(key, code)
    this.#pool.watch.failed(task, this.session, IoKind.write)
    this.answer(task)
  }

  /** Sends its status; the command has ended. */
  answer(task: IscsiTask): void {
    sendScsiResponse(this, task)
    this.tasks.delete(task.initiatorTaskTag)
    this.finish(task)
  }

  /** Everything of it has been sent; the command has ended. */
  finish(task: IscsiTask): void {
    this.#stopReading(task)
    this.#release(task)
  }

  /** The command has ended and nobody else has the task. */
  #release(task: IscsiTask): void {
    const { histogram, latencies } = this.session.identity.target
    const { clock } = this.#pool
    if (histogram !== undefined) histogram.count(clock.read() - task.startedAt)
    // Where it has done IO, the clock was read when that ended.
    latencies.count(task.scsi.cdb[0] ?? 0, clock.last - task.startedAt)
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
    if (task.inOrder) {
      // Writes that have waited for it may begin at once.
      this.connection.transmitter.repay()
      task.leaveOrder()
    }
    if (task.buffer !== noBuffer) this.#bufferBytes -= task.buffer.length
    if (task.counted) {
      task.counted = false
      this.session.commandsInFlight--
    }
  }
}
