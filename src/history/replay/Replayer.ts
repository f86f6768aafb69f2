/**
 * The replay of a fork as one can ask for it: a number of steps, on until something happens, on at a pace, or wait. How
 * far it is, is in the log: a fork that was killed goes on with the next record, when it is told to.
 */
import { Clock, Context, Effect, FiberHandle, Layer, Option, Schema, Semaphore } from "effect"
import type { LogRecord } from "../../../eventlog/record.ts"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { DataPlane } from "../../domain/DataPlane.ts"
import { openReplay, type Replay } from "../../domain/replay/Replay.ts"
import { atTheEnd, PlayLoop } from "./PlayLoop.ts"
import { fullPace, type Pace } from "./pace.ts"
import type { ReplayRecords, ReplaySurroundings } from "./ReplayRecords.ts"
import { type ReplayStep, throughOf } from "./ReplaySteps.ts"
import { type PlayFailure, StepPlayer } from "./StepPlayer.ts"
import type { StopCondition } from "./stop-condition.ts"

/** A replay that cannot do what was asked, or not now. */
export class ReplayRefused extends Schema.TaggedError<ReplayRefused>()("ReplayRefused", {
  reason: Schema.String,
  hint: Schema.String
}) {
  override get message() {
    return `the replay ${this.reason}; ${this.hint}`
  }
}

/** Why it does not go on. */
export type ReplayError = ReplayRefused | PlayFailure

/** A record that was passed. */
export interface PassedRecord {
  readonly record: LogRecord
  /** Why it was skipped, or what went wrong beside. */
  readonly note: string | undefined
}

/** How it stands. Seqs and times are the source's. */
export interface ReplayStatus {
  readonly phase: "none" | "paused" | "running" | "finished" | "stopped"
  readonly replay: Replay | undefined
  /** Last record that was passed; observations count. */
  readonly position: number
  /** Its time, in microseconds. */
  readonly at: number
  /** First record of the step that comes next, where that is known. */
  readonly next: LogRecord | undefined
  /** Until it comes, if it is waited for. */
  readonly waitMillis: number | undefined
  /** Of the run that goes on. */
  readonly pace: Pace | undefined
  /** Why the last run ended before its end. */
  readonly problem: string | undefined
}

/** When to stop. */
export interface StopRequest {
  /** The condition as it was written. */
  readonly text: string
  readonly condition: StopCondition
  /** At the step before what is waited for, so that it happens with the next one. */
  readonly isBefore: boolean
  readonly pace: Pace
  /** After so many milliseconds it waits again, whether the condition was met or not. */
  readonly withinMillis: number
}

/** The service; a target that plays nothing has one that says so. */
export class Replayer extends Context.Service<
  Replayer,
  {
    readonly status: Effect.Effect<ReplayStatus>
    /** What there is to play; undefined if there is nothing. */
    readonly records: () => ReplayRecords | undefined
    /** Records that were passed after `seq`, at most `limit`; `isLast` if there is none behind them. */
    readonly passed: (
      seq: number,
      limit: number
    ) => Effect.Effect<{ readonly records: ReadonlyArray<PassedRecord>; readonly isLast: boolean }, ReplayError>
    /** Plays so many steps, without a pause. */
    readonly next: (count: number) => Effect.Effect<void, ReplayError>
    /** Plays until a condition is met, and says whether it was; nothing if no record to come meets it. */
    readonly until: (request: StopRequest) => Effect.Effect<boolean, ReplayError>
    /** Goes on in the background until its end; at another pace if it does already. */
    readonly run: (pace: Pace) => Effect.Effect<void, ReplayError>
    /** Waits after the step that is being played. */
    readonly pause: Effect.Effect<void, ReplayError>
    /** For ever. */
    readonly stop: Effect.Effect<void, ReplayError>
    /** Resumes when no run goes on. */
    readonly idle: Effect.Effect<void>
  }
