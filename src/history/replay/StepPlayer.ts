/**
 * Plays steps of a replay file into the control plane, one at a time and in order. Observations are only passed: they
 * tell what the source has seen, and the fork sees for itself.
 */
import { Effect, Result } from "effect"
import type { Cause, LogRecord } from "../../../eventlog/record.ts"
import type { Committed, ControlPlane, DispatchError } from "../../domain/ControlPlane.ts"
import type { DataPlane } from "../../domain/DataPlane.ts"
import type { Event } from "../../domain/Event.ts"
import { decodeRecord } from "../../domain/event-codec.ts"
import type { ForkOrigin } from "../../domain/replay/Fork.ts"
import type { Replay } from "../../domain/replay/Replay.ts"
import { mapEvent } from "../fork/ForkMapping.ts"
import type { ReplayRecords, ReplayRecordsFailed, ReplaySurroundings } from "./ReplayRecords.ts"
import { type ReplayStep, ReplaySteps, throughOf } from "./ReplaySteps.ts"

/** Records that are read at once. */
const pageRecords = 500
/** Reasons that are kept for who asks what became of a record. */
const notesMax = 10_000
/** How long a step waits for the data plane, in milliseconds: a bdev that hangs holds up no more. */
const applyWithinMillis = 30_000
/** How long a removal of the record waits until this target's own drain of the LUN is over, in milliseconds. */
const drainWithinMillis = 60_000
const drainPollMillis = 10

/** What steps are played with. */
export interface PlayerSurroundings {
  readonly records: ReplayRecords
  readonly prepareFiles: ReplaySurroundings["prepareFiles"]
  readonly origin: ForkOrigin
  readonly controlPlane: ControlPlane["Service"]
  readonly dataPlane: DataPlane["Service"]
}

/** Why a step could not be played; it is the next one still. */
export type PlayFailure = DispatchError | ReplayRecordsFailed

const causeOf = ({ actor, method, requestId }: Cause): Cause => ({
  source: "replay",
  actor,
  ...(method === undefined ? {} : { method }),
  ...(requestId === undefined ? {} : { requestId })
})

/** One per fork that has records to play. */
export class StepPlayer {
  readonly #of: PlayerSurroundings
  #steps = new ReplaySteps()
  /** Why records were skipped, or what went wrong beside, by seq; the newest. */
  readonly #notes = new Map<number, string>()
  /** Where the next page begins; undefined before the first. */
  #offset: number | undefined
  #isEnd = false
  #position: number
  #at: number

  constructor(surroundings: PlayerSurroundings, replay: Replay) {
    this.#of = surroundings
    this.#position = replay.position
    this.#at = surroundings.origin.sourceAt
  }

  /** Seq of the last record that was passed; observations count. */
  get position(): number {
    return this.#position
  }

  /** Its time, in microseconds; of the fork's moment if none was passed. */
  get at(): number {
    return this.#at
  }

  /** What there is to tell of a record beside what it says; undefined if it was played as it is. */
  note(seq: number): string | undefined {
    return this.#notes.get(seq)
  }

