/**
 * A target that is killed while hosts write: what was answered and what was flushed is there, no block is torn, and the
 * hosts go on with the target that is started again. Many more rounds are in test/long/power-cut.test.ts.
 */
import { describe, it } from "vitest"
import { runSeed } from "../support/initiator/random.ts"
import { killRounds } from "../support/kill-rounds.ts"
import { guestTools } from "../support/linux-guest.ts"
import { guestMillis } from "../support/linux-scripts.ts"
import { describeWithTools } from "../support/requires-tool.ts"

/** Emulated, the guest needs minutes. */
const guestSeconds = 900

describe("a target that is killed under writes", () => {
  it("has what it has promised, and no torn block", { timeout: 120_000 }, () =>
    killRounds({ seed: runSeed(61), kills: 3, writesBetween: 100 })
  )
})

describeWithTools(guestTools, "a target that is killed under fio of the Linux kernel's initiator", () => {
  it("goes on where it was, and all that fio has written verifies", { timeout: guestMillis(guestSeconds) }, () =>
    killRounds({ seed: runSeed(62), kills: 3, writesBetween: 100, guestSeconds })
  )
})
