/**
 * The control plane: the one way for every change. A command is decided on the tip (all events submitted so far), its events
 * are appended, and only when they are durable are they published and the caller told.
 *
 * - Concurrent callers share one fsync: a command is decided on top of events that are still on their way to the disk.
 * - If these fail, everything decided on top of them fails with them, and the tip is the durable state again.
 * - Interrupting a caller undoes nothing: what was submitted happens or fails without it.
 * - Nobody waits under a lock. Who must wait for convergence uses `awaitState` or `DataPlane` after the dispatch.
 */
import { Context, type Effect, type Queue, type Scope } from "effect"
import type { AppendFailed, LogUnavailable } from "../../eventlog/EventLog.ts"
import type { Cause, ControlRecord } from "../../eventlog/record.ts"
import type { Command } from "./Command.ts"
import type { Lease } from "./DataPlane.ts"
import type { DomainError } from "./DomainError.ts"
import type { Event } from "./Event.ts"
import type { State } from "./State.ts"

/** What one command did. `records` and `events` go together, one by one; both are empty if there was nothing to do. */
export interface Committed {
  readonly records: ReadonlyArray<ControlRecord>
  readonly events: ReadonlyArray<Event>
  /** The durable state right after these events. */
  readonly state: State
  /** To be adopted by the reconciler that these events concern. */
  readonly lease: Lease | undefined
}

/** A subscriber's view: the durable state when it subscribed, and each later entry exactly once and in order. */
export interface Changes {
  readonly state: State
  readonly committed: Queue.Dequeue<Committed>
}

export type DispatchError = DomainError | LogUnavailable | AppendFailed

export class ControlPlane extends Context.Service<
  ControlPlane,
  {
    /** Succeeds when the command's events are durable and published. */
    readonly dispatch: (command: Command, cause: Cause) => Effect.Effect<Committed, DispatchError>
    /**
     * Acquires, then dispatches. If nothing was committed, whatever `acquire` acquired is released; if the command was
     * committed, the entry carries the lease and its scope stays open. Holds also for a caller interrupted at any point.
     */
    readonly dispatchWithLease: <E, R>(
      acquire: Effect.Effect<Lease, E, R | Scope.Scope>,
      command: Command,
      cause: Cause
    ) => Effect.Effect<Committed, DispatchError | E, R>
    /** The durable state now. */
    readonly state: () => State
    /** Resumes with the first durable state, from the present one on, that satisfies `predicate`. */
    readonly awaitState: (predicate: (state: State) => boolean) => Effect.Effect<State>
    /** The queue has no bound: a subscriber must keep up, or leave by closing its scope. */
    readonly changes: Effect.Effect<Changes, never, Scope.Scope>
  }
>()("lunlog/domain/ControlPlane") {}
