/** The rules of settings without effect. */
import { HashMap, Result } from "effect"
import type { CommandOf } from "../Command.ts"
import { type DomainError, InvalidArgument, LimitExceeded, NotFound } from "../DomainError.ts"
import { quote } from "../decision.ts"
import type { Event } from "../Event.ts"
import { findInertSetting, type State } from "../State.ts"
import { INERT_NAME_LENGTH_MAX, INERT_PARAMS_LENGTH_MAX, INERT_SETTINGS_MAX } from "./InertSettings.ts"

const subjectOf = ({ method, object }: { readonly method: string; readonly object: string }): string =>
  `setting ${quote(object === "" ? method : `${method} ${object}`)}`

const refuse = (state: State, command: CommandOf<"RecordInertSetting">): DomainError | undefined => {
  const { method, object, params } = command
  const subject = subjectOf(command)
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
const decideRecordInertSetting = (
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

/** It must be there. */
const decideRemoveInertSetting = (
  state: State,
  command: CommandOf<"RemoveInertSetting">
): Result.Result<ReadonlyArray<Event>, DomainError> => {
  const { method, object } = command
  if (findInertSetting(state, method, object) !== undefined) {
    return Result.succeed([{ _tag: "InertSettingRemoved", method, object }])
  }
  const hint = "lunlog status lists the settings without effect"
  return Result.fail(new NotFound({ object: subjectOf(command), reason: "is not there", hint }))
}

/** Sets, or takes back what was set. */
export const decideInertSetting = (
  state: State,
  command: CommandOf<"RecordInertSetting" | "RemoveInertSetting">
): Result.Result<ReadonlyArray<Event>, DomainError> =>
  command._tag === "RecordInertSetting"
    ? decideRecordInertSetting(state, command)
    : decideRemoveInertSetting(state, command)
