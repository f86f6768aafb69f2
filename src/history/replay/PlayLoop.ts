/** Plays steps one after the other, at a pace, until there is a reason to end. */
import { Clock, Effect } from "effect"
import type { LogRecord } from "../../../eventlog/record.ts"
import { traced } from "../../domain/tracing.ts"
import { gapMillis, type Pace } from "./pace.ts"
import { isPlain, type ReplayStep } from "./ReplaySteps.ts"
import type { PlayFailure, StepPlayer } from "./StepPlayer.ts"

/** When to end; asked more than once. */
export interface Ends {
  /** After so many. */
  readonly steps: number
  /** Before this step. */
  readonly before: (step: ReplayStep) => boolean
  /** After this one. */
  readonly after: (step: ReplayStep) => boolean
}

/** Why it has ended: before or after a step that was waited for, or because there is no other, or enough. */
export type End =
  | { readonly _tag: "Before"; readonly step: ReplayStep }
  | { readonly _tag: "After" }
  | { readonly _tag: "None" }

/** When nothing is left. */
export const atTheEnd: Ends = { steps: Number.POSITIVE_INFINITY, before: () => false, after: () => false }

/** Steps that are on their way to the disk at once. */
const stepsAtOnce = 64

/** One span for all of them: a record of somebody else's that is played has none of its own. */
const played = (player: StepPlayer, steps: Parameters<StepPlayer["play"]>[0]): Effect.Effect<void, PlayFailure> =>
  Effect.withTracerEnabled(player.play(steps), false).pipe(
    traced("replay", () => ({
      attributes: { "lunlog.replay.seq": steps[0]?.records[0].seq, "lunlog.replay.steps": steps.length }
    }))
  )

/** One at a time. */
export class PlayLoop {
  readonly #player: StepPlayer
  readonly #isOpen: () => boolean
  #due: { readonly record: LogRecord; readonly at: number } | undefined
  /** How long a step was waited for before the wait was broken off, in milliseconds. */
  #waited: { readonly seq: number; readonly millis: number } | undefined

  /** `isOpen`: whether the replay may go on. */
  constructor(player: StepPlayer, isOpen: () => boolean) {
    this.#player = player
    this.#isOpen = isOpen
  }

  /** What is waited for, and until when, in milliseconds since 1970. */
  get due(): { readonly record: LogRecord; readonly at: number } | undefined {
    return this.#due
  }

  /** May be interrupted at any time: what is being played is played to its end. */
  play(pace: Pace, ends: Ends): Effect.Effect<End, PlayFailure> {
    return Effect.gen({ self: this }, function* () {
      const player = this.#player
      let due = yield* Clock.currentTimeMillis
      for (let left = ends.steps; left > 0 && this.#isOpen(); ) {
        const step = yield* player.next
        if (step === undefined) break
        if (ends.before(step)) return { _tag: "Before", step } as const
        const [record] = step.records
        due += this.#gap(pace, record)
        yield* this.#waitUntil(due, record)
        const steps = yield* this.#gather(step, pace, { ...ends, steps: left })
        yield* played(player, steps)
        left -= steps.length
        const last = steps.at(-1)
        if (last !== undefined && ends.after(last)) return { _tag: "After" } as const
      }
      return { _tag: "None" } as const
    }).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (exit._tag !== "Success") this.#player.reset()
        })
      )
    )
  }

  /** Takes a step, and those behind it that can be written down together with it, if there is no pace to keep. */
  #gather(first: ReplayStep, pace: Pace, ends: Ends) {
    return Effect.gen({ self: this }, function* () {
      const player = this.#player
      const steps: [ReplayStep, ...Array<ReplayStep>] = [first]
      player.take(first)
      const most = pace.speed === undefined ? Math.min(stepsAtOnce, ends.steps) : 1
      for (let last = first; isPlain(last) && steps.length < most && !ends.after(last); ) {
        const step = yield* player.next
        if (step === undefined || !isPlain(step) || ends.before(step)) break
        player.take(step)
        steps.push(step)
        last = step
      }
      return steps
    })
  }

  #waitedFor(record: LogRecord): number {
    return this.#waited?.seq === record.seq ? this.#waited.millis : 0
  }

  #gap(pace: Pace, record: LogRecord): number {
    return Math.max(0, gapMillis(pace, this.#player.at, record.at) - this.#waitedFor(record))
  }

  /** A wait that is broken off goes on where it was: a search that is asked for again and again gets there, too. */
  #waitUntil(due: number, record: LogRecord): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const begun = yield* Clock.currentTimeMillis
      if (due <= begun) return
      this.#due = { record, at: due }
      const before = this.#waitedFor(record)
      const remember = Effect.map(Clock.currentTimeMillis, (now) => {
        this.#waited = { seq: record.seq, millis: before + now - begun }
      })
      const over = Effect.sync(() => {
        this.#due = undefined
      })
      yield* Effect.sleep(due - begun).pipe(
        Effect.onInterrupt(() => remember),
        Effect.ensuring(over)
      )
    })
  }
}
