/** The hostile rounds of CI, many more of them. */
import { afterAll, beforeAll, describe, it } from "vitest"
import { attackRounds, createHostileTargets } from "../support/initiator/hostile-rounds.ts"
import { type Lunlog, startLunlog } from "../support/initiator/lunlog.ts"
import { runSeed } from "../support/initiator/random.ts"

let lunlog: Lunlog
beforeAll(async () => {
  lunlog = await startLunlog()
  await createHostileTargets(lunlog)
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())

describe("hostile initiators", () => {
  it("cannot harm others in 500,000 rounds", () => attackRounds(lunlog, runSeed(11), 500_000))
})
