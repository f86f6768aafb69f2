/** What the data plane has found out, told to the control plane. */
import { Effect, Schedule } from "effect"
import type { Cause } from "../../eventlog/record.ts"
import type { Command } from "../domain/Command.ts"
import type { ControlPlane } from "../domain/ControlPlane.ts"
import { awaitsRecord } from "../domain/replay/replay-facts.ts"

/** Where a fact has come from. */
export interface FactOrigin {
  /** What it is about has come from the record of a replay, and so will the fact. */
  readonly isReplayed?: boolean
  /** `hotplug`: a device has come, gone or changed by itself. */
  readonly source?: "dataplane" | "hotplug"
}

/**
 * While the log is away a fact is kept and reported again; one that is refused is our own mistake. One of a replay
 * is kept until the record has come, or the replay is over; then it is stale, or is reported after all.
 */
export const reportFact = (
  controlPlane: ControlPlane["Service"],
  command: Command,
  correlationId: number,
  { isReplayed = false, source = "dataplane" }: FactOrigin = {}
): Effect.Effect<void> => {
  const cause: Cause = { source, actor: "local", correlationId }
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
