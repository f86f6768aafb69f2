/**
 * An operation under way, from the transport's side: its task, the buffers that it has taken, and what it has at the
 * bdev. It outlives its connection: a task that nobody waits for any more is given back when its operation ends.
 */
import { type BdevIo, IoStatus } from "../bdev/Bdev.ts"
import { lunTaskBufferBytesMax, pduWorkBytes } from "../limits.ts"
import type { Nexus } from "../scsi/Nexus.ts"
import type { OperationRun, ScsiOperation } from "../scsi/ScsiOperation.ts"
import type { ScsiTask } from "../scsi/ScsiTask.ts"
import { SenseCode, SenseKey } from "../scsi/sense-codes.ts"
import type { IscsiTask } from "./IscsiTask.ts"
import type { Session } from "./Session.ts"
import type { LunMapping } from "./Target.ts"
import type { TaskPool } from "./TaskPool.ts"
import type { Turns } from "./Turns.ts"

/** What operations of a connection have from it. */
export interface OperationHost {
  readonly pool: TaskPool
  readonly turns: Turns
  /** Told of a mistake of ours, which ends the operation with INTERNAL TARGET FAILURE. */
  readonly failed: (error: unknown) => void
}

/** One IO of an operation at the bdev. */
class OperationIo implements BdevIo {
  readonly #run: RunningOperation
  readonly #then: (status: IoStatus, byteOffset?: number) => void

  constructor(run: RunningOperation, then: (status: IoStatus, byteOffset?: number) => void) {
    this.#run = run
    this.#then = then
  }

  ioDone(status: IoStatus, byteOffset?: number): void {
    this.#run.back(this)
    this.#run.guard(() => this.#then(status, byteOffset))
  }
}

/** One run; see `OperationRun`. */
export class RunningOperation implements OperationRun {
  readonly operation: ScsiOperation
  readonly nexus: Nexus
  readonly session: Session
  /** Bytes that the command would take, for the residual count. */
  readonly dataOutLength: number
  readonly dataLength: number
  readonly expectedLength: number
  readonly #task: IscsiTask
  readonly #mapping: LunMapping
  readonly #host: OperationHost
  readonly #buffers: Array<Buffer> = []
  readonly #atBdev = new Set<BdevIo>()
  #ended = false

  constructor(
    task: IscsiTask,
    operation: ScsiOperation,
    nexus: Nexus,
    mapping: LunMapping,
    session: Session,
    host: OperationHost
  ) {
    this.#task = task
    this.operation = operation
    this.nexus = nexus
    this.session = session
    this.#mapping = mapping
    this.#host = host
    this.dataOutLength = task.scsi.dataOutLength
    this.dataLength = task.wantedBytes
    this.expectedLength = task.expectsDataOut ? task.expectedBytes : 0
  }

  get task(): ScsiTask {
    return this.#task.scsi
  }

  get data(): Buffer {
    return this.#task.buffer
  }

  get aborted(): boolean {
    return this.#task.isZombie
  }

  /** Begins. */
  begin(): void {
    this.guard(() => this.operation.begin(this))
  }

  takeBuffer(bytes: number): Buffer | undefined {
    if (this.#mapping.bufferBytes + bytes > lunTaskBufferBytesMax) return undefined
    const buffer = this.#host.pool.takeBuffer(bytes, this.#mapping)
    if (buffer !== undefined) this.#buffers.push(buffer)
    return buffer
  }

  io(then: (status: IoStatus, byteOffset?: number) => void): BdevIo {
    const io = new OperationIo(this, then)
    this.#atBdev.add(io)
    return io
  }

  later(then: () => void): void {
    this.#host.turns.later(pduWorkBytes, () => this.guard(then))
  }

  soon(workBytes: number, then: () => void): void {
    const { turns } = this.#host
    // Whose commands are read meanwhile is not alone.
    turns.usedBy(this.#host)
    turns.soon(Math.max(workBytes, pduWorkBytes), () => this.guard(then))
  }

  end(status: IoStatus = IoStatus.ok): void {
    if (this.#ended) return
    this.#ended = true
    for (const buffer of this.#buffers) this.#host.pool.returnBuffer(buffer, this.#mapping)
    this.#buffers.length = 0
    this.#task.ioDone(status)
  }

  /** Nobody waits for it any more: what has not begun at the bdev never will. */
  cancel(): void {
    for (const io of [...this.#atBdev]) this.#mapping.unit.bdev.cancel?.(io)
  }

  /** For `OperationIo`: the bdev has answered. */
  back(io: BdevIo): void {
    this.#atBdev.delete(io)
  }

  /** Runs a piece of the operation. A bdev or the event loop must not suffer for a mistake of ours. */
  guard(piece: () => void): void {
    if (this.#ended) return
    try {
      piece()
    } catch (error) {
      this.#host.failed(error)
      if (this.#ended) return
      this.task.checkCondition(SenseKey.hardwareError, SenseCode.internalTargetFailure)
      this.end(IoStatus.failed)
    }
  }
}
