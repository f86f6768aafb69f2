/**
 * The control plane: the one way for every change. A command is decided on the tip (all events submitted so far), its
 * events are appended, and only when they are durable are they published and the caller told.
 *
 * - Concurrent callers share one fsync: a command is decided on top of events that are still on their way to the disk.
 * - If these fail, everything decided on top of them fails with them, and the tip is the durable state again.
 * - Interrupting a caller undoes nothing: what was submitted happens or fails without it.
 * - Nobody waits under a lock. Who must wait for convergence uses `awaitState` or `DataPlane` after the dispatch.
 */
import { Context, type Duration, Effect, Exit, Fiber, Layer, Queue, Result, Scope, type Tracer } from "effect"
import { type AppendFailed, EventLog, type LogUnavailable, type SequenceConflict } from "../../eventlog/EventLog.ts"
import type { LogReadFailed } from "../../eventlog/reading.ts"
import type { Cause, ControlRecord } from "../../eventlog/record.ts"
import type { Command } from "./Command.ts"
import { ControlCore, type Ticket } from "./control-core.ts"
import { readState, writeSnapshot } from "./control-start.ts"
import { type Lease, withFound } from "./DataPlane.ts"
import type { DomainError } from "./DomainError.ts"
import type { Event } from "./Event.ts"
import type { UnreadableEvent } from "./event-codec.ts"
import { fillHistory } from "./history-snapshots.ts"
import type { State } from "./State.ts"
import { annotate, ifTraced, traced, withParts } from "./tracing.ts"

/** What one command did. `records` and `events` go together, one by one; both are empty if there was nothing to do. */
export interface Committed {
  readonly records: ReadonlyArray<ControlRecord>
  readonly events: ReadonlyArray<Event>
  /** The durable state right after these events. */
  readonly state: State
  /** To be adopted by the reconciler that these events concern. */
  readonly lease: Lease | undefined
  /** Of the dispatch: what follows from these events is a part of it. Absent where nobody traces. */
  readonly span?: Tracer.AnySpan
}

/** A subscriber's view: the durable state when it subscribed, and each later entry exactly once and in order. */
export interface Changes {
  readonly state: State
  readonly committed: Queue.Dequeue<Committed>
}

/** Why a command was refused or could not be recorded. It has then changed nothing. */
export type DispatchError = DomainError | LogUnavailable | AppendFailed

/** Why the log does not give a state. */
export type ControlPlaneStartError = LogReadFailed | UnreadableEvent

/** How often the state is saved beside the log. */
export interface ControlPlaneOptions {
  /** Control records between two snapshots; more if the state is large. */
  readonly snapshotEvery: number
  /** How long an orderly end waits for its snapshot. */
  readonly lastSnapshotWithin: Duration.Input
}

const defaultOptions: ControlPlaneOptions = { snapshotEvery: 4000, lastSnapshotWithin: "5 seconds" }

/** The service; `dispatch` is for all who ask, the rest for those who act. */
export class ControlPlane extends Context.Service<
  ControlPlane,
  {
    /** Succeeds when the command's events are durable and published. */
    readonly dispatch: (command: Command, cause: Cause) => Effect.Effect<Committed, DispatchError>
    /**
     * Acquires, then dispatches the command with what was found. If nothing was committed, whatever `acquire` acquired
     * is released; if the command was committed, the entry carries the lease and its scope stays open. Holds also for
     * a caller interrupted at any point.
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
>()("lunlog/domain/ControlPlane") {
  /** Reads the log first; starting an epoch is the first command of its user. A snapshot every 4,000 records. */
  static readonly layer: Layer.Layer<ControlPlane, ControlPlaneStartError, EventLog> = Layer.effect(
    ControlPlane,
    Effect.suspend(() => make(defaultOptions))
  )
  /** The same with other options. Call it once and keep the layer. */
  static readonly layerWith = (
    options: ControlPlaneOptions
  ): Layer.Layer<ControlPlane, ControlPlaneStartError, EventLog> => Layer.effect(ControlPlane, make(options))
}

type Service = ControlPlane["Service"]
type Dispatch = (command: Command, cause: Cause, lease: Lease | undefined) => Effect.Effect<Committed, DispatchError>

/** Waits for whatever was submitted by another writer, so that the tip can start over from it. */
const catchUp = (log: EventLog["Service"], cause: Cause): Effect.Effect<void, LogUnavailable | AppendFailed> =>
  Effect.suspend(() => log.append(log.tip().controlSeq, cause, [])).pipe(
    Effect.catchTag("SequenceConflict", Effect.die),
    Effect.asVoid
  )

const dispatchOn = (log: EventLog["Service"], core: ControlCore): Dispatch => {
  const attempt = (command: Command, cause: Cause, lease: Lease | undefined) =>
    withParts((parts): Effect.Effect<Committed, DispatchError | SequenceConflict> => {
      if (core.fault !== undefined) return Effect.die(core.fault)
      const ticket = core.submit(command, cause, lease, parts)
      if (Result.isFailure(ticket)) return Effect.fail(ticket.failure)
      const durable = parts === undefined ? ticket.success.durable : tracedAppend(ticket.success)
      return Effect.flatMap(durable, () => Effect.fromResult(ticket.success.outcome()))
    })
  const dispatch: Dispatch = (command, cause, lease) =>
    attempt(command, cause, lease).pipe(
      Effect.catchTag("SequenceConflict", () =>
        Effect.andThen(catchUp(log, cause), attempt(command, cause, lease)).pipe(
          // Two writers that take turns are a bug of ours: the log has one.
          Effect.catchTag("SequenceConflict", Effect.die)
        )
      )
    )
  return (command, cause, lease) =>
    ifTraced(
      () => tracedDispatch(command, cause, dispatch(command, cause, lease)),
      () => dispatch(command, cause, lease)
    )
}

