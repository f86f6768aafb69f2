/** Trying again what failed for reasons outside: an address that is not there yet, memory that is short. */
import { Effect, Schedule } from "effect"

const delays = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")])

/** Runs `attempt` until it gives true: after 1 s for the first time, then at growing intervals of up to 30 s. */
export const tryAgain = (attempt: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.sleep("1 second").pipe(
    Effect.andThen(Effect.repeat(attempt, { schedule: delays, until: (done) => done })),
    Effect.asVoid
  )
