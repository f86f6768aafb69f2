/** The beginning of a fork. */
import { Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { InvalidArgument, WrongState } from "../DomainError.ts"
import { type Decision, quote } from "../decision.ts"
import { isUuid } from "../ids.ts"
import type { State } from "../State.ts"

/** Only on the state that the fork begins with, before its first start. */
export const decideRecordForked = (state: State, { _tag, ...origin }: CommandOf<"RecordForked">): Decision => {
  const { mapping, sourceInstanceId, sourceSeq } = origin
  const object = `fork of ${quote(sourceInstanceId)}`
  if (!isUuid(sourceInstanceId) || !isUuid(mapping.instanceId)) {
    return Result.fail(new InvalidArgument({ object, reason: "names no UUID", hint: "use lower case with dashes" }))
  }
  const begun = Math.max(state.epoch?.startedAt ?? 0, state.fork?.since ?? 0)
  if (begun > sourceSeq) {
    const reason = `cannot be recorded: the log goes on after record ${sourceSeq}`
    return Result.fail(new WrongState({ object, reason, hint: "make a fork in a new state directory" }))
  }
  return Result.succeed([{ _tag: "Forked", ...origin }])
}
