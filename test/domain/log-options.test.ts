/** Options of the event log: what can be asked of them, and what they are after a restart. */
import { assert, describe, it } from "vitest"
import { defaultLogOptions } from "../../src/domain/options/LogOptions.ts"
import { startEpoch } from "./examples.ts"
import { throughSnapshot } from "./invariants.ts"
import { given } from "./specification.ts"

const before = given(startEpoch("empty"))
const set = (options: Partial<typeof defaultLogOptions>) => ({ _tag: "SetLogOptions", options }) as const

describe("the options of the log", () => {
  it("are set one by one, and by one event", () => {
    const first = { ...defaultLogOptions, slowIoMillis: 250 }
    before.when(set({ slowIoMillis: 250 })).givesExactly({ _tag: "LogOptionsSet", options: first })
    const again = given(startEpoch("empty"), set({ slowIoMillis: 250 }))
    again.when(set({ slowIoMillis: 250 })).givesExactly()
    const options = { ...first, observationsMax: 5000 }
    const { state } = again.when(set({ observationsMax: 5000 })).givesExactly({ _tag: "LogOptionsSet", options })
    assert.deepStrictEqual(throughSnapshot(state).logOptions, options)
  })

  it("are refused beyond their limits, which are told", () => {
    const dayMillis = 24 * 3600_000
    before.when(set({ slowIoMillis: -1 })).refused("InvalidArgument", /slowIoMillis is -1; use 0 to 3600000$/u)
    before.when(set({ observationsMax: 0 })).refused("InvalidArgument", /observationsMax is 0; use 1 to/u)
    before.when(set({ observationsMaxAgeMillis: 40_000 * dayMillis })).refused("InvalidArgument", /MaxAgeMillis/u)
    before.when(set({ observationsMax: Number.NaN })).refused("InvalidArgument", /is NaN/u)
  })

  it("stay over a restart, but not in an empty epoch", () => {
    const changed = [startEpoch("empty"), set({ observationsMax: 77 })] as const
    const kept = given(...changed, startEpoch("resume")).history.state.logOptions
    assert.strictEqual(kept.observationsMax, 77)
    assert.deepStrictEqual(given(...changed, startEpoch("empty")).history.state.logOptions, defaultLogOptions)
  })
})
