/** A connection that ends at any byte of a write leaves every block entirely old or entirely new. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { cutAt, cutScenarios, scenarioBytes } from "../support/initiator/cut-rounds.ts"
import {
  assertAlive,
  holdingsOf,
  type Lunlog,
  nodeBase,
  startLunlog,
  untilDescriptors
} from "../support/initiator/lunlog.ts"
import { makeRandom, runSeed } from "../support/initiator/random.ts"

const targetName = `${nodeBase}:cut`
let lunlog: Lunlog

beforeAll(async () => {
  lunlog = await startLunlog()
  await lunlog.createMalloc("Malloc0", 16)
  await lunlog.createTarget({ name: targetName, luns: { 0: "Malloc0" } })
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())

const everyByte = (bytes: number): ReadonlyArray<number> => Array.from({ length: bytes + 1 }, (_, index) => index)

describe("a connection that is cut during a write", () => {
  for (const scenario of cutScenarios) {
    it(`leaves whole blocks at every byte of ${scenario.name}`, async () => {
      const random = makeRandom(runSeed(5))
      const cuts = everyByte(await scenarioBytes(lunlog, targetName, scenario))
      const before = holdingsOf(lunlog.process).descriptors
      const report = await cutAt(lunlog, targetName, scenario, cuts, () => random.pick(["end", "reset"]))
      assert.deepStrictEqual(report.torn, [])
      assert.isAbove(report.old, 0, "some cut comes before the data")
      assert.isAbove(report.renewed, 0, "some cut comes after it")
      assertAlive(lunlog.process)
      await untilDescriptors(lunlog.process, before + 2)
    })
  }
})
