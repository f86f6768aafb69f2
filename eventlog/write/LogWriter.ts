/**
 * The one writer: gives records their place synchronously, writes them in batches, tells everybody in order.
 *
 * Plain code, because it is on the path of every command: Effect wraps it at the edge (`log-service.ts`). Guarantees:
 * - While a batch is on its way, the next one fills: 64 callers share a few fsyncs, one caller waits for one.
 * - Control records are synced before `committed` is called, `committed` is called before any waiter is resumed.
 * - After a failed write nothing is told until the store was reopened and asked (`recovery.ts`). Everything that the
 *   store does not hold then, and everything queued behind it, is undone; its observations are dropped and counted.
 */
import { uptime } from "node:os"
import { Result } from "effect"
import { AppendFailed, type LogListener, LogUnavailable, SequenceConflict } from "../EventLog.ts"
import { controlKey, observationKey } from "../key.ts"
import { type LogStore, StoreError, storeError } from "../LogStore.ts"
import type { Cause, ControlEntry, ControlRecord, ObservationEntry } from "../record.ts"
import { recordBytesMax } from "../record-codec.ts"
import { type Placed, type Position, placeControl, placeObservation } from "../sequence.ts"
import { Batch, Job } from "./Batch.ts"
import { type ClockStep, ClockWatch } from "./clock-watch.ts"
import { DurableLost, reopenSuspect } from "./recovery.ts"
import { type LogCounters, WriteCounters } from "./WriteCounters.ts"

/** What may wait for the disk at a time. */
export const writerLimits = {
  queuedBytes: 32 * 1024 * 1024,
  queuedObservations: 8192,
  /** A disk that has not answered for so long gets no more callers to keep waiting. */
  stallMillis: 10_000
} as const

/** What the writer needs of its owner. */
export interface LogWriterOptions {
  readonly directory: string
  readonly store: LogStore
  /** Where the log stood when it was opened. */
  readonly start: Position
  /** Opens the store again after a failure. */
  readonly reopen: () => Promise<LogStore>
  /** Microseconds since the epoch; may step. */
  readonly now: () => number
  /** Milliseconds that only go forward. */
  readonly monotonicMillis: () => number
  /** Told of each durable control record set; keeps HEAD. Never throws. */
  readonly committed: (end: Position) => void
  /** Told of a failure before the store is reopened; may free space. Never throws. */
  readonly suspect: (error: StoreError) => Promise<void>
  /** Told when it takes appends again. Never throws. */
  readonly recovered: () => void
}

interface Task {
  readonly write: (store: LogStore) => Promise<void>
  readonly resolve: () => void
  readonly reject: (error: StoreError) => void
}

const logCause: Cause = { source: "log", actor: "local" }

/** Throws outside our own call stack: a listener's mistake must neither be hidden nor break the order of the log. */
const reportDefect = (error: unknown): void => queueMicrotask(() => Promise.reject(error))

/** One per open log. */
export class LogWriter {
  readonly #options: LogWriterOptions
  readonly #listeners = new Set<LogListener>()
  readonly #clock: ClockWatch
  readonly #abort = new AbortController()
  #wakeups: Array<() => void> = []
  #tasks: Array<Task> = []
  #store: LogStore
  #durable: Position
  #tip: Position
  #pending: Batch
  #inFlight: Batch | undefined
  /** Monotonic time at which the batch in flight set out. */
  #inFlightSince = 0
  #running: Promise<void> | undefined
  #away: StoreError | undefined
  #closed = false
  #dropped = 0
  readonly #counters = new WriteCounters()

  constructor(options: LogWriterOptions) {
    this.#options = options
    this.#store = options.store
    this.#durable = options.start
    this.#tip = options.start
    this.#pending = new Batch(options.start)
    this.#clock = new ClockWatch({ ...options, bootedMillis: () => uptime() * 1000 })
  }

  get tip(): Position {
    return this.#tip
  }
  get durable(): Position {
    return this.#durable
  }
  get dropped(): number {
    return this.#dropped
  }
  get closed(): boolean {
    return this.#closed
  }
  get counters(): LogCounters {
    return this.#counters.report(this.#pending.bytes)
  }
  /** Changes when the store was reopened; reads that failed on an older one may be tried again. */
  get store(): LogStore {
    return this.#store
  }

  /** A write failed and the store is not back yet. */
  get isAway(): boolean {
    return this.#away !== undefined
  }

