/**
 * The configuration file that was applied last: what it wanted, as the events that it leads to on an empty state. A
 * later file is compared with it, so that what was changed by hand in between can be told from what the file says.
 *
 * A record of the log has at most 1 MiB, so long files come in parts, all in one batch: only the closing
 * `ConfigApplied` makes them count.
 */
import { Schema } from "effect"
import { Seq } from "../ids.ts"

/** Entries of one file: its bdevs, LUNs, maps and the rest. */
export const DESIRED_ENTRIES_MAX = 100_000
/** Characters of all payloads of one file. */
export const DESIRED_LENGTH_MAX = 16 * 1024 * 1024
/** Characters of the payloads in one event: at most 3 bytes each, so that a record has room. */
export const DESIRED_PART_LENGTH_MAX = 256 * 1024
/** Entries in one event. */
export const DESIRED_PART_ENTRIES_MAX = 4096
/** Longest name of a file, in characters. */
export const CONFIG_NAME_LENGTH_MAX = 4096

/** An event as the log would hold it; `payload` is JSON. */
export const DesiredEntry = Schema.Struct({ type: Schema.String, v: Schema.Natural, payload: Schema.String })
export type DesiredEntry = typeof DesiredEntry.Type

const file = {
  /** As the user called it; for messages. */
  name: Schema.String,
  /** SHA-256 of what the file wants, in hexadecimal: not of its text, so that comments do not count. */
  fileHash: Schema.String,
  desired: Schema.Array(DesiredEntry)
}

/** What was applied last. */
export const AppliedConfig = Schema.Struct({
  ...file,
  /** Seq of the event: what was created later is not the file's. */
  seq: Seq
})
export type AppliedConfig = typeof AppliedConfig.Type

/** What can happen to it. */
export const appliedConfigEvents = {
  /** Counts when `ConfigApplied` or `ConfigTakenDown` follows; number 0 begins anew. */
  ConfigDesiredPart: { index: Schema.Natural, desired: Schema.Array(DesiredEntry) },
  /**
   * What an application has taken down and not put up again yet, as it was: objects as events that make them. `parts`
   * have gone before; nothing is down any more if all of it is empty.
   */
  ConfigTakenDown: { desired: Schema.Array(DesiredEntry), parts: Schema.Natural },
  /** A file was applied to its end. `parts` have gone before; `desired` is the rest. */
  ConfigApplied: { ...file, parts: Schema.Natural }
} as const

/** What can be asked of it. */
export const appliedConfigCommands = {
  /** Before anything is taken down. */
  RecordConfigTakenDown: { name: Schema.String, takenDown: Schema.Array(DesiredEntry) },
  /**
   * No event if the same was applied last, unless `hasChanged`: what it has made, it owns. `takenDown` is what is still
   * down: nothing if absent.
   */
  RecordConfigApplied: {
    ...file,
    takenDown: Schema.optionalKey(Schema.Array(DesiredEntry)),
    hasChanged: Schema.optionalKey(Schema.Boolean)
  }
} as const
