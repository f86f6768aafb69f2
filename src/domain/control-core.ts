/**
 * The bookkeeping of the control plane: what is durable, what is on its way, and who is told. Plain synchronous code,
 * so that nothing can come between deciding, submitting and moving the tip; `ControlPlane.ts` waits around it.
 */
import { Effect, Queue, Result } from "effect"
import type { AppendFailed, EventLog, LogUnavailable, SequenceConflict, Submission } from "../../eventlog/EventLog.ts"
import type { LogTail } from "../../eventlog/reading.ts"
import type { Cause, ControlRecord } from "../../eventlog/record.ts"
import type { Command } from "./Command.ts"
import type { Changes, Committed } from "./ControlPlane.ts"
import type { Lease } from "./DataPlane.ts"
import type { DomainError } from "./DomainError.ts"
import { decide } from "./decide.ts"
import type { Event } from "./Event.ts"
import { decodeRecord, encodeEvent, type UnreadableEvent } from "./event-codec.ts"
import { evolve } from "./evolve.ts"
import type { State } from "./State.ts"
import type { SpanParts } from "./tracing.ts"

/** A state and the last control record in it. */
export interface StatePosition {
  readonly state: State
  readonly controlSeq: number
  readonly controlNo: number
  readonly controlHash: string
}

/** A command on its way. `outcome` is what to say once `durable` has succeeded; `written` tells then how. */
export interface Ticket {
  readonly durable: Effect.Effect<void, AppendFailed>
  readonly written?: Submission["written"]
  readonly outcome: () => Result.Result<Committed, DomainError>
}

interface Pending {
  readonly position: StatePosition
  readonly entry: Committed
  committed: boolean
}

const positionAt = (state: State, { controlNo, hash, seq }: ControlRecord): StatePosition => ({
  state,
  controlSeq: seq,
  controlNo,
  controlHash: hash
})

const untraced: Pick<SpanParts, "step"> = { step: (_, work) => work() }

/** One per process, driven by dispatches and by the log. */
export class ControlCore {
  readonly #log: EventLog["Service"]
  readonly #subscribers = new Set<Queue.Queue<Committed>>()
  readonly #waiters = new Set<(state: State) => void>()
  #durable: StatePosition
  #tip: StatePosition
  #pending: Array<Pending> = []
  #fault: UnreadableEvent | undefined
  #recordsSinceSnapshot = 0

  constructor(log: EventLog["Service"], start: StatePosition) {
    this.#log = log
    this.#durable = start
    this.#tip = start
  }

  get durable(): StatePosition {
    return this.#durable
  }
  /** A record of somebody else's that is no event of ours: nothing can be decided on top of it. */
  get fault(): UnreadableEvent | undefined {
    return this.#fault
  }
  get recordsSinceSnapshot(): number {
    return this.#recordsSinceSnapshot
  }

  /** Decides on the tip and gives the events their place in the log. With `parts` each step has a span. */
  submit(
    command: Command,
    cause: Cause,
    lease: Lease | undefined,
    parts?: SpanParts
  ): Result.Result<Ticket, LogUnavailable | SequenceConflict> {
    const { step } = parts ?? untraced
    const decision = step("decide", () => decide(this.#tip.state, command))
    if (Result.isFailure(decision) || decision.success.length === 0) return this.#answer(decision, cause)
    const events = decision.success
    const submitted = this.#log.submit(this.#tip.controlSeq, cause, events.map(encodeEvent))
    if (Result.isFailure(submitted)) return Result.fail(submitted.failure)
    const { durable, records, written } = submitted.success
    const pending = step("evolve", () => this.#advance(events, records, lease, parts?.span))
    return Result.succeed({ durable, written, outcome: () => this.#outcomeOf(pending) })
  }

  /** For the log: records that are durable now. */
  committed(records: ReadonlyArray<ControlRecord>): void {
    for (let at = 0; at < records.length; ) {
      const next = this.#pending[0]
      const record = records[at]
      if (record === undefined) return
      if (next === undefined || next.entry.records[0]?.seq !== record.seq) {
        this.#adoptForeign(record)
        at++
        continue
      }
      this.#pending.shift()
      next.committed = true
      this.#durable = next.position
      at += next.entry.records.length
      this.#publish(next.entry)
    }
  }

  /** For the log: what was submitted after `tail` has not happened. */
  rolledBack(tail: LogTail): void {
    this.#pending = this.#pending.filter(({ position }) => position.controlSeq <= tail.controlSeq)
    this.#tip = this.#pending.at(-1)?.position ?? this.#durable
  }

  /** The present state and a queue of everything after it; the queue ends with `unsubscribe`. */
  subscribe(queue: Queue.Queue<Committed>): Changes {
    this.#subscribers.add(queue)
    return { state: this.#durable.state, committed: queue }
  }

  unsubscribe(queue: Queue.Queue<Committed>): void {
    this.#subscribers.delete(queue)
  }

  /** Calls `waiter` with each durable state until the returned function is called. */
  onState(waiter: (state: State) => void): () => void {
    this.#waiters.add(waiter)
    return () => void this.#waiters.delete(waiter)
  }

  /** A snapshot of the present durable state is about to be written. */
  snapshotTaken(): void {
    this.#recordsSinceSnapshot = 0
  }

  /** Nothing to append: but what it was decided on must be durable before anyone is told. */
  #answer(
    decision: Result.Result<ReadonlyArray<Event>, DomainError>,
    cause: Cause
  ): Result.Result<Ticket, LogUnavailable | SequenceConflict> {
    const outcome = () =>
      Result.map(decision, (): Committed => ({ records: [], events: [], state: this.#durable.state, lease: undefined }))
    if (this.#pending.length === 0) return Result.succeed({ durable: Effect.void, outcome })
    return Result.map(this.#log.submit(this.#tip.controlSeq, cause, []), ({ durable }) => ({ durable, outcome }))
  }

  #advance(
    events: ReadonlyArray<Event>,
    records: ReadonlyArray<ControlRecord>,
    lease: Lease | undefined,
    span: Committed["span"]
  ): Pending {
    let position = this.#tip
    for (const [index, event] of events.entries()) {
      const record = records[index]
      if (record !== undefined) position = positionAt(evolve(position.state, event, record.seq), record)
    }
    const entry = { records, events, state: position.state, lease, ...(span === undefined ? {} : { span }) }
    const pending = { position, entry, committed: false }
    this.#pending.push(pending)
    this.#tip = position
    return pending
  }

  #outcomeOf(pending: Pending): Result.Result<Committed, DomainError> {
    if (!pending.committed) throw new Error("the event log called a batch durable that it has not published")
    return Result.succeed(pending.entry)
  }

  /** Another writer of the same process: its records are folded like ours, and the tip starts over from them. */
  #adoptForeign(record: ControlRecord): void {
    const event = decodeRecord(record)
    if (Result.isFailure(event)) {
      this.#fault = event.failure
      return
    }
    const state = evolve(this.#durable.state, event.success, record.seq)
    this.#durable = positionAt(state, record)
    this.#tip = this.#durable
    this.#publish({ records: [record], events: [event.success], state, lease: undefined })
  }

  #publish(entry: Committed): void {
    this.#recordsSinceSnapshot += entry.records.length
    for (const queue of this.#subscribers) Queue.offerUnsafe(queue, entry)
    for (const waiter of this.#waiters) waiter(entry.state)
  }
}
