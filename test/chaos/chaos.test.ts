/**
 * A server under fire: random requests, initiators, faults and kills, with a model of what must come of them. A failure
 * names its seed, and the folder with what is needed to look into it.
 */
import { describe, it } from "vitest"
import { runSeed } from "../support/initiator/random.ts"
import { playSeed } from "./play.ts"

/** Some 25 s of an idle machine with two cores. */
const extent = { lives: 3, rounds: 5, actions: 5 }

describe("a server under fire", () => {
  it("answers, records and keeps what it must, twice side by side", { timeout: 240_000 }, async () => {
    const seed = runSeed(61)
    // One of them has files with a cache that a kill empties.
    const runs = await Promise.allSettled([playSeed(seed, extent), playSeed(seed + 1, extent)])
    // Both have ended, and their servers, before either fails the test.
    for (const run of runs) if (run.status === "rejected") throw run.reason
  })
})
