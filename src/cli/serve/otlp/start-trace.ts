/** The start of a server as one trace: where the time goes until initiators are let in. */
import { Clock, Effect, Exit } from "effect"
import { traced, tracedAlone } from "../../../domain/tracing.ts"

/** The trace of one start. */
export interface StartTrace {
  /** What makes something that lives on: what that does later is no part of the start. */
  readonly making: (name: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** What is over when it has ended. */
  readonly phase: (name: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** The phase that the start ends with. */
  readonly last: (name: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Begins one. */
export const beginStart: Effect.Effect<StartTrace> = Effect.gen(function* () {
  const start = yield* Effect.makeSpan("start", { root: true })
  const clock = yield* Clock.Clock
  const within = () => ({ parent: start })
  const phase: StartTrace["phase"] = (name) => traced(name, within)
  return {
    making: (name) => tracedAlone(name, within),
    phase,
    last: (name) => (effect) =>
      Effect.onExit(phase(name)(effect), (exit) =>
        Effect.sync(() => start.end(clock.currentTimeNanosUnsafe(), Exit.asVoid(exit)))
      )
  }
})
