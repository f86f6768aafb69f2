/**
 * Tasks and their data buffers, reused over all connections of a reactor and bounded: a command that would need more
 * gets TASK SET FULL.
 */
import { reactorTaskBufferBytesMax } from "../limits.ts"
import { type MemoryAccount, MemoryBudget } from "../MemoryBudget.ts"
import { BufferPool } from "./BufferPool.ts"
import { IoClock } from "./IoClock.ts"
import { type IoWatch, unwatched } from "./IoWatch.ts"
import { IscsiTask, noBuffer, type TaskHome, TaskPhase } from "./IscsiTask.ts"
import type { LunMapping } from "./Target.ts"

const smallestClassBits = 12
const largestClassBits = 22
/** Buffers of one size class that are kept, in bytes. */
const keptBytesPerClass = 8 * 1024 * 1024
const keptTasks = 1024
/** What a task takes with all that is made for it, rounded up to a page; in bytes. */
const taskBytes = 4096

const classOf = (bytes: number): number => Math.max(smallestClassBits, 32 - Math.clz32(bytes - 1))

/** One per reactor. */
export class TaskPool implements TaskHome {
  readonly #tasks: Array<IscsiTask> = []
  /** By size class; undefined where no buffer is that small. */
  readonly #buffers: Array<BufferPool | undefined> = []
  readonly #memory: MemoryAccount
  #bufferBytes = 0
  readonly clock: IoClock
  /** Called when there is no memory for a buffer: drops what is kept and not used. */
  reclaim = (): void => this.drop()
  /** Told of IO that does not go well. */
  watch: IoWatch = unwatched

  /** `now` gives milliseconds of a clock that only goes forward; `memory` is what it is counted in. */
  constructor(
    now: () => number = () => performance.now(),
    memory: MemoryAccount = MemoryBudget.sized(Number.POSITIVE_INFINITY).account("commands")
  ) {
    this.clock = new IoClock(now)
    this.#memory = memory
    for (let bits = smallestClassBits; bits <= largestClassBits; bits++) {
      this.#buffers[bits] = new BufferPool(2 ** bits, keptBytesPerClass / 2 ** bits, memory)
    }
  }

  /** Bytes of buffers that tasks hold now. */
  get bufferBytes(): number {
    return this.#bufferBytes
  }

  /** Bytes of buffers that wait to be used again. */
  get keptBytes(): number {
    return this.#buffers.reduce((sum, pool) => sum + (pool?.keptBytes ?? 0), 0)
  }

  /** A task without a buffer. */
  take(): IscsiTask {
    return this.#tasks.pop() ?? this.#newTask()
  }

  /** A command must be answered, if only to turn it away: how many there are, the command window bounds. */
  #newTask(): IscsiTask {
    this.#memory.takeAnyway(taskBytes)
    return new IscsiTask(this)
  }

  /** Gives a task at least `bytes` of buffer; false when that is beyond the limit. `bytes` is at most 4 MiB. */
  giveBuffer(task: IscsiTask, bytes: number): boolean {
    const buffer = this.takeBuffer(bytes, task.mapping)
    if (buffer !== undefined) task.buffer = buffer
    return buffer !== undefined
  }

  /** A buffer that is counted for a LUN; undefined when there is no memory for it. */
  takeBuffer(bytes: number, mapping: LunMapping | undefined): Buffer | undefined {
    const pool = this.#buffers[classOf(bytes)]
    if (pool === undefined || this.#bufferBytes + pool.bufferBytes > reactorTaskBufferBytesMax) return undefined
    const buffer = pool.take() ?? this.#takeReclaimed(pool)
    if (buffer === undefined) return undefined
    this.#bufferBytes += buffer.length
    if (mapping !== undefined) mapping.bufferBytes += buffer.length
    return buffer
  }

  #takeReclaimed(pool: BufferPool): Buffer | undefined {
    this.reclaim()
    return pool.take()
  }

  /** Takes such a buffer back. */
  returnBuffer(buffer: Buffer, mapping: LunMapping | undefined): void {
    this.#bufferBytes -= buffer.length
    if (mapping !== undefined) mapping.bufferBytes -= buffer.length
    this.#buffers[classOf(buffer.length)]?.give(buffer)
  }

  /** Called every few seconds: buffers that nobody has needed since go. */
  trim(): void {
    for (const pool of this.#buffers) pool?.trim()
  }

  /** Drops all buffers that are kept. */
  drop(): void {
    for (const pool of this.#buffers) pool?.drop()
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
    else this.#memory.give(taskBytes)
  }
}
