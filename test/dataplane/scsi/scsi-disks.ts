/**
 * Disks that one initiator sees as the LUNs of a session, and commands with all their steps: data out, operations, task
 * sets. What the transport does of a command, without a transport.
 */
import type { Bdev, BdevIo, IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { mediumOf } from "../../../src/dataplane/bdev/wrapper/WrapperBdev.ts"
import { completeIo } from "../../../src/dataplane/scsi/complete-io.ts"
import { LogicalUnit } from "../../../src/dataplane/scsi/LogicalUnit.ts"
import type { Nexus } from "../../../src/dataplane/scsi/Nexus.ts"
import { isGuarded, prepare } from "../../../src/dataplane/scsi/prepare.ts"
import type { OperationRun } from "../../../src/dataplane/scsi/ScsiOperation.ts"
import { ScsiAction, ScsiTask } from "../../../src/dataplane/scsi/ScsiTask.ts"
import type { LunUse, SessionView } from "../../../src/dataplane/scsi/SessionView.ts"
import { ScsiStatus } from "../../../src/dataplane/scsi/scsi-status.ts"
import { encodeSense, senseLengthMax } from "../../../src/dataplane/scsi/sense.ts"
import { TaskSet } from "../../../src/dataplane/scsi/TaskSet.ts"
import { guideSession, unitOptions } from "./scsi-fixture.ts"

/** How a command ended. */
export interface Ended {
  /** `good`, `key/asc/ascq` in hex, or `status 28`. */
  readonly result: string
  /** Parameter data, or what was read. */
  readonly data: Buffer
  /** Sense data; empty without CHECK CONDITION. */
  readonly sense: Buffer
  readonly status: number
}

/** A command under way. */
export interface Command {
  readonly ended: Promise<Ended>
  /** Nobody waits for it any more. */
  readonly abort: () => void
}

const hex = (byte: number): string => byte.toString(16).padStart(2, "0")

const resultOf = (task: ScsiTask): string => {
  if (task.status === ScsiStatus.good) return "good"
  if (task.status !== ScsiStatus.checkCondition) return `status ${hex(task.status)}`
  return `${task.senseKey.toString(16)}/${hex(task.senseCode >> 8)}/${hex(task.senseCode & 0xff)}`
}

/** One run, as the transport would have it. */
class Run implements OperationRun {
  readonly task = new ScsiTask()
  readonly nexus: Nexus
  readonly session: SessionView
  readonly data: Buffer
  readonly buffers: Array<Buffer> = []
  aborted = false
  hasEnded = false
  readonly #done: () => void

  constructor(nexus: Nexus, session: SessionView, data: Buffer, done: () => void) {
    this.nexus = nexus
    this.session = session
    this.data = data
    this.#done = done
  }

  get dataLength(): number {
    return Math.min(this.data.length, this.task.dataOutLength)
  }

  get expectedLength(): number {
    return this.data.length
  }

  takeBuffer(bytes: number): Buffer {
    const buffer = Buffer.alloc(bytes, 0xdd)
    this.buffers.push(buffer)
    return buffer
  }

  io(then: (status: IoStatus) => void): BdevIo {
    return { ioDone: then }
  }

  later(then: () => void): void {
    setImmediate(then)
  }

  soon(_workBytes: number, then: () => void): void {
    then()
  }

  end(): void {
    if (this.hasEnded) throw new Error("an operation ended twice")
    this.hasEnded = true
    this.#done()
  }
}

/** The disks of a session by LUN: one per bdev, in order. */
export class Disks {
  readonly units: ReadonlyArray<LogicalUnit>
  readonly session: SessionView
  readonly #nexuses: ReadonlyArray<Nexus>
  readonly #hidden = new Set<number>()
  /** LUNs in use beside the commands' own. */
  uses = 0

  constructor(...bdevs: ReadonlyArray<Bdev>) {
    // Those of one medium share it, as at a reactor.
    const taskSets = new Map(bdevs.map((bdev) => [mediumOf(bdev), new TaskSet()]))
    this.units = bdevs.map((bdev, lun) => {
      const options = { ...unitOptions, uuid: `2f7b6f0e-9a5c-4a63-8d0e-0000000000${10 + lun}` }
      return new LogicalUnit(bdev, options, taskSets.get(mediumOf(bdev)))
    })
    this.#nexuses = this.units.map((unit) => this.attach(unit))
    this.session = {
      ...guideSession,
      reportLuns: () => this.#nexuses.map((_, lun) => lun).filter((lun) => !this.#hidden.has(lun)),
      nexus: (lun) => this.#seen(lun),
      useLun: (lun) => this.#use(lun)
    }
  }

  /** Another initiator's path to a unit, whose first unit attention has been told. */
  attach(unit: LogicalUnit): Nexus {
    const nexus = unit.attach()
    nexus.take(true)
    return nexus
  }

  unit(lun: number): LogicalUnit {
    const unit = this.units[lun]
    if (unit === undefined) throw new Error(`no LUN ${lun}`)
    return unit
  }

  nexus(lun: number): Nexus {
    const nexus = this.#nexuses[lun]
    if (nexus === undefined) throw new Error(`no LUN ${lun}`)
    return nexus
  }

  /** The session sees the LUN no more. */
  hide(lun: number): void {
    this.#hidden.add(lun)
  }

  #seen(lun: number): Nexus | undefined {
    return this.#hidden.has(lun) ? undefined : this.#nexuses[lun]
  }

  #use(lun: number): LunUse | undefined {
    const nexus = this.#seen(lun)
    if (nexus === undefined) return undefined
    this.uses++
    const hidden = this.#hidden
    return {
      nexus,
      get isOver() {
        return hidden.has(lun)
      },
      end: () => void this.uses--
    }
  }

  /** Sends a command (hex digits, spaces allowed, or bytes) with data, by the session's path or another. */
  start(lun: number, cdb: string | Buffer, data: Buffer = Buffer.alloc(0), nexus = this.nexus(lun)): Command {
    let finish: (ended: Ended) => void = () => {}
    const ended = new Promise<Ended>((resolve) => {
      finish = resolve
    })
    const run: Run = new Run(nexus, this.session, data, () => {
      nexus.unit.taskSet.leave(member)
      finish(outcomeOf(run))
    })
    const { task } = run
    const member = { scsi: task, proceed: () => proceed(run, nexus) }
    const bytes = typeof cdb === "string" ? Buffer.from(cdb.replaceAll(" ", ""), "hex") : cdb
    bytes.copy(task.cdb)
    prepare(task, nexus, this.session)
    if (task.action === ScsiAction.none || task.action === ScsiAction.parameterIn) finish(outcomeOf(run))
    else if (nexus.unit.taskSet.enter(member)) member.proceed()
    return {
      ended,
      abort: () => {
        run.aborted = true
      }
    }
  }

  /** Sends a command and waits for its end. */
  send(lun: number, cdb: string | Buffer, data?: Buffer, nexus?: Nexus): Promise<Ended> {
    return this.start(lun, cdb, data, nexus).ended
  }
}

