/**
 * An initiator that asks for much and reads nothing costs the target a bounded amount of memory, and others nothing.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { cdb, writeBlocks } from "../support/initiator/commands.ts"
import { runLoads } from "../support/initiator/load.ts"
import {
  assertAlive,
  holdingsOf,
  type Lunlog,
  nodeBase,
  startLunlog,
  untilDescriptors
} from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { makeRandom } from "../support/initiator/random.ts"
import { outcomeText, type ScsiResult } from "../support/initiator/ScsiTask.ts"
import type { Session } from "../support/initiator/Session.ts"

const slowTarget = `${nodeBase}:slow`
const busyTarget = `${nodeBase}:busy`
const mebibyte = 1024 * 1024
const blocks = 2048
const commandsEach = 128
let lunlog: Lunlog

beforeAll(async () => {
  lunlog = await startLunlog()
  await lunlog.createMalloc("Malloc0", 16)
  await lunlog.createMalloc("Malloc1", 32)
  await lunlog.createTarget({ name: slowTarget, luns: { 0: "Malloc0" }, queueDepth: commandsEach })
  await lunlog.createTarget({ name: busyTarget, luns: { 0: "Malloc1" } })
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())

const readWithoutReading = (session: Session): ReadonlyArray<Promise<ScsiResult>> => {
  session.wire.pause()
  return Array.from({ length: commandsEach }, () =>
    session.command({ lun: 0, cdb: cdb.read16(0, blocks), readBytes: mebibyte, waitMillis: 60_000 })
  )
}

describe("a slow reader", () => {
  it("does not make the target buffer what it does not take, nor hold others up", async () => {
    const slow = await Promise.all([1, 2, 3].map(() => lunlog.open(slowTarget, {}, 0)))
    const busy = await lunlog.open(busyTarget, {}, 0)
    const data = makePattern(0, blocks, 1, 512)
    for (const session of slow.slice(0, 1)) await writeBlocks(session, 0, 0, data)
    const before = holdingsOf(lunlog.process).residentBytes
    const reads = slow.flatMap(readWithoutReading)
    const random = makeRandom(3)
    const load = { session: busy, lun: 0, random, ioBytes: 65536, queueDepth: 8, reads: 0.5, slots: 64 }
    const [report] = await runLoads([load], 500)
    assert.deepStrictEqual([...(report?.outcomes.keys() ?? [])], ["GOOD"])
    assert.deepStrictEqual(report?.mismatches, [])
    const grown = holdingsOf(lunlog.process).residentBytes - before
    // Unbounded, it would be three times 128 MiB less what the kernel's socket buffers take.
    assert.isBelow(grown, 128 * mebibyte)
    for (const session of slow) session.wire.resume()
    for (const result of await Promise.all(reads)) {
      assert.strictEqual(outcomeText(result), "GOOD")
      assert(result.data.equals(data))
    }
    for (const session of slow) assert.deepStrictEqual(session.violations, [])
    for (const session of [...slow, busy]) session.drop()
    assertAlive(lunlog.process)
  })

  it("that goes away takes its buffers with it", async () => {
    const before = holdingsOf(lunlog.process).descriptors
    for (let round = 0; round < 10; round++) {
      const session = await lunlog.open(slowTarget, {}, 0)
      const reads = readWithoutReading(session).map((read) => read.catch(() => undefined))
      const probe = await lunlog.open(busyTarget, {}, 0)
      session.drop()
      await Promise.all(reads)
      probe.drop()
    }
    assertAlive(lunlog.process)
    await untilDescriptors(lunlog.process, before + 2)
  })
})
