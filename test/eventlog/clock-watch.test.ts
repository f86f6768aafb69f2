/** Steps of the clock, told apart from time that has passed. */
import { assert, describe, it } from "vitest"
import { ClockWatch } from "../../eventlog/write/clock-watch.ts"

const second = 1_000_000

/** Clocks that a test sets: wall in microseconds, the others in milliseconds. */
const watched = () => {
  const clocks = { wall: 1000 * second, monotonic: 50_000, booted: 60_000 }
  const watch = new ClockWatch({
    now: () => clocks.wall,
    monotonicMillis: () => clocks.monotonic,
    bootedMillis: () => clocks.booted
  })
  const pass = (seconds: number) => {
    clocks.wall += seconds * second
    clocks.monotonic += seconds * 1000
    clocks.booted += seconds * 1000
  }
  return { clocks, pass, watch }
}

describe("a clock", () => {
  it("that is quiet for long has not stepped", () => {
    const { clocks, pass, watch } = watched()
    pass(100_000)
    assert.deepStrictEqual(watch.read(999 * second), { at: clocks.wall, step: undefined })
  })

  it("that was set forward is told once, with how far", () => {
    const { clocks, pass, watch } = watched()
    pass(10)
    clocks.wall += 3600 * second
    const { at, step } = watch.read(1000 * second)
    assert.strictEqual(at, 4610 * second)
    assert.deepStrictEqual(step, { from: 1010 * second, to: 4610 * second, reason: "set" })
    pass(1)
    assert.isUndefined(watch.read(at).step)
  })

  it("that went on while the machine slept says so", () => {
    const { clocks, watch } = watched()
    for (let night = 0; night < 2; night++) {
      clocks.wall += 600 * second
      clocks.booted += 600_000
      assert.deepInclude(watch.read(0).step, { reason: "suspended" })
    }
    clocks.wall += 600 * second
    assert.deepInclude(watch.read(0).step, { reason: "set" })
  })

  it("that slews by less than some seconds, or goes back within what is recorded, is as before", () => {
    const { clocks, pass, watch } = watched()
    pass(10)
    clocks.wall += 4 * second
    assert.isUndefined(watch.read(0).step)
    const last = clocks.wall
    clocks.wall -= 100 * second
    assert.deepStrictEqual(watch.read(last), { at: last, step: { from: last, to: last - 100 * second } })
    assert.isUndefined(watch.read(last).step)
    pass(200)
    assert.deepStrictEqual(watch.read(last), { at: clocks.wall, step: undefined })
  })
})