  /** The step that comes next; undefined at the end. */
  readonly next: Effect.Effect<ReplayStep | undefined, ReplayRecordsFailed> = Effect.gen({ self: this }, function* () {
    const { records: file } = this.#of
    let offset = this.#offset ?? (yield* this.#begin())
    for (;;) {
      const step = this.#steps.next(this.#isEnd)
      if (step !== undefined || this.#isEnd) return step
      const { next, records } = yield* file.read(offset, pageRecords)
      this.#isEnd = records.length === 0
      this.#steps.add(records)
      this.#offset = offset = next
    }
  })

  /** `next` gives the one behind it from now on. */
  take(step: ReplayStep): void {
    this.#steps.take(step)
  }

  /** What was taken and not played is read again. */
  reset(): void {
    this.#steps = new ReplaySteps()
    this.#offset = undefined
    this.#isEnd = false
  }

  /**
   * Plays steps that were taken, in order; the data plane has taken note of them when this ends. Of several all must be
   * plain: they are on their way to the disk together.
   */
  play(steps: readonly [ReplayStep, ...ReadonlyArray<ReplayStep>]): Effect.Effect<void, PlayFailure> {
    const last = steps.at(-1) ?? steps[0]
    const [first] = steps
    const changes = steps.flatMap((step) => (step._tag === "Change" ? [step.records] : []))
    const played =
      steps.length === 1 && first._tag === "Change" ? this.#change(first.records) : this.#writeDown(changes)
    const passed = Effect.suspend(() => {
      this.#position = throughOf(last)
      this.#at = last.records[0].at
      return this.#position === this.#of.records.content.through ? this.settle : Effect.void
    })
    return Effect.uninterruptible(Effect.andThen(played, passed))
  }

  /** Writes down how far observations were passed; changes are written down by themselves. */
  readonly settle: Effect.Effect<void, PlayFailure> = Effect.suspend(() => {
    const { controlPlane } = this.#of
    const written = controlPlane.state().replay?.position ?? this.#position
    if (this.#position <= written) return Effect.void
    const command = { _tag: "ReplayRecords", through: this.#position, records: [] } as const
    return Effect.asVoid(controlPlane.dispatch(command, { source: "replay", actor: "local" }))
  })

  /** After a restart the time of the last record is read again. */
  #begin(): Effect.Effect<number, ReplayRecordsFailed> {
    return Effect.gen({ self: this }, function* () {
      const { records: file } = this.#of
      const last = yield* file.seek(this.#position - 1)
      const { next, records } = yield* file.read(last, 1)
      const [record] = records
      if (record?.seq !== this.#position) return last
      this.#at = record.at
      return next
    })
  }

  #change(records: ReadonlyArray<LogRecord>): Effect.Effect<void, PlayFailure> {
    return Effect.gen({ self: this }, function* () {
      const { controlPlane, origin } = this.#of
      const through = records.at(-1)?.seq ?? 0
      const events = this.#eventsOf(records)
      const problems = yield* this.#of.prepareFiles(
        origin.mapping,
        controlPlane.state(),
        events.map(({ event }) => event)
      )
      for (const problem of problems) this.#tell(through, problem)
      yield* this.#drained(events.map(({ event }) => event))
      const committed = yield* this.#dispatch(records, events, undefined)
      yield* this.#applied([committed])
      yield* this.#doDeeds(committed, through)
    })
  }

  /** Each is decided on top of the one before, and none without it. */
  #writeDown(changes: ReadonlyArray<ReadonlyArray<LogRecord>>): Effect.Effect<void, PlayFailure> {
    let after = this.#of.controlPlane.state().replay?.position
    const commands = changes.map((records) => {
      const dispatched = this.#dispatch(records, this.#eventsOf(records), after)
      after = records.at(-1)?.seq
      return dispatched
    })
    return Effect.flatMap(Effect.all(commands, { concurrency: "unbounded" }), (committed) => this.#applied(committed))
  }

  #dispatch(
    records: ReadonlyArray<LogRecord>,
    events: ReadonlyArray<{ readonly seq: number; readonly event: Event }>,
    after: number | undefined
  ): Effect.Effect<Committed, PlayFailure> {
    const through = records.at(-1)?.seq ?? 0
    const cause = causeOf(records[0]?.cause ?? { source: "replay", actor: "local" })
    const expected = after === undefined ? {} : { after }
    const command = { _tag: "ReplayRecords", ...expected, through, records: events } as const
    return Effect.tap(this.#of.controlPlane.dispatch(command, cause), (committed) =>
      Effect.sync(() => this.#noteSkipped(committed))
    )
  }

  #applied(committed: ReadonlyArray<Committed>): Effect.Effect<void> {
    const seq = committed.at(-1)?.records.at(-1)?.seq
    if (seq === undefined) return Effect.void
    return Effect.asVoid(Effect.timeoutOption(this.#of.dataPlane.awaitApplied(seq), applyWithinMillis))
  }

  /** What cannot be read any more is skipped, as what does not apply is. */
  #eventsOf(records: ReadonlyArray<LogRecord>): ReadonlyArray<{ readonly seq: number; readonly event: Event }> {
    return records.flatMap((record) => {
      const event = decodeRecord(record)
      if (Result.isSuccess(event)) return [{ seq: record.seq, event: mapEvent(this.#of.origin.mapping, event.success) }]
      this.#tell(record.seq, `skipped: ${event.failure.message}`)
      return []
    })
  }

  /** A LUN that the record says is gone is let go of here first: what its initiators have in flight ends by itself. */
  #drained(events: ReadonlyArray<Event>): Effect.Effect<void> {
    const gone = events.flatMap((event) => (event._tag === "LunRemoved" ? [`${event.target}/${event.lun}`] : []))
    if (gone.length === 0 || events.some(({ _tag }) => _tag === "EpochStarted")) return Effect.void
    const wanted = new Set(gone.map((lun) => lun.toLowerCase()))
    const isOver = Effect.map(this.#of.dataPlane.lunDrains, (drains) =>
      drains.every(({ lun, target }) => !wanted.has(`${target}/${lun}`.toLowerCase()))
    )
    const poll = Effect.gen(function* () {
      while (!(yield* isOver)) yield* Effect.sleep(drainPollMillis)
    })
    return Effect.asVoid(Effect.timeoutOption(poll, drainWithinMillis))
  }

  /** Deeds: they take effect when somebody does them. */
  #doDeeds(committed: Committed, seq: number): Effect.Effect<void> {
    return Effect.forEach(
      committed.events,
      (event) => {
        if (event._tag !== "BdevErrorInjected" && event._tag !== "BdevOverlayReset") return Effect.void
        const { incarnation, name } = event
        const { dataPlane } = this.#of
        const deed =
          event._tag === "BdevErrorInjected"
            ? dataPlane.injectBdevError(name, incarnation, event.injection)
            : dataPlane.resetOverlay(name, incarnation)
        return Effect.catch(deed, (error) => Effect.sync(() => this.#tell(seq, error.message)))
      },
      { discard: true }
    )
  }

  #noteSkipped({ events }: Committed): void {
    for (const event of events) {
      if (event._tag !== "RecordsReplayed") continue
      for (const { reason, seq } of event.skipped) this.#tell(seq, `skipped: ${reason}`)
    }
  }

  #tell(seq: number, note: string): void {
    const [oldest] = this.#notes.keys()
    if (this.#notes.size >= notesMax && oldest !== undefined) this.#notes.delete(oldest)
    this.#notes.set(seq, note)
  }
}
