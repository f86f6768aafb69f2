/**
 * Commands to disks that are stacked, limited, late and hung, while limits, LUNs and connections come and go in any
 * order: every command is answered once or not at all, nothing is left of any, and no write lands after it was given up
 * and a later one has been answered.
 */
import { afterEach, beforeEach, describe, it, vi } from "vitest"
import { play, Scene } from "./scene.ts"

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }))
afterEach(() => {
  vi.useRealTimers()
})

describe("IO", () => {
  it("ends once and leaves nothing, whatever happens to its disk, its LUN and its connection", async () => {
    for (let seed = 1; seed <= 25; seed++) {
      try {
        await play(new Scene(seed), 300)
      } catch (error) {
        throw new Error(`seed ${seed}: ${error}`, { cause: error })
      }
    }
  })
})
