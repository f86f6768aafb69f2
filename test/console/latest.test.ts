/** Only what was wanted last is asked for and told. */
import { assert, describe, it } from "vitest"
import type { Outcome } from "../../src/console/rpc/RpcClient.ts"
import { Latest } from "../../src/console/time/model/Latest.ts"
import { LruCache } from "../../src/console/time/model/LruCache.ts"
import { until } from "../support/until.ts"

interface Asked {
  readonly question: number
  readonly signal: AbortSignal
  readonly answer: (value: string) => void
}

const setUp = (apartMillis = 0) => {
  const asked: Array<Asked> = []
  const told: Array<string> = []
  const latest = new Latest<number, string>({
    keyOf: String,
    ask: (question, signal) =>
      new Promise<Outcome<string>>((resolve) => {
        asked.push({ question, signal, answer: (value) => resolve({ _tag: "Answer", value }) })
      }),
    onOutcome: (question, outcome) => {
      told.push(`${question}: ${outcome._tag === "Answer" ? outcome.value : outcome.problem._tag}`)
    },
    apartMillis,
    kept: 2
  })
  return { asked, told, latest }
}

describe("what is wanted last", () => {
  it("is all that is asked for of many that come in one turn", async () => {
    const { asked, latest, told } = setUp()
    for (const question of [1, 2, 3]) latest.want(question)
    await until("a question", () => asked.length > 0)
    assert.deepStrictEqual(
      asked.map(({ question }) => question),
      [3]
    )
    asked[0]?.answer("three")
    await until("an outcome", () => told.length > 0)
    assert.deepStrictEqual(told, ["3: three"])
  })

  it("gives up the question before, whose late answer is told to nobody", async () => {
    const { asked, latest, told } = setUp()
    latest.want(1)
    await until("a question", () => asked.length === 1)
    latest.want(2)
    assert.isTrue(asked[0]?.signal.aborted)
    asked[0]?.answer("late")
    await until("a question", () => asked.length === 2)
    asked[1]?.answer("two")
    await until("an outcome", () => told.length > 0)
    assert.deepStrictEqual(told, ["2: two"])
  })

  it("is answered from memory if it was answered lately", async () => {
    const { asked, latest, told } = setUp()
    for (const question of [1, 2, 3]) {
      latest.want(question)
      await until("a question", () => asked.length === question)
      asked.at(-1)?.answer(`answer ${question}`)
      await until("an outcome", () => told.length === question)
    }
    latest.want(3)
    assert.deepStrictEqual([told.at(-1), asked.length], ["3: answer 3", 3])
    latest.want(1)
    await until("a question", () => asked.length === 4)
    latest.stop()
    assert.isTrue(asked[3]?.signal.aborted)
  })
})

describe("a bounded cache", () => {
  it("lets go what was wanted longest ago", () => {
    const cache = new LruCache<number>(2)
    cache.set("a", 1)
    cache.set("b", 2)
    assert.strictEqual(cache.get("a"), 1)
    cache.set("c", 3)
    assert.deepStrictEqual([cache.get("a"), cache.get("b"), cache.get("c"), cache.size], [1, undefined, 3, 2])
  })
})
