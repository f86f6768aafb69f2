/** kill -9 at any moment loses nothing that was acknowledged, and leaves nothing half done. */
import { describe, it } from "vitest"
import { crashRounds } from "../support/initiator/crash-rounds.ts"
import { runSeed } from "../support/initiator/random.ts"

describe("a killed server", () => {
  it("comes back with every acknowledged change, 200 times", { timeout: 300_000 }, () => crashRounds(runSeed(51), 200))
})
