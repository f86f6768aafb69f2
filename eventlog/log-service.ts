/**
 * The `EventLog` service around a `LogWriter`: the edge between plain code and Effect. Both implementations share it.
 */
import { Clock, type Context, Effect, Exit, Latch, Result, type Scope, type Tracer } from "effect"
import { archiveOf } from "./archive-service.ts"
import { bytesIn } from "./bytes-in.ts"
import { AppendFailed, EventLog, LogUnavailable, type Submission } from "./EventLog.ts"
import { keepIndexed } from "./index/index-builder.ts"
import { claimIndex, noIndex } from "./index/TagIndex.ts"
import { keepSnapshot } from "./kept-snapshots.ts"
import { noTagging, type Tagging } from "./LogArchive.ts"
import type { FileDamage, StoreSource } from "./LogReader.ts"
import { type LogStore, type StoreError, type StoreWrite, storeError } from "./LogStore.ts"
import type { AcceptedLoss } from "./loss.ts"
import type { Snapshot } from "./reading.ts"
import { Compactor } from "./retain/Compactor.ts"
import { CompactFailed } from "./retain/compaction.ts"
import type { Expired } from "./retain/expired.ts"
import type { Past } from "./retain/Past.ts"
import { RetentionKeeper } from "./retain/RetentionKeeper.ts"
import type { Retention } from "./retain/retention.ts"
import type { Position } from "./sequence.ts"
import { snapshotBytesMax, storeSnapshot } from "./snapshots.ts"
import type { Job } from "./write/Batch.ts"
import { LogWriter } from "./write/LogWriter.ts"

/** An open store, and what its owner does beside it. See `LogWriterOptions`. */
export interface LogServiceOptions {
  readonly directory: string
  readonly store: LogStore
  readonly start: Position
  readonly losses: ReadonlyArray<AcceptedLoss>
  /** What retention had dropped when it was opened. */
  readonly expired: Expired | undefined
  readonly tagging: Tagging
  /** What lies in front of the store's records; the store, and each that is reopened, is wrapped in it. */
  readonly past: Past
  /** Where archives may be made; `undefined` if nowhere. */
  readonly path: string | undefined
  readonly reopen: () => Promise<LogStore>
  readonly committed: (end: Position) => void
  readonly suspect: (error: StoreError) => Promise<void>
  readonly recovered: () => void
  readonly fileDamages: () => Promise<ReadonlyArray<FileDamage>>
}

const durableOf = (job: Job): Effect.Effect<void, AppendFailed> =>
  Effect.callback((resume) => {
    const cancel = job.wait((outcome) => resume(outcome === undefined ? Effect.void : Effect.fail(outcome)))
    return Effect.sync(cancel)
  })

const sourceOf = (writer: LogWriter, keeper: RetentionKeeper, options: LogServiceOptions): StoreSource => {
  const { directory, fileDamages, losses, past } = options
  const exchanged = async (old: LogStore): Promise<boolean> => {
    while (writer.store === old && writer.isAway && !writer.closed) {
      await new Promise<void>((resolve) => writer.onceMoved(resolve))
    }
    return writer.store !== old && !writer.closed
  }
  return {
    directory,
    store: () => writer.store,
    durable: () => writer.durable.tail,
    past,
    closed: () => writer.closed,
    moved: Effect.callback((resume) => {
      const cancel = writer.onceMoved(() => resume(Effect.void))
      return Effect.sync(cancel)
    }),
    exchanged,
    losses: () => losses,
    expired: () => keeper.expired,
    knownLosses: () => losses,
    fileDamages
  }
}

const snapshotWriter =
  (directory: string, writer: LogWriter, store: (store: LogStore, snapshot: Snapshot) => Promise<void>) =>
  (snapshot: Snapshot) =>
    Effect.suspend((): Effect.Effect<void, LogUnavailable | AppendFailed> => {
      if (snapshot.state.length > snapshotBytesMax) {
        const detail = `a snapshot has ${snapshot.state.length} bytes, ${snapshotBytesMax} are allowed`
        return Effect.fail(new LogUnavailable({ code: "EMSGSIZE", directory, detail }))
      }
      return Effect.tryPromise({
        try: () => writer.exclusively((to) => store(to, snapshot)),
        catch: (error) => {
          const { code, message: detail } = storeError(error)
          return new AppendFailed({ code, directory, detail })
        }
      })
    })

const storeAndKeep = async (store: LogStore, snapshot: Snapshot): Promise<void> => {
  await storeSnapshot(store, snapshot)
  await keepSnapshot(store, snapshot)
}

