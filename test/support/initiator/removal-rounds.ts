/** Many rounds of hot removal against one server, and what they must add up to. */
import { assert } from "vitest"
import { assertAlive, holdingsOf, type Lunlog, untilDescriptors } from "./lunlog.ts"
import { makePlan } from "./removal-plan.ts"
import { makeScene, playRound } from "./removal-round.ts"

/** Rounds before memory and descriptors are first looked at: buffers and pools have found their size then. */
const settledRounds = 30
/** Growth of resident memory that is not taken for a leak, in bytes. */
const residentSlack = 384 * 1024 * 1024

/** Plays `rounds` rounds. Rejects at the first that breaks a rule; its seed and number are in the message. */
export const playRounds = async (lunlog: Lunlog, seed: number, rounds: number): Promise<void> => {
  const scene = await makeScene(lunlog)
  let settled = holdingsOf(lunlog.process)
  let delayed = 0
  let delayedAndDrained = 0
  for (let round = 0; round < rounds; round++) {
    const plan = makePlan(seed, round)
    const report = await playRound(scene, plan, `round ${round} of seed ${seed}`)
    if (plan.kind === "delay") {
      delayed++
      if (report.drained > 0) delayedAndDrained++
    }
    if (round === settledRounds) settled = holdingsOf(lunlog.process)
  }
  assert.isAtLeast(delayedAndDrained, delayed / 2, `rounds on a slow bdev: ${delayed}, of them with drained commands`)
  assertAlive(lunlog.process)
  await untilDescriptors(lunlog.process, settled.descriptors + 2)
  assert.isBelow(holdingsOf(lunlog.process).residentBytes, settled.residentBytes + residentSlack)
  for (const session of scene.sessions) assert.strictEqual(await session.logout(), 0)
}