>()("lunlog/history/Replayer") {
  /** Plays what there is, if the target is a fork. */
  static readonly layer = (surroundings: ReplaySurroundings): Layer.Layer<Replayer, never, ControlPlane | DataPlane> =>
    Layer.effect(Replayer, make(surroundings))
  /** Of a process that has no state directory. */
  static readonly none: Layer.Layer<Replayer> = Layer.sync(Replayer, () => nobody)
}

const noReplay = new ReplayRefused({
  reason: "is none: there is nothing to play in this target",
  hint: "make a fork with records to play: lunlog fork --at POS --replay"
})

const recordsGone = new ReplayRefused({
  reason: "cannot go on: its records are not in the state directory any more",
  hint: "make the fork again, or end it: lunlog replay stop"
})

const nobody: Replayer["Service"] = {
  status: Effect.succeed({
    phase: "none",
    replay: undefined,
    position: 0,
    at: 0,
    next: undefined,
    waitMillis: undefined,
    pace: undefined,
    problem: undefined
  }),
  records: () => undefined,
  passed: () => noReplay,
  next: () => noReplay,
  until: () => noReplay,
  run: () => noReplay,
  pause: noReplay,
  stop: noReplay,
  idle: Effect.void
}

const over = ({ ended }: Replay): ReplayRefused =>
  new ReplayRefused({
    reason: ended === "finished" ? "is at its end: its last record was played" : "was stopped",
    hint: "fork once more to see it again"
  })

const running = new ReplayRefused({ reason: "is running", hint: "pause it first: lunlog replay pause" })

/** What there is to play with. */
interface Found {
  readonly records: ReplayRecords
  readonly player: StepPlayer
  readonly loop: PlayLoop
}

/** Opens the file and begins, where there is something to begin. */
const prepare = (surroundings: ReplaySurroundings) =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane
    const dataPlane = yield* DataPlane
    const { fork: origin, replay: present } = controlPlane.state()
    if (origin === undefined) return undefined
    const isOver = present?.ended !== undefined
    const records = yield* surroundings.records
    if (records === undefined) return present === undefined || isOver ? undefined : yield* recordsGone
    const { through } = records.content
    if (!isOver) {
      yield* controlPlane.dispatch({ _tag: "StartReplay", through }, { source: "boot", actor: "local" })
    }
    const { replay } = controlPlane.state()
    if (replay === undefined) return undefined
    const player = new StepPlayer({ ...surroundings, records, origin, controlPlane, dataPlane }, replay)
    // Finds its place, and the time of the last record.
    yield* player.next
    const loop = new PlayLoop(player, () => openReplay(controlPlane.state()) !== undefined)
    return { records, player, loop } satisfies Found
  })

const noSuchRecord = (text: string): ReplayRefused =>
  new ReplayRefused({
    reason: `has no record to come that is of the type or about ${JSON.stringify(text)}, and has played nothing`,
    hint: "lunlog log tail of the source shows types and names"
  })

/** Records that are looked through at once. */
const searchRecords = 500

/** Seq of the first record after `seq` that is wanted. */
const findRecord = (records: ReplayRecords, seq: number, isWanted: (record: LogRecord) => boolean) =>
  Effect.gen(function* () {
    let at = yield* records.seek(seq)
    for (;;) {
      const page = yield* records.read(at, searchRecords)
      if (page.records.length === 0) return undefined
      const found = page.records.find(isWanted)
      if (found !== undefined) return found.seq
      at = page.next
    }
  })

/** One per process. */
class Playing {
  readonly #controlPlane: ControlPlane["Service"]
  readonly #found: Found | undefined
  readonly #turn: Semaphore.Semaphore
  readonly #background: FiberHandle.FiberHandle<void, never>
  #problem: string | undefined
  #pace: Pace | undefined
  /** First record of the step that a search has stopped before: the next search passes it. */
  #stoppedBefore = 0
  /** What was searched for last, and where it comes. */
  #sought: { readonly key: string; readonly seq: number } | undefined

