/** The atomic commands of CI, in many more orders. */
import { afterEach, beforeEach, it, vi } from "vitest"
import { playAtomic } from "../dataplane/iscsi/atomic-scene.ts"
import { runSeed } from "../support/initiator/random.ts"

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }))
afterEach(() => {
  vi.useRealTimers()
})

const scenes = 500

it("keeps commands of several blocks atomic in 500 scenes of two initiators", async () => {
  const seed = runSeed(1000)
  for (let scene = 0; scene < scenes; scene++) await playAtomic(seed + scene)
})
