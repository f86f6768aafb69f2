/** What the data plane has found out, told to the control plane. */
import { Effect, Schedule } from "effect"
import type { Cause } from "../../eventlog/record.ts"
import type { Command } from "../domain/Command.ts"
import type { ControlPlane } from "../domain/ControlPlane.ts"
import { awaitsRecord } from "../domain/replay/replay-facts.ts"

/**
 * While the log is away a fact is kept and reported again; one that is refused is our own mistake. `isReplayed`: what
 * it is about has come from the record of a replay, and so will the fact. It is kept until it has, or the replay is
 * over; then it is stale, or is reported after all.
 */
export const reportFact = (
  controlPlane: ControlPlane["Service"],
  command: Command,
  correlationId: number,
  isReplayed = false
): Effect.Effect<void> => {
  const cause: Cause = { source: "dataplane", actor: "local", correlationId }
  const due = isReplayed ? controlPlane.awaitState((state) => !awaitsRecord(state, command)) : Effect.void
  return Effect.andThen(due, controlPlane.dispatch(command, cause)).pipe(
    Effect.retry({
      while: (error) => error._tag === "LogUnavailable" || error._tag === "AppendFailed",
      schedule: Schedule.spaced("500 millis")
    }),
    Effect.catch((error) => Effect.logError(`${command._tag} was refused: ${error.message}`)),
    Effect.asVoid
  )
}
