/** The start of an epoch. */
import { Result } from "effect"
import type { CommandOf } from "./Command.ts"
import { InvalidArgument } from "./DomainError.ts"
import { type Decision, draftOn, quote, record } from "./decision.ts"
import { isUuid } from "./ids.ts"
import type { State } from "./State.ts"
import { finishInterruptedRemovals } from "./target/lun-removal.ts"

/** `resume` also ends, in the same batch, what the end of the process has interrupted. */
export const decideStartEpoch = (state: State, command: CommandOf<"StartEpoch">): Decision => {
  const { instanceId, mode, version } = command
  if (!isUuid(instanceId)) {
    const object = `instance id ${quote(instanceId)}`
    return Result.fail(new InvalidArgument({ object, reason: "is not a UUID", hint: "use lower case with dashes" }))
  }
  const draft = draftOn(state)
  const epoch = (state.epoch?.number ?? 0) + 1
  record(draft, { _tag: "EpochStarted", epoch, mode, instanceId, version })
  finishInterruptedRemovals(draft)
  return Result.succeed(draft.events)
}
