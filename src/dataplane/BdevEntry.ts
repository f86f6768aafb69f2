/** What the data plane keeps of one bdev of the state. */
import type { Effect } from "effect"
import type { Bdev } from "../domain/bdev/Bdev.ts"
import type { Command } from "../domain/Command.ts"
import type { BdevStatus } from "../domain/DataPlane.ts"

/** Tells the control plane of something that was found out, without waiting for it. */
export type Report = (fact: Command, correlationId: number, source: "dataplane" | "hotplug") => Effect.Effect<void>

/** One bdev, as it is in the state, and what was achieved of it. */
export interface BdevEntry {
  bdev: Bdev
  /** The reactor's number; undefined while it is not open. */
  id: number | undefined
  detail: string | undefined
  /** How often it could not be opened. */
  failedAttempts: number
  /** Of one that is open, but does not work as it should. */
  degraded: string | undefined
}

/** Of this name and incarnation, for maps. */
export const bdevKey = (ref: { readonly name: string; readonly incarnation: number }): string =>
  `${ref.name}#${ref.incarnation}`

/** What people are told of it; `limited` if it has rate limits. */
export const statusOfEntry = (entry: BdevEntry, limited: BdevStatus["limited"]): BdevStatus => {
  const { bdev, degraded, detail: failure, id } = entry
  const detail = failure ?? degraded
  return {
    name: bdev.name,
    incarnation: bdev.incarnation,
    state: id === undefined ? "failed" : degraded === undefined ? "up" : "degraded",
    ...(detail === undefined ? {} : { detail }),
    ...(limited === undefined ? {} : { limited })
  }
}
