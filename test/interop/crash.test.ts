/** kill -9 at any moment loses nothing that was acknowledged, and leaves nothing half done. */
import { describe, it } from "vitest"
import { crashRounds } from "../support/initiator/crash-rounds.ts"
import { runSeed } from "../support/initiator/random.ts"

/** Servers that crash side by side: a start is one thread's work. */
const servers = 2

describe("a killed server", () => {
  it("comes back with every acknowledged change, 200 times", { timeout: 600_000 }, async () => {
    const seed = runSeed(51)
    await Promise.all(Array.from({ length: servers }, (_, index) => crashRounds(seed + index, 200 / servers)))
  })
})
