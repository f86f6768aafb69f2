/**
 * Single moments of a LUN's removal that a random round seldom hits: writes that wait for data, data that comes too
 * late, reads that nobody takes, removals that meet each other.
 */
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { cdb, clearUnitAttentions, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { lunNotSupported } from "../support/initiator/load.ts"
import { defaultKeys } from "../support/initiator/login.ts"
import { assertAlive, type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { type Session, TaskFunction } from "../support/initiator/Session.ts"
import { callOnce, RpcFailure, type RpcParams } from "../support/rpc-client.ts"

const name = `${nodeBase}:removal`
const blocks = 2048
const deadlineMillis = 20_000
/** LUN 1 is memory; LUN 2 goes through a buffer, as every bdev without memory of its own; LUN 3 can be made to hang. */
const pulledLuns = [1, 2] as const
const hungLun = 3
const keys = {
  ...defaultKeys,
  InitialR2T: "Yes",
  ImmediateData: "No",
  MaxBurstLength: "65536",
  FirstBurstLength: "512"
}
let lunlog: Lunlog
let session: Session

beforeEach(async () => {
  lunlog = await startLunlog({ removalDeadline: `${deadlineMillis}ms` })
  for (const disk of ["Stable", "Memory", "Base", "HungBase"]) await lunlog.createMalloc(disk, 4)
  const latency = { avg_read_latency: 1, p99_read_latency: 1, avg_write_latency: 1, p99_write_latency: 1 }
  await lunlog.call("bdev_delay_create", { base_bdev_name: "Base", name: "Buffered", ...latency })
  await lunlog.call("bdev_error_create", { base_name: "HungBase" })
  await lunlog.createTarget({ name, luns: { 0: "Stable", 1: "Memory", 2: "Buffered", [hungLun]: "EE_HungBase" } })
  session = await lunlog.open(name, { keys }, 0)
  for (const lun of [...pulledLuns, hungLun]) await clearUnitAttentions(session, lun)
})
afterEach(async () => {
  session.drop()
  await lunlog[Symbol.asyncDispose]()
})

/** Over a connection of its own: the requests of one connection are carried out in turn. */
const alone = (method: string, params: RpcParams) => callOnce(lunlog.process.socketPath, method, params)

const removeLun = (lun: number) => alone("iscsi_target_node_remove_lun", { name, lun_id: lun })

/** Half the deadline: who needs longer has waited for something that can't come. */
const isPrompt = async (removal: Promise<unknown>): Promise<void> => {
  const startedAt = performance.now()
  assert.strictEqual(await removal, true)
  assert.isBelow(performance.now() - startedAt, deadlineMillis / 2)
}

const checkSession = async (): Promise<void> => {
  await clearUnitAttentions(session, 0)
  await writeBlocks(session, 0, 0, makePattern(0, 8, 5, 512))
  assert((await readBlocks(session, 0, 0, 8)).equals(makePattern(0, 8, 5, 512)))
  assert.deepStrictEqual(session.violations, [])
  assert.strictEqual(await session.logout(), 0)
  assertAlive(lunlog.process)
}

describe("a LUN that is removed", () => {
  for (const lun of pulledLuns) {
    it(`ends writes that wait for data at once, and drops data that come too late (LUN ${lun})`, async () => {
      const answers: Array<() => void> = []
      const asked = Promise.withResolvers<void>()
      const onR2t = (_: unknown, answer: () => void) => {
        if (answers.push(answer) === 4) asked.resolve()
      }
      const held = [0, 1, 2, 3].map((index) => {
        const writeData = makePattern(index * blocks, blocks, 2, 512)
        return session.command({ lun, cdb: cdb.write16(index * blocks, blocks), writeData, onR2t })
      })
      await asked.promise
      await isPrompt(removeLun(lun))
      for (const result of await Promise.all(held)) assert.strictEqual(outcomeText(result), lunNotSupported)
      for (const answer of answers) answer()
      await checkSession()
    })
  }

  for (const lun of pulledLuns) {
    it(`does not wait for a reader that takes nothing, nor sends it half a read (LUN ${lun})`, async () => {
      const data = makePattern(0, blocks, 3, 512)
      await writeBlocks(session, lun, 0, data)
      session.wire.pause()
      const reads = Array.from({ length: 32 }, () =>
        session.command({ lun, cdb: cdb.read16(0, blocks), readBytes: blocks * 512, waitMillis: 60_000 })
      )
      const other = await lunlog.open(name, {}, 0)
      await isPrompt(removeLun(lun))
      assert.strictEqual(outcomeText(await other.command({ lun, cdb: cdb.testUnitReady() })), lunNotSupported)
      other.drop()
      session.wire.resume()
      for (const result of await Promise.all(reads)) {
        const outcome = outcomeText(result)
        assert.include(["GOOD", lunNotSupported, "status 28h"], outcome)
        if (outcome === "GOOD") assert(result.data.equals(data))
      }
      await checkSession()
    })
  }

  it("answers to nothing while commands hang, but for INQUIRY, REPORT LUNS and REQUEST SENSE", async () => {
    const injection = { name: "EE_HungBase", io_type: "all", error_type: "pending", num: 8 }
    await lunlog.call("bdev_error_inject_error", injection)
    const hung = session.command({ lun: hungLun, cdb: cdb.read16(0, 8), readBytes: 4096, waitMillis: 60_000 })
    await session.nop()
    const removal = removeLun(hungLun)
    const until = performance.now() + deadlineMillis / 2
    const ready = async () =>
      outcomeText(await session.command({ lun: hungLun, cdb: cdb.testUnitReady(), waitMillis: deadlineMillis / 2 }))
    while ((await ready()) === "GOOD") assert.isBelow(performance.now(), until, "the LUN begins to drain")
    assert.strictEqual(await ready(), lunNotSupported)
    const inquired = await session.command({ lun: hungLun, cdb: cdb.inquiry(36), readBytes: 36 })
    assert.strictEqual((inquired.data[0] ?? 0) >> 5, 3)
    const sensed = await session.command({ lun: hungLun, cdb: cdb.requestSense(18), readBytes: 18 })
    assert.strictEqual(outcomeText(sensed), "GOOD")
    assert.deepStrictEqual([sensed.data[2], sensed.data[12]], [5, 0x25])
    assert.strictEqual(await session.manageTask(TaskFunction.logicalUnitReset, hungLun), 2)
    const params = { name, bdev_name: "Memory", lun_id: hungLun }
    const refused = await lunlog.call("iscsi_target_node_add_lun", params).catch((error: unknown) => error)
    assert(refused instanceof RpcFailure)
    assert.strictEqual(refused.code, -16, "an id that drains is busy")
    await lunlog.call("bdev_error_resume_pending", { name: "EE_HungBase" })
    await isPrompt(removal)
    assert.strictEqual(outcomeText(await hung), "GOOD", "what is at the bdev runs to its end")
    await checkSession()
  })

  it("may go together with its bdev and its target, asked for side by side", async () => {
    const asked = [
      alone("bdev_malloc_delete", { name: "Base" }),
      removeLun(1),
      alone("bdev_malloc_delete", { name: "Memory" })
    ].map((removal) => removal.catch((error: unknown) => error))
    for (const answer of await Promise.all(asked)) assert(answer === true || answer instanceof RpcFailure)
    assert.deepStrictEqual(await lunlog.call("bdev_get_bdevs").then(namesOf), ["EE_HungBase", "HungBase", "Stable"])
    await checkSession()
  })

  it("comes back as another disk under the same names, and is told apart", async () => {
    await writeBlocks(session, 1, 0, makePattern(0, 8, 7, 512))
    assert.strictEqual(await lunlog.call("bdev_malloc_delete", { name: "Memory" }), true)
    await lunlog.createMalloc("Memory", 4)
    await lunlog.call("iscsi_target_node_add_lun", { name, bdev_name: "Memory", lun_id: 1 })
    const attentions = await clearUnitAttentions(session, 1)
    assert.isNotEmpty(attentions, "the initiator is told before it reads another disk")
    assert((await readBlocks(session, 1, 0, 8)).equals(Buffer.alloc(4096)))
    await checkSession()
  })
})

const namesOf = (bdevs: unknown): ReadonlyArray<string> =>
  Array.isArray(bdevs) ? bdevs.map(({ name: bdev }) => String(bdev)).toSorted() : []
