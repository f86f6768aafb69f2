/** The rounds of hot removal of CI, 10,000 of them. */
import { describe, it } from "vitest"
import { startLunlog } from "../support/initiator/lunlog.ts"
import { runSeed } from "../support/initiator/random.ts"
import { removalDeadlineMillis } from "../support/initiator/removal-round.ts"
import { playRounds } from "../support/initiator/removal-rounds.ts"

/** Rounds per server: what hangs keeps its buffers until the process ends. */
const roundsPerServer = 1000

describe("hot removal of a LUN under load", () => {
  it("10,000 rounds", async () => {
    for (let part = 0; part < 10; part++) {
      await using lunlog = await startLunlog({ removalDeadline: `${removalDeadlineMillis}ms` })
      await playRounds(lunlog, runSeed(41) + part, roundsPerServer)
    }
  })

  it("200 rounds with two workers", async () => {
    const args = ["--workers", "2"]
    await using lunlog = await startLunlog({ removalDeadline: `${removalDeadlineMillis}ms`, args })
    await playRounds(lunlog, runSeed(43), 200)
  })
})