  submit(
    expectedControlSeq: number,
    cause: Cause,
    entries: ReadonlyArray<ControlEntry>
  ): Result.Result<Job, SequenceConflict | LogUnavailable> {
    const refusal = this.refusal
    if (refusal !== undefined) return Result.fail(refusal)
    const actual = this.#tip.tail.controlSeq
    if (actual !== expectedControlSeq)
      return Result.fail(new SequenceConflict({ expected: expectedControlSeq, actual }))
    const at = this.#now()
    const placed: Array<Placed<ControlRecord>> = []
    let position = this.#tip
    for (const entry of entries) {
      const next = placeControl(position, at, cause, entry)
      if (next.value.length > recordBytesMax) {
        const detail = `a ${entry.type} record has ${next.value.length} bytes, ${recordBytesMax} are allowed`
        return Result.fail(this.#unavailable("EMSGSIZE", detail))
      }
      placed.push(next)
      position = next.next
    }
    const job = new Job(placed.map(({ record }) => record))
    if (placed.length === 0 && this.#inFlight === undefined && this.#pending.isEmpty) job.settle(undefined)
    else this.#pending.jobs.push(job)
    for (const { record, value, next } of placed) this.#pending.put(controlKey(record.seq), value, next)
    this.#tip = position
    this.#schedule()
    return Result.succeed(job)
  }

  observe(entry: ObservationEntry): number | undefined {
    if (this.refusal !== undefined || this.#pending.observations >= writerLimits.queuedObservations) {
      this.#dropped++
      return undefined
    }
    const placed = placeObservation(this.#tip, this.#now(), entry)
    if (placed.value.length > recordBytesMax) {
      this.#dropped++
      return undefined
    }
    this.#put(placed)
    this.#schedule()
    return placed.record.seq
  }

  /** Runs `write` between two batches; it writes what is no record. Rejects with a `StoreError`. */
  exclusively(write: (store: LogStore) => Promise<void>): Promise<void> {
    const refusal = this.refusal
    if (refusal !== undefined) return Promise.reject(new StoreError(refusal.code, refusal.detail))
    return new Promise((resolve, reject) => {
      this.#tasks.push({ write, resolve, reject })
      this.#schedule()
    })
  }

  listen(listener: LogListener): () => void {
    // A wrapper of its own per call: the same listener may be given twice.
    const own = { ...listener }
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** Calls back once, when more is durable, the store was reopened, or the log closed. */
  onceMoved(wake: () => void): () => void {
    this.#wakeups.push(wake)
    return () => {
      this.#wakeups = this.#wakeups.filter((other) => other !== wake)
    }
  }

  /** Takes nothing more, writes what was taken, closes the store. */
  async close(): Promise<void> {
    this.#closed = true
    this.#abort.abort()
    while (this.#running !== undefined) await this.#running
    this.#wake()
    await this.#store.close().catch(() => undefined)
  }

  #unavailable(code: string, detail: string): LogUnavailable {
    return new LogUnavailable({ code, directory: this.#options.directory, detail })
  }

  /** Why nothing is taken now. */
  get refusal(): LogUnavailable | undefined {
    if (this.#closed) return this.#unavailable("ESHUTDOWN", "it is closed")
    if (this.#away !== undefined) return this.#unavailable(this.#away.code, this.#away.message)
    if (this.#pending.bytes > writerLimits.queuedBytes) {
      const detail = `${this.#pending.bytes} bytes wait for the disk, ${writerLimits.queuedBytes} may; try again later`
      return this.#unavailable("EAGAIN", detail)
    }
    const waited = this.#inFlight === undefined ? 0 : this.#options.monotonicMillis() - this.#inFlightSince
    if (waited > writerLimits.stallMillis) {
      const seconds = Math.round(waited / 1000)
      return this.#unavailable("ETIMEDOUT", `the disk has not answered for ${seconds} s; check it and the kernel's log`)
    }
    return undefined
  }

  /** The time; a step of the clock leaves an observation in front of the record that found it. */
  #now(): number {
    const { at, step } = this.#clock.read(this.#tip.at)
    if (step !== undefined) this.#recordStep(at, step)
    return at
  }

  #recordStep(at: number, payload: ClockStep): void {
    this.#put(placeObservation(this.#tip, at, { type: "ClockStepped", v: 1, cause: logCause, payload }))
  }

  #put(placed: ReturnType<typeof placeObservation>): void {
    this.#pending.put(observationKey(placed.record.seq), placed.value, placed.next)
    this.#pending.observations++
    this.#tip = placed.next
  }

  #schedule(): void {
    if (this.#running !== undefined) return
    this.#running = nextTurn()
      .then(() => this.#run())
      .finally(() => {
        this.#running = undefined
        if (this.#hasWork) this.#schedule()
      })
  }

  get #hasWork(): boolean {
    return this.#away === undefined && (!this.#pending.isEmpty || this.#tasks.length > 0)
  }

  async #run(): Promise<void> {
    while (this.#hasWork) {
      await this.#runTasks()
      if (this.#away !== undefined || this.#pending.isEmpty) continue
      const batch = this.#pending
      this.#pending = new Batch(batch.end)
      this.#inFlight = batch
      this.#inFlightSince = this.#options.monotonicMillis()
      const startedAt = this.#options.now()
      try {
        if (batch.writes.length > 0) await this.#write(batch)
      } catch (error) {
        await this.#recover(batch, storeError(error))
        continue
      }
      this.#inFlight = undefined
      batch.setWritten(startedAt, this.#options.now())
      this.#publish(batch)
      // Lets the callers that were just resumed put their next commands into the next batch.
      if (!this.#closed) await nextTurn()
    }
  }

  async #write({ jobs, observations, writes }: Batch): Promise<void> {
    const isSynced = jobs.length > 0
    const since = performance.now()
    await this.#store.write(writes, isSynced)
    const records = jobs.reduce((count, job) => count + job.records.length, 0)
    this.#counters.written(records, observations, isSynced ? performance.now() - since : undefined)
  }

  async #runTasks(): Promise<void> {
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) {
      if (this.#away !== undefined) {
        task.reject(this.#away)
        continue
      }
      try {
        await task.write(this.#store)
        task.resolve()
      } catch (error) {
        const failure = storeError(error)
        await this.#recover(new Batch(this.#durable), failure)
        task.reject(failure)
      }
    }
  }

  #publish(batch: Batch): void {
    this.#advance(batch)
    for (const job of batch.jobs) job.settle(undefined)
    this.#wake()
  }

  /** `batch` is durable: listeners are told. Its callers are still to be. */
  #advance(batch: Batch): void {
    this.#durable = batch.end
    const records = batch.jobs.length === 1 ? (batch.jobs[0]?.records ?? []) : batch.jobs.flatMap((job) => job.records)
    if (records.length === 0) return
    this.#options.committed(batch.end)
    this.#tell((listener) => listener.committed(records))
  }

  #tell(call: (listener: LogListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        call(listener)
      } catch (error) {
        reportDefect(error)
      }
    }
  }

  #wake(): void {
    const wakeups = this.#wakeups
    this.#wakeups = []
    for (const wake of wakeups) wake()
  }

  async #recover(batch: Batch, error: StoreError): Promise<void> {
    const since = this.#options.monotonicMillis()
    this.#away = error
    this.#counters.failures++
    await this.#options.suspect(error)
    await this.#store.close().catch(() => undefined)
    try {
      const { store, survived, attempts } = await reopenSuspect({
        open: this.#options.reopen,
        batch,
        durable: this.#durable,
        signal: this.#abort.signal,
        failed: (latest) => {
          this.#away = latest
        }
      })
      this.#store = store
      if (survived) this.#advance(batch)
      const { jobs, undone } = this.#rollBack(survived ? undefined : batch)
      this.#away = undefined
      this.#options.recovered()
      const awayMillis = Math.round(this.#options.monotonicMillis() - since)
      const payload = { code: error.code, detail: error.message, survived, undone, attempts, awayMillis }
      this.observe({ type: "LogRecovered", v: 1, cause: logCause, payload })
      // A caller that is told may append again at once, so this comes last.
      if (survived) for (const job of batch.jobs) job.settle(undefined)
      this.#fail(jobs, error.code, error.message)
    } catch (failure) {
      // Either closing, or the store lost what was confirmed: callers cannot be told more than that it is unknown.
      this.#away = storeError(failure)
      const { jobs } = this.#rollBack(batch)
      const unknown = "whether it is recorded shows when the log is opened again"
      const detail = `${error.message}; ${this.#away.message}; ${unknown}`
      this.#fail(jobs, failure instanceof DurableLost ? "EIO" : "ESHUTDOWN", detail)
    }
  }

  /** Undoes `failed` and all that is queued; gives those whose callers are to be told. */
  #rollBack(failed: Batch | undefined): { readonly jobs: ReadonlyArray<Job>; readonly undone: number } {
    const queued = this.#pending
    const jobs = [...(failed?.jobs ?? []), ...queued.jobs]
    this.#inFlight = undefined
    this.#pending = new Batch(this.#durable)
    this.#tip = this.#durable
    this.#dropped += queued.observations + (failed?.observations ?? 0)
    const undone = jobs.reduce((count, job) => count + job.records.length, 0)
    if (undone > 0) this.#tell((listener) => listener.rolledBack(this.#durable.tail))
    return { jobs, undone }
  }

  #fail(jobs: ReadonlyArray<Job>, code: string, detail: string): void {
    const failure = new AppendFailed({ code, directory: this.#options.directory, detail })
    for (const job of jobs) job.settle(failure)
    this.#wake()
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
