/** Token buckets, with a clock that is a number. */
import { assert, describe, it } from "vitest"
import { RateLimiter, type RateLimits } from "../../../src/dataplane/bdev/wrapper/RateLimiter.ts"
import { diceOf } from "../../domain/random.ts"

const none: RateLimits = { readWriteIos: 0, readWriteBytes: 0, readBytes: 0, writeBytes: 0 }
const mebibyte = 2 ** 20

interface Asked {
  readonly isWrite: boolean
  readonly byteLength: number
}

/** IOs that pass in `millis` when there is always one more that wants to, looked at each `step` ms. */
const passedIn = (limiter: RateLimiter, millis: number, step: number, ask: () => Asked): ReadonlyArray<Asked> => {
  const passed: Array<Asked> = []
  let next = ask()
  for (let now = 0; now <= millis; now += step) {
    while (limiter.millisUntilOpen(next.isWrite, now) === 0 && passed.length < 1e6) {
      limiter.take(next.isWrite, next.byteLength)
      passed.push(next)
      next = ask()
    }
  }
  return passed
}

const bytesOf = (passed: ReadonlyArray<Asked>): number => passed.reduce((sum, { byteLength }) => sum + byteLength, 0)

describe("a rate limiter", () => {
  it("without limits lets everything pass", () => {
    const limiter = new RateLimiter(none, 0)
    assert.lengthOf(
      passedIn(limiter, 0, 1, () => ({ isWrite: true, byteLength: 2 ** 40 })),
      1e6
    )
  })

  it.each([1, 3, 7, 19])("passes as many IOs in a second as it is set to, when it is looked at each %d ms", (step) => {
    const limiter = new RateLimiter({ ...none, readWriteIos: 1000 }, 0)
    const passed = passedIn(limiter, 10_000, step, () => ({ isWrite: false, byteLength: 4096 }))
    assert.approximately(passed.length, 10_000, 25)
  })

  it.each([
    ["reads and writes together", { readWriteBytes: 10 * mebibyte }, 100 * mebibyte],
    ["writes only", { writeBytes: 5 * mebibyte, readBytes: 0 }, 50 * mebibyte]
  ])("passes as many bytes: %s", (_, limits, bytes) => {
    const dice = diceOf(7)
    const limiter = new RateLimiter({ ...none, ...limits }, 0)
    const ask = () => ({ isWrite: true, byteLength: 512 * (1 + dice.roll(256)) })
    assert.approximately(bytesOf(passedIn(limiter, 10_000, 1, ask)), bytes, mebibyte)
  })

  it("lets an IO pass that is larger than a second's share, and has others wait for it", () => {
    const limiter = new RateLimiter({ ...none, readWriteBytes: mebibyte }, 0)
    assert.strictEqual(limiter.millisUntilOpen(true, 0), 0)
    limiter.take(true, 4 * mebibyte)
    assert.approximately(limiter.millisUntilOpen(true, 0), 3980, 1)
    assert.approximately(limiter.millisUntilOpen(false, 3000), 980, 1)
    assert.strictEqual(limiter.millisUntilOpen(true, 3981), 0)
  })

  it("does not save up what was not used", () => {
    const limiter = new RateLimiter({ ...none, readWriteIos: 1000 }, 0)
    const late = 3_600_000
    let passed = 0
    while (limiter.millisUntilOpen(false, late) === 0) {
      limiter.take(false, 512)
      passed++
    }
    assert.strictEqual(passed, 20)
  })

  it("counts reads and writes apart where they are limited apart", () => {
    const limiter = new RateLimiter({ ...none, readBytes: mebibyte, writeBytes: 2 * mebibyte }, 0)
    limiter.take(false, mebibyte)
    assert.isAbove(limiter.millisUntilOpen(false, 0), 0)
    assert.strictEqual(limiter.millisUntilOpen(true, 0), 0)
  })

  it("takes other limits at once, and what is owed is paid at the new rate", () => {
    const limiter = new RateLimiter({ ...none, readWriteBytes: mebibyte }, 0)
    limiter.take(true, 10 * mebibyte)
    limiter.setLimits({ ...none, readWriteBytes: 1000 * mebibyte }, 1000)
    assert.isBelow(limiter.millisUntilOpen(true, 1000), 10)
    limiter.setLimits(none, 1000)
    assert.strictEqual(limiter.millisUntilOpen(true, 1000), 0)
  })
})
