/** The crash rounds of CI, 1,000 of them. */
import { describe, it } from "vitest"
import { crashRounds } from "../support/initiator/crash-rounds.ts"
import { runSeed } from "../support/initiator/random.ts"

describe("a killed server", () => {
  it("comes back with every acknowledged change, 1,000 times", () => crashRounds(runSeed(51), 1000))
})
