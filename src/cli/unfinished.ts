/** Commands whose work is worth nothing until it is done: ended by a signal they say that it is not. */
import { Effect } from "effect"

/** As shells tell that Ctrl-C has ended a command. */
const interruptedCode = 130

/** Lets the program end with code 130 instead of 0 if a signal comes before `work` is done. */
export const unfinishedIfInterrupted = <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.onInterrupt(work, () =>
    Effect.sync(() => {
      process.exitCode = interruptedCode
    })
  )
