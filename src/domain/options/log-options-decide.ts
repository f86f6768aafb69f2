/** The rules of the event log's options. */
import { Result, Struct } from "effect"
import type { CommandOf } from "../Command.ts"
import { InvalidArgument } from "../DomainError.ts"
import type { Decision } from "../decision.ts"
import type { State } from "../State.ts"
import { logOptionRanges } from "./LogOptions.ts"

/** Each within its limits; nothing to do if they are so already. */
export const decideSetLogOptions = (state: State, command: CommandOf<"SetLogOptions">): Decision => {
  const before = state.logOptions
  const options = { ...before, ...command.options }
  for (const name of Struct.keys(logOptionRanges)) {
    const [minimum, maximum] = logOptionRanges[name]
    const value = options[name]
    if (Number.isInteger(value) && value >= minimum && value <= maximum) continue
    const hint = `use ${minimum} to ${maximum}`
    return Result.fail(new InvalidArgument({ object: `log option ${name}`, reason: `is ${value}`, hint }))
  }
  const isSame = Struct.keys(logOptionRanges).every((name) => before[name] === options[name])
  return Result.succeed(isSame ? [] : [{ _tag: "LogOptionsSet", options }])
}
