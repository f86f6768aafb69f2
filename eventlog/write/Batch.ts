/**
 * What shares one write and one fsync, and who waits for it.
 */
import type { AppendFailed } from "../EventLog.ts"
import type { StoreWrite } from "../LogStore.ts"
import type { ControlRecord } from "../record.ts"
import type { Position } from "../sequence.ts"

/** Failure of a job, or `undefined` when it is durable. */
export type Outcome = AppendFailed | undefined

/** How a batch got to the disk, for whoever wants to know what an append has waited for. */
export interface Written {
  /** Before the write, and after its sync; microseconds since the epoch. */
  readonly startedAt: number
  readonly endedAt: number
  /** Of all that shared it, observations too. */
  readonly records: number
  readonly bytes: number
}

/** The control records of one caller, all or none of which happen. */
export class Job {
  readonly records: ReadonlyArray<ControlRecord>
  /** Of the batch that it was in, once that is durable. */
  written: Written | undefined
  #settled = false
  #outcome: Outcome
  #waiters: Array<(outcome: Outcome) => void> = []

  constructor(records: ReadonlyArray<ControlRecord>) {
    this.records = records
  }

  /** Calls back once, at once if it is settled. The result takes the callback away again. */
  wait(resume: (outcome: Outcome) => void): () => void {
    if (this.#settled) {
      resume(this.#outcome)
      return () => undefined
    }
    this.#waiters.push(resume)
    return () => {
      this.#waiters = this.#waiters.filter((waiter) => waiter !== resume)
    }
  }

  settle(outcome: Outcome): void {
    if (this.#settled) return
    this.#settled = true
    this.#outcome = outcome
    const waiters = this.#waiters
    this.#waiters = []
    for (const resume of waiters) resume(outcome)
  }
}

/** Filled while the batch before it is being written. */
export class Batch {
  readonly writes: Array<StoreWrite> = []
  readonly jobs: Array<Job> = []
  observations = 0
  bytes = 0
  end: Position

  constructor(start: Position) {
    this.end = start
  }

  get isEmpty(): boolean {
    return this.writes.length === 0 && this.jobs.length === 0
  }

  put(key: string, value: Uint8Array, end: Position): void {
    this.writes.push({ type: "put", key, value })
    this.bytes += key.length + value.length
    this.end = end
  }

  /** Between these times, in microseconds since the epoch, it was written and synced. */
  setWritten(startedAt: number, endedAt: number): void {
    const { bytes, writes } = this
    const written = { startedAt, endedAt, records: writes.length, bytes }
    for (const job of this.jobs) job.written = written
  }
}
