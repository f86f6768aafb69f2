/**
 * Settings of SPDK that have no meaning here: socket buffers, accelerators, schedulers, trace masks. They are taken so
 * that scripts and saved configurations go on working, kept so that a `get` and a saved configuration say what was
 * set, and shown by `status` as what they are: without effect.
 */
import { Schema } from "effect"
import { Seq } from "../ids.ts"

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
  InertSettingRecorded: fields,
  InertSettingRemoved: { method: fields.method, object: fields.object }
} as const

/** What can be asked of settings. */
export const inertSettingCommands = {
  RecordInertSetting: fields,
  /** The method that sets it, and what that was about. */
  RemoveInertSetting: { method: fields.method, object: fields.object }
} as const

/** What settings are looked up by. */
export const inertSettingKey = (method: string, object: string): string => `${method}\n${object}`
