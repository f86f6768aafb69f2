/**
 * Settings of SPDK that have no meaning here: socket buffers, accelerators, schedulers, trace masks. They are taken so
 * that scripts and saved configurations go on working, kept so that a `get` and a saved configuration say what was
 * set, and shown by `status` as what they are: without effect.
 */
import { HashMap, Option, Result, Schema } from "effect"
import type { CommandOf } from "./Command.ts"
import { type DomainError, InvalidArgument, LimitExceeded } from "./DomainError.ts"
import { quote } from "./decision.ts"
import type { Event, EventOf } from "./Event.ts"
import { Seq } from "./ids.ts"
import type { State } from "./State.ts"

/** Settings in all; SPDK has some 30, those with an object (implementations, keys, log flags) count once for each. */
export const INERT_SETTINGS_MAX = 512
/** Longest parameters of one, in characters of JSON; the longest known has 1,000. */
export const INERT_PARAMS_LENGTH_MAX = 16_384
/** Longest name of a method or an object, in characters. */
export const INERT_NAME_LENGTH_MAX = 4096

const fields = {
  /** The method that sets it, by its current name. */
  method: Schema.String,
  /** What the method was about, such as a socket implementation; empty for methods that have no object. */
  object: Schema.String,
  /** The object of parameters as compact JSON: 64-bit numbers and any names stay what they were. */
  params: Schema.String
}

/** One setting: the last call of a method for an object. */
export const InertSetting = Schema.Struct({
  ...fields,
  /** Seq of the first call. */
  since: Seq
})
export type InertSetting = typeof InertSetting.Type

/** What can happen to settings. */
export const inertSettingEvents = {
  /** In place of what the same method has set for the same object before. */
  InertSettingRecorded: fields
} as const

/** What can be asked of settings. */
export const inertSettingCommands = {
  RecordInertSetting: fields
} as const

/** What settings are looked up by. */
export const inertSettingKey = (method: string, object: string): string => `${method}\n${object}`

/** The last call of a method for an object. */
export const findInertSetting = (state: State, method: string, object = ""): InertSetting | undefined =>
  Option.getOrUndefined(HashMap.get(state.inertSettings, inertSettingKey(method, object)))

/** All settings, in the order in which they were first set. */
export const inertSettingsOf = (state: State): ReadonlyArray<InertSetting> =>
  [...HashMap.values(state.inertSettings)].sort((a, b) => a.since - b.since)

const refuse = (state: State, { method, object, params }: CommandOf<"RecordInertSetting">): DomainError | undefined => {
  const subject = `setting ${quote(object === "" ? method : `${method} ${object}`)}`
  if (![method, object, params].every((text) => text.isWellFormed())) {
    return new InvalidArgument({ object: subject, reason: "has half a character in it", hint: "use valid Unicode" })
  }
  if (method.length > INERT_NAME_LENGTH_MAX || object.length > INERT_NAME_LENGTH_MAX) {
    const hint = `use at most ${INERT_NAME_LENGTH_MAX} characters`
    return new InvalidArgument({ object: subject, reason: "has a name that is too long", hint })
  }
  if (params.length > INERT_PARAMS_LENGTH_MAX) {
    const hint = `use at most ${INERT_PARAMS_LENGTH_MAX}; it has no effect anyway`
    return new InvalidArgument({ object: subject, reason: `has parameters of ${params.length} characters`, hint })
  }
  const isNew = findInertSetting(state, method, object) === undefined
  if (!isNew || HashMap.size(state.inertSettings) < INERT_SETTINGS_MAX) return undefined
  const reason = `would be one more than ${INERT_SETTINGS_MAX} settings without effect`
  return new LimitExceeded({ object: subject, reason, limit: INERT_SETTINGS_MAX, hint: "leave it out" })
}

/** Nothing to do if it is set like that already. */
export const decideRecordInertSetting = (
  state: State,
  command: CommandOf<"RecordInertSetting">
): Result.Result<ReadonlyArray<Event>, DomainError> => {
  const refusal = refuse(state, command)
  if (refusal !== undefined) return Result.fail(refusal)
  const { method, object, params } = command
  const before = findInertSetting(state, method, object)
  if (before?.params === params) return Result.succeed([])
  return Result.succeed([{ _tag: "InertSettingRecorded", method, object, params }])
}

/** The fold. See `evolve.ts` for what it guarantees. */
export const evolveInertSettingRecorded = (
  state: State,
  { method, object, params }: EventOf<"InertSettingRecorded">,
  seq: number
): State => {
  const since = findInertSetting(state, method, object)?.since ?? seq
  const setting: InertSetting = { method, object, params, since }
  return { ...state, inertSettings: HashMap.set(state.inertSettings, inertSettingKey(method, object), setting) }
}