const proceed = (run: Run, { unit }: Nexus): void => {
  const { task } = run
  if (unit.guarded && isGuarded(task, unit)) return run.end()
  if (task.action === ScsiAction.operate) {
    if (task.operation === undefined) throw new Error("operate without an operation")
    task.operation.begin(run)
    return
  }
  const io = {
    ioDone: (status: IoStatus, byteOffset?: number): void => {
      completeIo(task, status, task.action === ScsiAction.read, byteOffset, unit.bdev.blockSize)
      run.end()
    }
  }
  if (task.action === ScsiAction.read) {
    unit.bdev.read(task.byteOffset, run.takeBuffer(task.byteLength), 0, task.byteLength, io)
  } else if (task.action === ScsiAction.write) {
    const data = Buffer.alloc(task.byteLength)
    run.data.copy(data)
    unit.bdev.write(task.byteOffset, data, 0, task.byteLength, task.fua, io)
  } else unit.bdev.flush(io)
}

const outcomeOf = (run: Run): Ended => {
  const { task } = run
  const room = Buffer.alloc(senseLengthMax)
  const sense = room.subarray(0, task.status === ScsiStatus.checkCondition ? encodeSense(task, false, room, 0) : 0)
  const sent = task.action === ScsiAction.parameterIn ? task.parameterData.subarray(0, task.parameterLength) : undefined
  const read = task.action === ScsiAction.read && task.status === ScsiStatus.good ? run.buffers[0] : undefined
  return { result: resultOf(task), data: Buffer.from(sent ?? read ?? []), sense, status: task.status }
}
