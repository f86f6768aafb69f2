/**
 * Hostile bytes hurt nobody but their own connection: the process lives, and the other sessions' data and commands
 * stay well.
 */
import { afterAll, beforeAll, describe, it } from "vitest"
import { attackRounds, createHostileTargets } from "../support/initiator/hostile-rounds.ts"
import { assertAlive, type Lunlog, startLunlog } from "../support/initiator/lunlog.ts"
import { runSeed } from "../support/initiator/random.ts"
import { Wire } from "../support/initiator/Wire.ts"

let lunlog: Lunlog
beforeAll(async () => {
  lunlog = await startLunlog()
  await createHostileTargets(lunlog)
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())

describe("hostile initiators", () => {
  it("cannot harm others in 3,000 rounds", () => attackRounds(lunlog, runSeed(11), 3000))

  it("that say nothing, or half a header, keep nobody from logging in", async () => {
    const idle = await Promise.all(Array.from({ length: 100 }, () => Wire.connect(lunlog.endpoint)))
    for (const [index, wire] of idle.entries()) wire.sendBytes(Buffer.alloc(index % 48, 0x43))
    await attackRounds(lunlog, runSeed(12), 25)
    for (const wire of idle) wire.destroy()
    assertAlive(lunlog.process)
  })
})
