/**
 * Commands of several blocks and steps (COMPARE AND WRITE, WRITE ATOMIC, ORWRITE, EXTENDED COPY ...) of two initiators
 * at disks that are late, hung and limited, with aborts, resets, removals and lost connections in the middle: none is
 * torn, none that was answered is lost, no number is replaced twice, and no task, buffer or lock is left.
 */
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import { playAtomic } from "./atomic-scene.ts"

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }))
afterEach(() => {
  vi.useRealTimers()
})

describe("commands of several blocks", () => {
  it("are atomic, whatever happens to their disk, their LUN and their connection", async () => {
    let good = 0
    for (let seed = 1; seed <= 8; seed++) good += await playAtomic(seed)
    assert.isAbove(good, 100)
  })
})
