/**
 * What the reconcilers find out of portals and disks, as observations. Of thousands of disks that come up at once, not
 * all are told.
 */
import type { EventLog } from "../../eventlog/EventLog.ts"
import { encodeObservation, type Observation } from "../domain/observation/Observation.ts"
import { Budget } from "./Budget.ts"

/** Observations at once, and a second in the long run. */
const burst = 1000
const perSecond = 50

/** Writes an observation; `correlationId` is the seq of the record that led to it. Never waits and never fails. */
export type Observe = (observation: Observation, correlationId: number) => void

/** One per data plane. */
export class OwnObservations {
  readonly #log: EventLog["Service"]
  readonly #now: () => number
  readonly #budget: Budget
  readonly #suppressed = new Map<string, number>()
  /** Observations that were not told, since the start. */
  suppressedCount = 0

  /** `now` is in milliseconds and only goes forward. */
  constructor(log: EventLog["Service"], now: () => number) {
    this.#log = log
    this.#now = now
    this.#budget = new Budget(burst, perSecond, now())
  }

  readonly observe: Observe = (observation, correlationId) => {
    if (!this.#budget.allows(this.#now())) {
      this.suppressedCount++
      this.#suppressed.set(observation._tag, (this.#suppressed.get(observation._tag) ?? 0) + 1)
      return
    }
    this.#budget.take()
    if (this.#suppressed.size > 0) this.tellSuppressed()
    this.#log.observe(encodeObservation(observation, { source: "dataplane", actor: "local", correlationId }))
  }

  /** Says what was not told. */
  tellSuppressed(): void {
    if (this.#suppressed.size === 0) return
    const byType = Object.fromEntries(this.#suppressed)
    this.#suppressed.clear()
    const cause = { source: "dataplane", actor: "local" } as const
    this.#log.observe(encodeObservation({ _tag: "ObservationsSuppressed", byType }, cause))
  }
}
