/** A LUN is pulled out under load, at a random moment, on every kind of bdev: the case that other targets crash on. */
import { assert, describe, it } from "vitest"
import { cdb, writeBlocks } from "../support/initiator/commands.ts"
import { assertAlive, holdingsOf, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { runSeed } from "../support/initiator/random.ts"
import { removalDeadlineMillis } from "../support/initiator/removal-round.ts"
import { playRounds } from "../support/initiator/removal-rounds.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"

const mebibyte = 1024 * 1024
const removalDeadline = `${removalDeadlineMillis}ms`

describe("hot removal of a LUN under load", () => {
  it("200 rounds: commands end well, the rest goes on, the log tells the story", { timeout: 600_000 }, async () => {
    await using lunlog = await startLunlog({ removalDeadline })
    await playRounds(lunlog, runSeed(41), 200)
  })

  it("gives the memory of 200 disks of 64 MiB back, one after the other", { timeout: 120_000 }, async () => {
    await using lunlog = await startLunlog({ removalDeadline })
    const name = `${nodeBase}:cycle`
    await lunlog.createMalloc("Anchor", 1)
    await lunlog.createTarget({ name, luns: { 0: "Anchor" } })
    const session = await lunlog.open(name, {}, 0)
    const touched = makePattern(0, 2048, 1, 512)
    let settled = 0
    for (let cycle = 0; cycle < 200; cycle++) {
      await lunlog.createMalloc("Cycle", 64)
      await lunlog.call("iscsi_target_node_add_lun", { name, bdev_name: "Cycle", lun_id: 1 })
      // Only memory that is written is resident: 8 MiB, far apart.
      for (let part = 0; part < 8; part++) {
        const write = () => writeBlocks(session, 1, part * 16384, touched)
        await write().catch(write)
      }
      assert.strictEqual(await lunlog.call("bdev_malloc_delete", { name: "Cycle" }), true)
      if (cycle === 20) settled = holdingsOf(lunlog.process).residentBytes
    }
    assert.isBelow(holdingsOf(lunlog.process).residentBytes, settled + 256 * mebibyte)
    assert.strictEqual(outcomeText(await session.command({ lun: 1, cdb: cdb.testUnitReady() })), "5/25/00")
    assert.strictEqual(await session.logout(), 0)
    assertAlive(lunlog.process)
  })

  it("ends the process in order, and soon, although commands hang", { timeout: 120_000 }, async () => {
    await using lunlog = await startLunlog({ removalDeadline })
    const name = `${nodeBase}:hung-exit`
    await lunlog.createMalloc("Base", 1)
    await lunlog.call("bdev_error_create", { base_name: "Base" })
    await lunlog.createTarget({ name, luns: { 0: "EE_Base" } })
    const session = await lunlog.open(name, {}, 0)
    const injection = { name: "EE_Base", io_type: "all", error_type: "pending", num: 100 }
    await lunlog.call("bdev_error_inject_error", injection)
    const hung = session.command({ lun: 0, cdb: cdb.read10(0, 8), readBytes: 4096, waitMillis: 60_000 })
    const ended = hung.then(outcomeText, (error: Error) => error.name)
    await session.nop()
    assert.deepStrictEqual(await lunlog.process.stop(), { code: 0, signal: null })
    assert.notStrictEqual(await ended, "GOOD")
  })
})
