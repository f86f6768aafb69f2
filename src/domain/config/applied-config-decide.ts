/** The rules of recording a configuration file. */
import { Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { type DomainError, InvalidArgument, LimitExceeded } from "../DomainError.ts"
import { type Decision, quote } from "../decision.ts"
import type { Event } from "../Event.ts"
import type { State } from "../State.ts"
import {
  CONFIG_NAME_LENGTH_MAX,
  DESIRED_ENTRIES_MAX,
  DESIRED_LENGTH_MAX,
  DESIRED_PART_ENTRIES_MAX,
  DESIRED_PART_LENGTH_MAX,
  type DesiredEntry
} from "./AppliedConfig.ts"

const lengthOf = ({ payload, type }: DesiredEntry): number => payload.length + type.length

const refuseEntries = (name: string, entries: ReadonlyArray<DesiredEntry>): DomainError | undefined => {
  const object = `configuration ${quote(name)}`
  if (name.length > CONFIG_NAME_LENGTH_MAX || !name.isWellFormed()) {
    const hint = `use at most ${CONFIG_NAME_LENGTH_MAX} characters of valid Unicode`
    return new InvalidArgument({ object, reason: "has a name that cannot be used", hint })
  }
  if (!entries.every(({ payload, type }) => payload.isWellFormed() && type.isWellFormed())) {
    return new InvalidArgument({ object, reason: "has half a character in it", hint: "use valid Unicode" })
  }
  const length = entries.reduce((sum, entry) => sum + lengthOf(entry), 0)
  const longest = entries.reduce((most, entry) => Math.max(most, lengthOf(entry)), 0)
  if (entries.length <= DESIRED_ENTRIES_MAX && length <= DESIRED_LENGTH_MAX && longest <= DESIRED_PART_LENGTH_MAX) {
    return undefined
  }
  const reason = `has ${entries.length} entries of ${length} characters, the longest of ${longest}`
  const hint =
    `at most ${DESIRED_ENTRIES_MAX} entries of ${DESIRED_LENGTH_MAX} characters in all, ` +
    `${DESIRED_PART_LENGTH_MAX} in one`
  return new LimitExceeded({ object, reason, hint, limit: DESIRED_ENTRIES_MAX })
}

const refuse = ({
  desired,
  fileHash,
  name,
  takenDown = []
}: CommandOf<"RecordConfigApplied">): DomainError | undefined => {
  if (!/^[0-9a-f]{64}$/u.test(fileHash)) {
    const object = `configuration ${quote(name)}`
    return new InvalidArgument({ object, reason: `has the hash ${quote(fileHash)}`, hint: "use SHA-256 in lower case" })
  }
  return refuseEntries(name, desired) ?? refuseEntries(name, takenDown)
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

/** Entries as events: those that go before, and the closing one's own. */
const inParts = (entries: ReadonlyArray<DesiredEntry>) => {
  const parts = partsOf(entries)
  const before = parts.slice(0, -1)
  return {
    events: before.map((part, index) => ({ _tag: "ConfigDesiredPart" as const, index, desired: part })),
    rest: { parts: before.length, desired: parts.at(-1) ?? [] }
  }
}

const isSameEntry = (a: DesiredEntry, b: DesiredEntry | undefined): boolean =>
  a.type === b?.type && a.v === b.v && a.payload === b.payload

const takenDownEvents = (state: State, takenDown: ReadonlyArray<DesiredEntry>): ReadonlyArray<Event> => {
  const before = state.configTakenDown
  if (before.length === takenDown.length && before.every((entry, at) => isSameEntry(entry, takenDown[at]))) return []
  const { events, rest } = inParts(takenDown)
  return [...events, { _tag: "ConfigTakenDown", ...rest }]
}

/** Nothing to do if the same is down already. */
export const decideRecordConfigTakenDown = (state: State, command: CommandOf<"RecordConfigTakenDown">): Decision => {
  const refusal = refuseEntries(command.name, command.takenDown)
  return refusal === undefined ? Result.succeed(takenDownEvents(state, command.takenDown)) : Result.fail(refusal)
}

/** Nothing to do if the same was applied last, and has changed nothing this time. */
export const decideRecordConfigApplied = (state: State, command: CommandOf<"RecordConfigApplied">): Decision => {
  const refusal = refuse(command)
  if (refusal !== undefined) return Result.fail(refusal)
  const { desired, fileHash, hasChanged = false, name, takenDown = [] } = command
  const down = takenDownEvents(state, takenDown)
  if (!hasChanged && state.appliedConfig?.fileHash === fileHash) return Result.succeed(down)
  const { events, rest } = inParts(desired)
  return Result.succeed([...down, ...events, { _tag: "ConfigApplied", name, fileHash, ...rest }])
}
