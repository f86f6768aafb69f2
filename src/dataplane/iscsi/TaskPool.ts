/**
 * Tasks and their data buffers, reused over all connections of a reactor and bounded: a command that would need more
 * gets TASK SET FULL.
 */
import { reactorTaskBufferBytesMax } from "../limits.ts"
import { IoClock } from "./IoClock.ts"
import { type IoWatch, unwatched } from "./IoWatch.ts"
import { IscsiTask, noBuffer, type TaskHome, TaskPhase } from "./IscsiTask.ts"
import type { LunMapping } from "./Target.ts"

const smallestClassBits = 12
const largestClassBits = 22
/** Buffers of one size class that are kept, in bytes. */
const keptBytesPerClass = 8 * 1024 * 1024
const keptTasks = 1024

const classOf = (bytes: number): number => Math.max(smallestClassBits, 32 - Math.clz32(bytes - 1))

/** One per reactor. */
export class TaskPool implements TaskHome {
  readonly #tasks: Array<IscsiTask> = []
  readonly #free: Array<Array<Buffer>> = []
  #bufferBytes = 0
  readonly clock: IoClock
  /** Told of IO that does not go well. */
  watch: IoWatch = unwatched

  /** `now` gives milliseconds of a clock that only goes forward. */
  constructor(now: () => number = () => performance.now()) {
    this.clock = new IoClock(now)
    for (let bits = 0; bits <= largestClassBits; bits++) this.#free.push([])
  }

  /** Bytes of buffers that tasks hold now. */
  get bufferBytes(): number {
    return this.#bufferBytes
  }

  /** A task without a buffer. */
  take(): IscsiTask {
    return this.#tasks.pop() ?? new IscsiTask(this)
  }

  /** Gives a task at least `bytes` of buffer; false when that is beyond the limit. `bytes` is at most 4 MiB. */
  giveBuffer(task: IscsiTask, bytes: number): boolean {
    const buffer = this.takeBuffer(bytes, task.mapping)
    if (buffer !== undefined) task.buffer = buffer
    return buffer !== undefined
  }

  /** A buffer that is counted for a LUN; undefined when that is beyond the limit of the reactor. */
  takeBuffer(bytes: number, mapping: LunMapping | undefined): Buffer | undefined {
    const bits = classOf(bytes)
    const size = 2 ** bits
    if (bits > largestClassBits || this.#bufferBytes + size > reactorTaskBufferBytesMax) return undefined
    this.#bufferBytes += size
    if (mapping !== undefined) mapping.bufferBytes += size
    return this.#free[bits]?.pop() ?? Buffer.allocUnsafeSlow(size)
  }

  /** Takes such a buffer back. */
  returnBuffer(buffer: Buffer, mapping: LunMapping | undefined): void {
    this.#bufferBytes -= buffer.length
    if (mapping !== undefined) mapping.bufferBytes -= buffer.length
    const kept = this.#free[classOf(buffer.length)]
    if (kept !== undefined && (kept.length + 1) * buffer.length <= keptBytesPerClass) kept.push(buffer)
  }

  /** Takes a task back, with its buffer. The bdev no longer has it. */
  give(task: IscsiTask): void {
    const { buffer, mapping } = task
    if (buffer !== noBuffer) this.returnBuffer(buffer, task.phase === TaskPhase.Held ? undefined : mapping)
    task.scsi.releaseRoom()
    task.run = undefined
    task.buffer = noBuffer
    task.phase = TaskPhase.Idle
    task.owner = undefined
    task.mapping = undefined
    task.onEnd = undefined
    if (this.#tasks.length < keptTasks) this.#tasks.push(task)
  }
}
