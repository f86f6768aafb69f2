/** Trying again: later and later, or at once when there is a reason to. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue } from "effect"
import { TestClock } from "effect/testing"
import { tryAgain } from "../../src/dataplane/try-again.ts"

const counting = (successAt: number) => {
  const attempts = { count: 0 }
  return { attempts, attempt: Effect.sync(() => ++attempts.count >= successAt) }
}

describe("what failed", () => {
  it.effect("is tried after 1, 2, 4 seconds and so on, up to 30, until it succeeds", () =>
    Effect.gen(function* () {
      const { attempt, attempts } = counting(9)
      const fiber = yield* Effect.forkChild(tryAgain(attempt), { startImmediately: true })
      const counts: Array<number> = []
      for (const seconds of [1, 2, 4, 8, 16, 30, 30, 29, 1]) {
        yield* TestClock.adjust(`${seconds} seconds`)
        counts.push(attempts.count)
      }
      assert.deepStrictEqual(counts, [1, 2, 3, 4, 5, 6, 7, 7, 8])
      yield* TestClock.adjust("30 seconds")
      yield* Fiber.join(fiber)
    })
  )

  it.effect("is tried without any wait when somebody says so", () =>
    Effect.gen(function* () {
      const { attempt, attempts } = counting(3)
      const sooner = yield* Queue.sliding<void>(1)
      const fiber = yield* Effect.forkChild(tryAgain(attempt, Queue.take(sooner)), { startImmediately: true })
      assert.strictEqual(attempts.count, 0)
      for (let round = 0; round < 3; round++) {
        yield* Queue.offer(sooner, undefined)
        while (attempts.count === round) yield* Effect.yieldNow
      }
      yield* Fiber.join(fiber)
      assert.strictEqual(attempts.count, 3)
    })
  )
})