  constructor(
    controlPlane: ControlPlane["Service"],
    found: Found | undefined,
    problem: string | undefined,
    parts: { readonly turn: Semaphore.Semaphore; readonly background: FiberHandle.FiberHandle<void, never> }
  ) {
    this.#controlPlane = controlPlane
    this.#found = found
    this.#problem = problem
    this.#turn = parts.turn
    this.#background = parts.background
  }

  get records(): ReplayRecords | undefined {
    return this.#found?.records
  }

  readonly status: Effect.Effect<ReplayStatus> = Effect.gen({ self: this }, function* () {
    const { replay } = this.#controlPlane.state()
    const player = this.#found?.player
    const isOpen = replay !== undefined && replay.ended === undefined
    // What a run is about to play is its own to read.
    const peeked = isOpen && player !== undefined && this.#pace === undefined ? yield* this.#peek(player) : undefined
    const due = this.#found?.loop.due
    return {
      phase: replay === undefined ? "none" : (replay.ended ?? (this.#pace === undefined ? "paused" : "running")),
      replay,
      position: Math.max(player?.position ?? 0, replay?.position ?? 0),
      at: player?.at ?? this.#controlPlane.state().fork?.sourceAt ?? 0,
      next: peeked ?? due?.record,
      waitMillis: due === undefined ? undefined : Math.max(0, due.at - (yield* Clock.currentTimeMillis)),
      pace: this.#pace,
      problem: this.#problem
    }
  })

  passed(seq: number, limit: number) {
    return Effect.gen({ self: this }, function* () {
      const { player, records: file } = yield* this.#ready(true)
      const { next, records } = yield* file.read(yield* file.seek(seq), limit)
      const passed = records.filter((record) => record.seq <= player.position)
      const isLast = passed.length < records.length || (yield* file.read(next, 1)).records.length === 0
      const last = passed.at(-1)?.seq ?? seq
      return {
        records: passed.map((record) => ({ record, note: player.note(record.seq) })),
        isLast: isLast || last >= player.position
      }
    })
  }

  next(count: number): Effect.Effect<void, ReplayError> {
    return this.#alone(({ loop, player }) =>
      Effect.andThen(loop.play(fullPace, { ...atTheEnd, steps: count }), player.settle)
    )
  }

  until(request: StopRequest): Effect.Effect<boolean, ReplayError> {
    const { condition, isBefore, pace, withinMillis } = request
    const isHere = (step: ReplayStep): boolean => condition._tag === "Match" && step.records.some(condition.matches)
    const before = (step: ReplayStep): boolean =>
      condition._tag === "Place"
        ? condition.isBeyond(step, isBefore)
        : isBefore && step.records[0].seq !== this.#stoppedBefore && isHere(step)
    const after = (step: ReplayStep): boolean => !isBefore && isHere(step)
    return this.#alone((found) =>
      Effect.gen({ self: this }, function* () {
        const { loop, player } = found
        yield* this.#requireToCome(found, request)
        const playing = loop.play(pace, { ...atTheEnd, before, after })
        const end = Option.getOrUndefined(yield* Effect.timeoutOption(playing, withinMillis))
        if (end?._tag === "Before" && condition._tag === "Match") this.#stoppedBefore = end.step.records[0].seq
        yield* player.settle
        return end !== undefined && end._tag !== "None"
      })
    )
  }

