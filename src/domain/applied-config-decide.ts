/** The rules of recording a configuration file. */
import { Result } from "effect"
import {
  CONFIG_NAME_LENGTH_MAX,
  DESIRED_ENTRIES_MAX,
  DESIRED_LENGTH_MAX,
  DESIRED_PART_ENTRIES_MAX,
  DESIRED_PART_LENGTH_MAX,
  type DesiredEntry
} from "./AppliedConfig.ts"
import type { CommandOf } from "./Command.ts"
import { type DomainError, InvalidArgument, LimitExceeded } from "./DomainError.ts"
import { type Decision, quote } from "./decision.ts"
import type { State } from "./State.ts"

const lengthOf = ({ payload, type }: DesiredEntry): number => payload.length + type.length

const refuse = ({ desired, fileHash, name }: CommandOf<"RecordConfigApplied">): DomainError | undefined => {
  const object = `configuration ${quote(name)}`
  if (name.length > CONFIG_NAME_LENGTH_MAX || !name.isWellFormed()) {
    const hint = `use at most ${CONFIG_NAME_LENGTH_MAX} characters of valid Unicode`
    return new InvalidArgument({ object, reason: "has a name that cannot be used", hint })
  }
  if (!/^[0-9a-f]{64}$/u.test(fileHash)) {
    return new InvalidArgument({ object, reason: `has the hash ${quote(fileHash)}`, hint: "use SHA-256 in lower case" })
  }
  if (!desired.every(({ payload, type }) => payload.isWellFormed() && type.isWellFormed())) {
    return new InvalidArgument({ object, reason: "has half a character in it", hint: "use valid Unicode" })
  }
  const length = desired.reduce((sum, entry) => sum + lengthOf(entry), 0)
  const longest = desired.reduce((most, entry) => Math.max(most, lengthOf(entry)), 0)
  if (desired.length <= DESIRED_ENTRIES_MAX && length <= DESIRED_LENGTH_MAX && longest <= DESIRED_PART_LENGTH_MAX) {
    return undefined
  }
  const reason = `has ${desired.length} entries of ${length} characters, the longest of ${longest}`
  const hint =
    `at most ${DESIRED_ENTRIES_MAX} entries of ${DESIRED_LENGTH_MAX} characters in all, ` +
    `${DESIRED_PART_LENGTH_MAX} in one`
  return new LimitExceeded({ object, reason, hint, limit: DESIRED_ENTRIES_MAX })
}

/** Runs that fit into one event each; at least one, which may be empty. */
const partsOf = (desired: ReadonlyArray<DesiredEntry>): ReadonlyArray<ReadonlyArray<DesiredEntry>> => {
  let part: Array<DesiredEntry> = []
  const parts = [part]
  let length = 0
  for (const entry of desired) {
    const own = lengthOf(entry)
    if (part.length >= DESIRED_PART_ENTRIES_MAX || (part.length > 0 && length + own > DESIRED_PART_LENGTH_MAX)) {
      part = []
      parts.push(part)
      length = 0
    }
    part.push(entry)
    length += own
  }
  return parts
}

/** Nothing to do if the same was applied last. */
export const decideRecordConfigApplied = (state: State, command: CommandOf<"RecordConfigApplied">): Decision => {
  const refusal = refuse(command)
  if (refusal !== undefined) return Result.fail(refusal)
  const { desired, fileHash, name } = command
  if (state.appliedConfig?.fileHash === fileHash) return Result.succeed([])
  const parts = partsOf(desired)
  const before = parts.slice(0, -1)
  return Result.succeed([
    ...before.map((entries, index) => ({ _tag: "ConfigDesiredPart" as const, index, desired: entries })),
    { _tag: "ConfigApplied", name, fileHash, parts: before.length, desired: parts.at(-1) ?? [] }
  ])
}
