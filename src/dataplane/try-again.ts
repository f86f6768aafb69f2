/** Trying again what failed for reasons outside: an address that is not there yet, memory that is short. */
import { Effect } from "effect"

const firstDelayMillis = 1_000
const lastDelayMillis = 30_000

/**
 * Runs `attempt` until it gives true: after 1 s for the first time, then at growing intervals of up to 30 s. It does
 * not wait any longer when `sooner` resumes: there is a reason to try now.
 */
export const tryAgain = (attempt: Effect.Effect<boolean>, sooner: Effect.Effect<unknown> = Effect.never) =>
  Effect.gen(function* () {
    let delay = firstDelayMillis
    do {
      yield* Effect.raceFirst(Effect.sleep(delay), sooner)
      delay = Math.min(delay * 2, lastDelayMillis)
    } while (!(yield* attempt))
  })