  run(pace: Pace): Effect.Effect<void, ReplayError> {
    return Effect.gen({ self: this }, function* () {
      yield* this.#halt
      const { loop, player } = yield* this.#ready(false)
      this.#pace = pace
      const playing = this.#turn
        .withPermits(1)(Effect.andThen(loop.play(pace, atTheEnd), player.settle))
        .pipe(
          Effect.catch((error) =>
            Effect.suspend(() => {
              this.#problem = error.message
              return Effect.logWarning(`the replay waits: ${error.message}`)
            })
          ),
          Effect.ensuring(
            Effect.sync(() => {
              this.#pace = undefined
            })
          )
        )
      yield* FiberHandle.run(this.#background, playing, { startImmediately: true })
    })
  }

  /** What was held back is reported once this is over. */
  readonly stop: Effect.Effect<void, ReplayError> = Effect.gen({ self: this }, function* () {
    yield* this.#halt
    const { replay } = this.#controlPlane.state()
    if (replay === undefined) return yield* noReplay
    if (replay.ended !== undefined) return yield* over(replay)
    yield* this.#controlPlane.dispatch({ _tag: "StopReplay" }, { source: "replay", actor: "local" })
  })

  readonly pause: Effect.Effect<void, ReplayError> = Effect.suspend(() =>
    Effect.andThen(
      this.#halt,
      this.#alone(({ player }) => player.settle)
    )
  )

  readonly idle: Effect.Effect<void> = Effect.suspend(() => FiberHandle.awaitEmpty(this.#background))

  /** Ends a run that goes on, after its step. */
  readonly #halt: Effect.Effect<void> = Effect.suspend(() => FiberHandle.clear(this.#background))

  #peek(player: StepPlayer): Effect.Effect<LogRecord | undefined> {
    const next = Effect.map(player.next, (step): LogRecord | undefined => step?.records[0])
    const known = this.#turn.withPermitsIfAvailable(1)(Effect.catch(next, () => Effect.undefined))
    return Effect.map(known, Option.getOrUndefined)
  }

  /** A name that is mistyped must not play everything: there is no way back. */
  #requireToCome({ player, records }: Found, { condition, isBefore, text }: StopRequest) {
    return Effect.gen({ self: this }, function* () {
      if (condition._tag === "Place") return
      const key = `${text} ${isBefore}`
      if (this.#sought?.key === key && this.#sought.seq > player.position) return
      const next = isBefore ? yield* player.next : undefined
      const isPassed = next !== undefined && next.records[0].seq === this.#stoppedBefore
      const seq = yield* findRecord(records, isPassed ? throughOf(next) : player.position, condition.matches)
      if (seq === undefined) return yield* noSuchRecord(text)
      this.#sought = { key, seq }
    })
  }

  /** `isOverToo`: also of a replay that has ended since the start. */
  #ready(isOverToo: boolean): Effect.Effect<Found, ReplayRefused> {
    return Effect.suspend(() => {
      const { replay } = this.#controlPlane.state()
      if (replay?.ended !== undefined && !(isOverToo && this.#found !== undefined)) return Effect.fail(over(replay))
      if (this.#found !== undefined) return Effect.succeed(this.#found)
      if (this.#problem === undefined) return Effect.fail(noReplay)
      return Effect.fail(new ReplayRefused({ reason: `cannot go on: ${this.#problem}`, hint: "make the fork again" }))
    })
  }

  #alone<A, E>(work: (found: Found) => Effect.Effect<A, E>): Effect.Effect<A, E | ReplayError> {
    return Effect.gen({ self: this }, function* () {
      const found = yield* this.#ready(false)
      if (this.#pace !== undefined) return yield* running
      this.#problem = undefined
      return yield* this.#turn.withPermits(1)(work(found))
    })
  }
}

const make = Effect.fnUntraced(function* (surroundings: ReplaySurroundings) {
  const controlPlane = yield* ControlPlane
  const opened = yield* Effect.result(prepare(surroundings))
  const problem = opened._tag === "Failure" ? opened.failure.message : undefined
  if (problem !== undefined) yield* Effect.logWarning(`the replay does not go on: ${problem}`)
  const parts = { turn: yield* Semaphore.make(1), background: yield* FiberHandle.make<void, never>() }
  const playing = new Playing(controlPlane, opened._tag === "Success" ? opened.success : undefined, problem, parts)
  return Replayer.of({
    status: playing.status,
    records: () => playing.records,
    passed: (seq, limit) => playing.passed(seq, limit),
    next: (count) => playing.next(count),
    until: (request) => playing.until(request),
    run: (pace) => playing.run(pace),
    pause: playing.pause,
    stop: playing.stop,
    idle: playing.idle
  })
})
