/** When IO begins and ceases to wait for the rate limits of a bdev, as looked at once a second. */
import type { LimitedBdev } from "../bdev/wrapper/LimitedBdev.ts"
import type { BdevLimits } from "./BdevLimits.ts"
import type { BdevId, ReactorObservation } from "./protocol.ts"

/** How long nothing may wait before it is said that it has ceased, in milliseconds. */
const quietMillis = 10_000

interface Phase {
  readonly bdev: string
  readonly begunAt: number
  readonly delayedBefore: number
  delayed: number
  mostWaiting: number
  longestWaitMillis: number
  waitedAt: number
}

/** One per reactor. */
export class Throttling {
  readonly #limits: BdevLimits
  readonly #tell: (fact: ReactorObservation) => void
  /** Bdevs whose IO waits, or has waited a moment ago. */
  readonly #phases = new Map<BdevId, Phase>()
  /** Of each stand-in, how many IOs it had delayed when it was looked at last. */
  readonly #delayedBefore = new WeakMap<LimitedBdev, number>()

  constructor(limits: BdevLimits, tell: (fact: ReactorObservation) => void) {
    this.#limits = limits
    this.#tell = tell
  }

  /** Looks at all bdevs with limits. */
  sweep(now: number): void {
    const seen = new Set<BdevId>()
    for (const [id, name, limited] of this.#limits.standIns()) {
      seen.add(id)
      this.#look(id, name, limited, now)
    }
    for (const [id, phase] of this.#phases) {
      if (seen.has(id) && now - phase.waitedAt < quietMillis) continue
      this.#phases.delete(id)
      const { bdev, begunAt, delayed, longestWaitMillis, mostWaiting, waitedAt } = phase
      const durationMillis = Math.round(waitedAt - begunAt)
      this.#tell({ _tag: "QosThrottlingEnded", bdev, delayed, mostWaiting, longestWaitMillis, durationMillis })
    }
  }

  #look(id: BdevId, bdev: string, limited: LimitedBdev, now: number): void {
    const { delayedCount, waitingCount } = limited
    const before = this.#delayedBefore.get(limited) ?? 0
    this.#delayedBefore.set(limited, delayedCount)
    if (waitingCount === 0 && delayedCount === before) {
      if (!this.#phases.has(id)) limited.longestWaitMillis = 0
      return
    }
    let phase = this.#phases.get(id)
    if (phase === undefined) {
      const begun = { begunAt: now, waitedAt: now, delayedBefore: before }
      phase = { bdev, ...begun, delayed: 0, mostWaiting: 0, longestWaitMillis: 0 }
      this.#phases.set(id, phase)
      this.#tell({ _tag: "QosThrottlingBegan", bdev, waiting: waitingCount })
    }
    phase.waitedAt = now
    phase.delayed = Math.max(phase.delayed, delayedCount - phase.delayedBefore)
    phase.mostWaiting = Math.max(phase.mostWaiting, waitingCount)
    phase.longestWaitMillis = Math.max(phase.longestWaitMillis, Math.round(limited.longestWaitMillis))
  }
}
