/**
 * A disk that hangs shows before its IO is back: once a second the oldest command of each LUN is looked at. Commands
 * of a LUN are in the order in which the disk got them, so nothing else is, and IO in time costs nothing.
 */
import type { LunMapping, Target } from "../iscsi/Target.ts"
import { limitOf, outstandingOf, placeOf } from "./io-facts.ts"
import type { ReactorObservation } from "./protocol.ts"

/** An IO that is slow is told of when it has ended; one that takes so many times as long is told of before. */
const stuckFactor = 5

/** One per reactor. */
export class StuckIo {
  readonly #tell: (fact: ReactorObservation) => void
  /** At what age of its oldest command a LUN is told of again, in milliseconds. */
  readonly #nextAge = new WeakMap<LunMapping, number>()

  constructor(tell: (fact: ReactorObservation) => void) {
    this.#tell = tell
  }

  /** Looks at all LUNs; an infinite `slowMillis` tells of none. */
  sweep(targets: Iterable<Target>, now: number, slowMillis: number): void {
    if (slowMillis === Number.POSITIVE_INFINITY) return
    for (const target of targets) {
      for (const mapping of target.luns) if (mapping !== undefined) this.#look(mapping, now, slowMillis * stuckFactor)
    }
  }

  #look(mapping: LunMapping, now: number, thresholdMillis: number): void {
    const oldest = mapping.submitted.values().next().value
    const age = oldest === undefined ? 0 : now - oldest.submittedAt
    if (oldest === undefined || age < thresholdMillis) {
      this.#nextAge.delete(mapping)
      return
    }
    if (age < (this.#nextAge.get(mapping) ?? thresholdMillis)) return
    this.#nextAge.set(mapping, age * 2)
    let outstanding = 0
    for (const { submittedAt } of mapping.submitted) {
      if (now - submittedAt < thresholdMillis) break
      outstanding++
    }
    for (const io of outstandingOf(oldest, now)) {
      const place = { ...placeOf(mapping), ...limitOf(mapping) }
      this.#tell({ _tag: "IoStuck", ...place, outstanding, thresholdMillis, oldest: io })
    }
  }
}
