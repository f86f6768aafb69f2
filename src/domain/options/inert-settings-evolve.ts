/** The fold of settings without effect. See `evolve.ts` for what it guarantees. */
import { HashMap } from "effect"
import type { EventOf } from "../Event.ts"
import { findInertSetting, type State } from "../State.ts"
import { type InertSetting, inertSettingKey } from "./InertSettings.ts"

/** The last call counts, from the first one on. */
export const evolveInertSettingRecorded = (
  state: State,
  { method, object, params }: EventOf<"InertSettingRecorded">,
  seq: number
): State => {
  const since = findInertSetting(state, method, object)?.since ?? seq
  const setting: InertSetting = { method, object, params, since }
  return { ...state, inertSettings: HashMap.set(state.inertSettings, inertSettingKey(method, object), setting) }
}

/** As if it had never been set. */
export const evolveInertSettingRemoved = (state: State, { method, object }: EventOf<"InertSettingRemoved">): State => ({
  ...state,
  inertSettings: HashMap.remove(state.inertSettings, inertSettingKey(method, object))
})
