/**
 * Epochs: each start of the process begins one. `empty` forgets all objects and keeps the history; `resume` goes on
 * with them and first finishes what the end of the process has interrupted.
 */
import { Schema } from "effect"
import { Seq, Uuid } from "./ids.ts"

/** What a start does with the objects that the log holds. */
export const EpochMode = Schema.Literals(["resume", "empty"])
export type EpochMode = typeof EpochMode.Type

/** The epoch that runs. */
export const Epoch = Schema.Struct({
  /** 1, 2, 3 ...; 0 before the first start. */
  number: Schema.Natural,
  mode: EpochMode,
  /** Of the state directory: the root of derived identities. */
  instanceId: Uuid,
  /** Of the program. */
  version: Schema.String,
  startedAt: Seq
})
export type Epoch = typeof Epoch.Type

/** The start of an epoch. */
export const epochEvents = {
  EpochStarted: { epoch: Schema.Natural, mode: EpochMode, instanceId: Uuid, version: Schema.String }
} as const

/** The first command of every process. */
export const epochCommands = {
  StartEpoch: { mode: EpochMode, instanceId: Uuid, version: Schema.String }
} as const
