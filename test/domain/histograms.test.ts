/** Histograms of bdevs and targets: which settings there can be, and what makes an event. */
import { assert, describe, it } from "vitest"
import { defaultHistogram } from "../../src/domain/bdev/Bdev.ts"
import type { CommandOf } from "../../src/domain/Command.ts"
import { findBdev, findTarget } from "../../src/domain/State.ts"
import { at, bdevName, disk1, guide } from "./examples.ts"
import { given } from "./specification.ts"

type Settings = NonNullable<CommandOf<"SetBdevHistogram">["histogram"]>

const before = given(...guide)
const set = (changes: Partial<Settings> = {}) =>
  ({ _tag: "SetBdevHistogram", name: "Malloc0", histogram: { ...defaultHistogram, ...changes } }) as const
const event = { _tag: "BdevHistogramSet", name: bdevName("Malloc0"), incarnation: at(4) } as const

describe("the histogram of a bdev", () => {
  it("is set, changed and ended, each time by one event", () => {
    const histogram = { ...defaultHistogram, ioType: "read" } as const
    before.when(set({ ioType: "read" })).givesExactly({ ...event, histogram })
    const counting = given(...guide, set({ ioType: "read" }))
    counting.when(set({ ioType: "read" })).givesExactly()
    counting.when(set()).givesExactly({ ...event, histogram: defaultHistogram })
    counting.when({ _tag: "SetBdevHistogram", name: "Malloc0" }).givesExactly(event)
    before.when({ _tag: "SetBdevHistogram", name: "Malloc0" }).givesExactly()
  })

  it("ends with its event", () => {
    const on = before.when(set()).gives("BdevHistogramSet")
    assert.deepStrictEqual(findBdev(on.state, "Malloc0")?.histogram, defaultHistogram)
    const off = given(...guide, set())
      .when({ _tag: "SetBdevHistogram", name: "Malloc0" })
      .gives("BdevHistogramSet")
    assert.notProperty(findBdev(off.state, "Malloc0"), "histogram")
  })

  it.each<[string, Partial<Settings>, RegExp]>([
    ["that is too fine", { granularity: 14 }, /cannot have the granularity 14; use 0 to 13/],
    ["of no granularity", { granularity: 1.5 }, /cannot have the granularity 1.5/],
    ["of nothing", { minNanos: 5, maxNanos: 5 }, /would go from 5 to 5 ns/],
    ["of no number", { minNanos: Number.NaN }, /would go from NaN/],
    ["of what never was", { ioType: "reed" }, /cannot be of "reed"; use one of read, write/]
  ])("%s is refused", (_what, changes, message) => {
    before.when(set(changes)).refused("InvalidArgument", message)
  })
})

describe("the histogram of a target", () => {
  it("is an event if it is news", () => {
    const enable = (enabled: boolean) => ({ _tag: "SetTargetNodeHistogram", target: "disk1", enabled }) as const
    const full = (enabled: boolean) => ({ ...enable(enabled), target: disk1 })
    const { state } = before.when(full(true)).gives("TargetNodeHistogramSet")
    assert.isTrue(findTarget(state, disk1)?.histogram)
    before.when(full(false)).givesExactly()
    before.when(enable(true)).refused("NotFound", /does not exist/)
  })
})
