/** A target that is killed under writes, many times: `npm run test:long -- --seed N`. */
import { describe, it } from "vitest"
import { runSeed } from "../support/initiator/random.ts"
import { killRounds } from "../support/kill-rounds.ts"
import { guestTools } from "../support/linux-guest.ts"
import { describeWithTools } from "../support/requires-tool.ts"

describe("a target that is killed under writes, again and again", () => {
  it("has what it has promised each time", { timeout: 1_800_000 }, () =>
    killRounds({ seed: runSeed(611), kills: 200, writesBetween: 200 })
  )
})

describeWithTools(guestTools, "a target that is killed again and again under fio", () => {
  it("goes on each time", { timeout: 1_800_000 }, async () => {
    const seed = runSeed(612)
    for (let round = 0; round < 5; round++) {
      await killRounds({ seed: seed + round, kills: 8, writesBetween: 50, guestSeconds: 900 })
    }
  })
})
