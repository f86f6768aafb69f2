/** The chaos of CI with many seeds, longer lives, and more in each round. */
import { describe, it } from "vitest"
import { playSeed } from "../chaos/play.ts"
import { runSeed } from "../support/initiator/random.ts"

const runs = 60
const extent = { lives: 5, rounds: 10, actions: 8 }

describe("a server under fire", () => {
  it("60 runs, two side by side", async () => {
    const seed = runSeed(61)
    let next = 0
    const worker = async (): Promise<void> => {
      for (let run = next++; run < runs; run = next++) await playSeed(seed + run, extent)
    }
    await Promise.all([worker(), worker()])
  })
})