const tracedDispatch = (command: Command, cause: Cause, dispatched: ReturnType<Dispatch>): ReturnType<Dispatch> =>
  dispatched.pipe(
    Effect.tap((committed) => annotate(() => recordAttributes(committed))),
    traced(`dispatch ${command._tag}`, () => ({ attributes: causeAttributes(cause) }))
  )

/** The wait for the disk, in which the write that several share is the last part. */
const tracedAppend = ({ durable, written }: Ticket): Ticket["durable"] =>
  withParts((parts) =>
    Effect.tap(durable, () =>
      Effect.sync(() => {
        const batch = written?.()
        if (batch === undefined) return
        const attributes = { "lunlog.batch.records": batch.records, "lunlog.batch.bytes": batch.bytes }
        parts?.past("write and sync", batch, attributes)
      })
    )
  ).pipe(traced("append"))

const recordAttributes = ({ events, records }: Committed) => ({
  "lunlog.records": records.length,
  ...(records.length === 0
    ? {}
    : { "lunlog.seq": records[0]?.seq, "lunlog.seq.last": records.at(-1)?.seq, "lunlog.event": events[0]?._tag })
})

const causeAttributes = ({ actor, correlationId, source }: Cause) => ({
  "lunlog.source": source,
  "lunlog.actor": actor,
  ...(correlationId === undefined ? {} : { "lunlog.cause.seq": correlationId })
})

/** The dispatch goes on in `owner` when its caller is interrupted, so that the lease is handed over or given back. */
const withLease =
  (dispatch: Dispatch, owner: Scope.Scope): Service["dispatchWithLease"] =>
  (acquire, command, cause) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const giveBack = (exit: Exit.Exit<unknown, unknown>) => Scope.close(scope, exit)
        const lease = yield* restore(Scope.provide(acquire, scope)).pipe(
          traced("acquire"),
          Effect.onError((reasons) => giveBack(Exit.failCause(reasons)))
        )
        const handOver = dispatch(withFound(command, lease), cause, lease).pipe(
          Effect.tap((committed) => (committed.records.length === 0 ? giveBack(Exit.void) : Effect.void)),
          Effect.onError((reasons) => giveBack(Exit.failCause(reasons)))
        )
        const fiber = yield* Effect.forkIn(handOver, owner, { startImmediately: true })
        return yield* restore(Fiber.join(fiber))
      })
    )

const awaitStateOf =
  (core: ControlCore): Service["awaitState"] =>
  (predicate) =>
    Effect.callback<State>((resume) => {
      // A predicate that throws is its caller's mistake, and must not keep others from being told.
      const test = (state: State): boolean => {
        try {
          const satisfied = predicate(state)
          if (satisfied) resume(Effect.succeed(state))
          return satisfied
        } catch (error) {
          resume(Effect.die(error))
          return true
        }
      }
      if (test(core.durable.state)) return undefined
      const stop = core.onState((state) => {
        if (test(state)) stop()
      })
      return Effect.sync(stop)
    })

const changesOf = (core: ControlCore): Service["changes"] =>
  Effect.acquireRelease(
    Effect.map(Queue.unbounded<Committed>(), (queue) => ({ queue, changes: core.subscribe(queue) })),
    ({ queue }) =>
      Effect.andThen(
        Effect.sync(() => core.unsubscribe(queue)),
        Queue.shutdown(queue)
      )
  ).pipe(Effect.map(({ changes }) => changes))

/** A large state is saved less often: so many bytes take about as long to encode as a record to fold. */
const bytesPerRecord = 300

/** Follows the durable state and writes a snapshot now and then; the last one at an orderly end. */
const keepSnapshots = Effect.fnUntraced(function* (
  log: EventLog["Service"],
  core: ControlCore,
  options: ControlPlaneOptions
) {
  const due = yield* Queue.sliding<void>(1)
  let every = options.snapshotEvery
  const stop = core.onState(() => {
    if (core.recordsSinceSnapshot >= every) Queue.offerUnsafe(due, undefined)
  })
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      stop()
      return core.recordsSinceSnapshot === 0 ? Effect.void : writeSnapshot(log, core)
    }).pipe(Effect.timeoutOption(options.lastSnapshotWithin))
  )
  const writeIfDue = Effect.suspend(() =>
    core.recordsSinceSnapshot < every
      ? Effect.void
      : Effect.map(writeSnapshot(log, core), (bytes) => {
          every = Math.max(options.snapshotEvery, Math.ceil(bytes / bytesPerRecord))
        })
  )
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(due), writeIfDue)))
})

const make = Effect.fnUntraced(function* (options: ControlPlaneOptions) {
  const log = yield* EventLog
  const owner = yield* Effect.scope
  const core = new ControlCore(log, yield* readState(log))
  yield* log.listen({
    committed: (records) => core.committed(records),
    rolledBack: (tail) => core.rolledBack(tail)
  })
  yield* keepSnapshots(log, core, options)
  yield* Effect.forkScoped(fillHistory(log))
  const dispatch = dispatchOn(log, core)
  return ControlPlane.of({
    dispatch: (command, cause) => dispatch(command, cause, undefined),
    dispatchWithLease: withLease(dispatch, owner),
    state: () => core.durable.state,
    awaitState: awaitStateOf(core),
    changes: changesOf(core)
  })
})
