/** News of drivers: told once, to somebody who knows the bdev, and nothing after its end. */
import { assert, describe, it } from "@effect/vitest"
import type { BdevNews } from "../../../src/dataplane/bdev/BdevNews.ts"
import { NewsDesk } from "../../../src/dataplane/reactor/NewsDesk.ts"

const withDesk = () => {
  const told: Array<readonly [number, BdevNews]> = []
  return { told, desk: new NewsDesk((bdev, news) => told.push([bdev, news])) }
}

const resized = (blockCount: number): BdevNews => ({ _tag: "Resized", blockCount })
const health = (health: "ok" | "degraded", detail: string): BdevNews => ({ _tag: "Health", health, detail })
const gone: BdevNews = { _tag: "Gone", detail: "it is gone" }

describe("news of a bdev", () => {
  it("wait until it has a name: the last of each kind", () => {
    const { desk, told } = withDesk()
    const tell = desk.open(7)
    for (const blockCount of [1, 2, 3]) tell(resized(blockCount))
    tell(health("degraded", "slow"))
    assert.deepStrictEqual(told, [])
    desk.named(7)
    assert.deepStrictEqual(told, [
      [7, resized(3)],
      [7, health("degraded", "slow")]
    ])
    tell(resized(4))
    assert.deepStrictEqual(told.at(-1), [7, resized(4)])
  })

  it("end with the device", () => {
    const { desk, told } = withDesk()
    const tell = desk.open(7)
    desk.named(7)
    for (const news of [gone, gone, resized(9), health("degraded", "slow")]) tell(news)
    assert.deepStrictEqual(told, [[7, gone]])
  })

  it("end with the bdev, also of a driver that goes on talking when another has its number", () => {
    const { desk, told } = withDesk()
    const tell = desk.open(7)
    desk.named(7)
    desk.forget(7)
    tell(gone)
    desk.open(7)
    desk.named(7)
    tell(gone)
    assert.deepStrictEqual(told, [])
  })

  it("of health are told when it changes, in a bounded length", () => {
    const { desk, told } = withDesk()
    const tell = desk.open(7)
    desk.named(7)
    const all = [health("ok", ""), health("degraded", "a"), health("degraded", "a"), health("degraded", "b")]
    for (const news of [...all, health("ok", ""), health("ok", "again")]) tell(news)
    const details = told.map(([, news]) => (news._tag === "Health" ? `${news.health} ${news.detail}` : news._tag))
    assert.deepStrictEqual(details, ["degraded a", "degraded b", "ok "])
    tell(health("degraded", "x".repeat(100_000)))
    assert.isBelow(JSON.stringify(told.at(-1)).length, 500)
  })
})
