/** Pages of records: where a search that finds little stops, and where it goes on. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { takePage } from "../../src/rpc/methods/eventlog/record-page.ts"

const numbers = Stream.range(1, 50_000)

const pageOf = (limit: number, isWanted: (item: number) => boolean) =>
  takePage(numbers, limit, (item) => item, isWanted)

describe("a page", () => {
  it.effect("looks at 20,000 items to find what is wanted, and says where to go on", () =>
    Effect.gen(function* () {
      const few = yield* pageOf(10, (item) => item === 7 || item > 20_000)
      assert.deepStrictEqual(few, { items: [7], rest: 20_001 })
      assert.deepStrictEqual(yield* pageOf(10, () => false), { items: [], rest: 20_001 })
    })
  )

  it.effect("has as many as were asked for, and the next that is wanted", () =>
    Effect.gen(function* () {
      const even = yield* pageOf(2, (item) => item % 2 === 0)
      assert.deepStrictEqual(even, { items: [2, 4], rest: 6 })
    })
  )
})
