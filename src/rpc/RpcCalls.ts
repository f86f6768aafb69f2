/** How often methods were called, and how long that took: as many entries as there are methods. */
import { Effect, Result } from "effect"

const nanosPerSecond = 1e9

/** Of one method. */
export interface CallCount {
  readonly method: string
  /** Calls that were answered with a result, and with an error. */
  readonly succeeded: number
  readonly failed: number
  /** All together; calls that wait for something are as long as that. */
  readonly seconds: number
}

/** One per process. */
export class RpcCalls {
  readonly #byMethod = new Map<string, { succeeded: number; failed: number; seconds: number }>()

  /** In the order in which they were called first. */
  report(): ReadonlyArray<CallCount> {
    return [...this.#byMethod].map(([method, counts]) => ({ method, ...counts }))
  }

  /** Counts a call that ends; `method` is the name of one that exists. */
  counted<A, E>(method: string, call: Effect.Effect<Result.Result<A, E>>): Effect.Effect<Result.Result<A, E>> {
    return Effect.clockWith((clock) => {
      const since = clock.monotonicTimeNanosUnsafe()
      return Effect.map(call, (result) => {
        const counts = this.#of(method)
        if (Result.isSuccess(result)) counts.succeeded++
        else counts.failed++
        counts.seconds += Number(clock.monotonicTimeNanosUnsafe() - since) / nanosPerSecond
        return result
      })
    })
  }

  #of(method: string) {
    const known = this.#byMethod.get(method)
    if (known !== undefined) return known
    const counts = { succeeded: 0, failed: 0, seconds: 0 }
    this.#byMethod.set(method, counts)
    return counts
  }
}
