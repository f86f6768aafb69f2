/** Samples how many IOs a bdev has: for how long it has any, and how many on average. */
import type { QueueDepthReport } from "../../domain/Statistics.ts"

const microsPerMilli = 1000
/** Node's timers have milliseconds, and 31 bits for them. */
const intervalMillisMax = 2 ** 31 - 1

/** A timer that looks at one queue. */
export class QueueSampler {
  readonly #depth: () => number
  readonly #now: () => number
  readonly #periodMicros: number
  readonly #timer: NodeJS.Timeout
  #lastAt: number
  #queueDepth = 0
  #ioTimeMicros: number
  #weightedIoTimeMicros: number

  /** `now` is in milliseconds. What `before` has added up is added to. */
  constructor(depth: () => number, now: () => number, periodMicros: number, before?: QueueSampler) {
    this.#depth = depth
    this.#now = now
    this.#periodMicros = periodMicros
    this.#lastAt = now()
    this.#ioTimeMicros = before?.report().ioTimeMicros ?? 0
    this.#weightedIoTimeMicros = before?.report().weightedIoTimeMicros ?? 0
    const millis = Math.min(intervalMillisMax, Math.max(1, periodMicros / microsPerMilli))
    this.#timer = setInterval(() => this.sample(), millis)
    this.#timer.unref()
  }

  /** Looks at the queue: as it is now it counts as having been since the last look. */
  sample(): void {
    const now = this.#now()
    const micros = (now - this.#lastAt) * microsPerMilli
    this.#lastAt = now
    this.#queueDepth = this.#depth()
    if (this.#queueDepth === 0) return
    this.#ioTimeMicros += micros
    this.#weightedIoTimeMicros += micros * this.#queueDepth
  }

  /** What was seen. */
  report(): QueueDepthReport {
    return {
      periodMicros: this.#periodMicros,
      queueDepth: this.#queueDepth,
      ioTimeMicros: Math.round(this.#ioTimeMicros),
      weightedIoTimeMicros: Math.round(this.#weightedIoTimeMicros)
    }
  }

  /** Ends the timer. */
  stop(): void {
    clearInterval(this.#timer)
  }
}