/** A failure and its end, for whoever watches the process: until then changes are refused. A span lasts as long. */
const tellFailures = (options: LogServiceOptions, services: Context.Context<never>, clock: Clock.Clock) => {
  const print = Effect.runForkWith(services)
  let recovery: Tracer.Span | undefined
  return {
    suspect: (error: StoreError) => {
      const what = `the event log in ${options.directory} cannot be written (${error.code}): ${error.message}`
      print(Effect.logError(`${what}; changes are refused until it is back`))
      const span = { root: true, attributes: { "error.type": error.code } }
      recovery = Effect.runSyncWith(services)(Effect.makeSpan("log recovery", span))
      return options.suspect(error)
    },
    recovered: () => {
      print(Effect.logInfo(`the event log in ${options.directory} takes changes again`))
      recovery?.end(clock.currentTimeNanosUnsafe(), Exit.void)
      options.recovered()
    }
  }
}

/** How often old observations are looked for. */
const retentionEvery = "1 minute"

/**
 * Drops old observations, and what a compaction that was killed has left, for as long as the scope lasts. The result
 * makes it look at once.
 */
const keepRetention = (
  keeper: RetentionKeeper,
  compactor: Compactor
): Effect.Effect<(retention: Retention) => void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const latch = yield* Latch.make()
    const run = (work: () => Promise<void>) =>
      Effect.tryPromise(work).pipe(Effect.catch((error) => Effect.logDebug("what is old was not deleted", error)))
    const turn = Effect.andThen(Effect.raceFirst(latch.await, Effect.sleep(retentionEvery)), latch.close)
    // Not at once: the log's owner says first what is to be kept.
    const turns = Effect.forever(
      Effect.andThen(
        turn,
        run(() => keeper.run())
      )
    )
    yield* Effect.forkScoped(
      Effect.andThen(
        run(() => compactor.sweep()),
        turns
      )
    )
    return (retention) => {
      keeper.retention = retention
      latch.openUnsafe()
    }
  })

/** How long indexing lets others go first, after each few milliseconds of its own. */
const indexPause = "20 millis"

/** Kept in the background for as long as the scope lasts; a log whose records have no tags needs none. */
const indexOf = (writer: LogWriter, source: StoreSource, { tagging }: LogServiceOptions) =>
  Effect.gen(function* () {
    const index = yield* Effect.promise(() => claimIndex(source, tagging).catch(() => noIndex(source, tagging)))
    const write = (writes: ReadonlyArray<StoreWrite>) => writer.exclusively((store) => store.write(writes, false))
    const building = { source, index, write, pause: Effect.sleep(indexPause) }
    if (tagging !== noTagging) yield* Effect.forkScoped(keepIndexed(building))
    return index
  })

const filesBytes = (path: string): Effect.Effect<number> => Effect.promise(() => bytesIn(path))

/** Closes with the scope: what was submitted is written first. */
export const makeLogService = (options: LogServiceOptions): Effect.Effect<EventLog["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const now = () => Number(clock.currentTimeNanosUnsafe() / 1000n)
    const monotonicMillis = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
    const told = tellFailures(options, yield* Effect.context<never>(), clock)
    const writer = yield* Effect.acquireRelease(
      Effect.sync(() => new LogWriter({ ...options, ...told, now, monotonicMillis })),
      (writer) => Effect.promise(() => writer.close())
    )
    const { directory } = options
    const keeper = new RetentionKeeper(writer, now, options.expired)
    const source = sourceOf(writer, keeper, options)
    const compactor = new Compactor({ ...options, now }, writer, options.past)
    const setRetention = yield* keepRetention(keeper, compactor)
    const index = yield* indexOf(writer, source, options)
    const submit: EventLog["Service"]["submit"] = (expectedControlSeq, cause, entries) =>
      Result.map(writer.submit(expectedControlSeq, cause, entries), (job): Submission => {
        return { records: job.records, durable: durableOf(job), written: () => job.written }
      })
    return EventLog.of({
      ...archiveOf(source, index),
      tip: () => writer.tip.tail,
      submit,
      append: (expectedControlSeq, cause, entries) =>
        Effect.suspend((): ReturnType<EventLog["Service"]["append"]> => {
          const submitted = submit(expectedControlSeq, cause, entries)
          if (Result.isFailure(submitted)) return Effect.fail(submitted.failure)
          return Effect.as(submitted.success.durable, submitted.success.records)
        }),
      setRetention,
      compact: (snapshot, request = {}) =>
        Effect.tryPromise({
          try: () => compactor.run(snapshot, request),
          catch: (error) =>
            error instanceof CompactFailed ? error : new CompactFailed({ directory, detail: `${error}` })
        }),
      observe: (entry) => writer.observe(entry),
      unavailable: () => writer.refusal,
      counters: () => writer.counters,
      storedBytes: options.path === undefined ? Effect.succeed(0) : filesBytes(options.path),
      droppedObservations: () => writer.dropped,
      listen: (listener) =>
        Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => writer.listen(listener)),
            (stop) => Effect.sync(stop)
          )
        ),
      writeSnapshot: snapshotWriter(directory, writer, storeAndKeep),
      keepSnapshot: snapshotWriter(directory, writer, keepSnapshot)
    })
  })
