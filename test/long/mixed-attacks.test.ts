/** Attackers with everything at once over the network, while LUNs come and go: what they held is free afterwards. */
import { truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it, vi } from "vitest"
import { initiatorName, targetName } from "../dataplane/iscsi/fixture.ts"
import { attackOverWire, type Quarry } from "../dataplane/iscsi/fuzz/wire-attack.ts"
import { cdb, clearUnitAttentions, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import {
  assertAlive,
  holdingsOf,
  type Lunlog,
  nodeBase,
  startLunlog,
  untilDescriptors
} from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { makeRandom, runSeed } from "../support/initiator/random.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"

const rounds = 20_000
const attackers = 6
const growthBytesMax = 256 * 1024 * 1024
const guarded = `${nodeBase}:guarded`
const witnessed = `${nodeBase}:witnessed`
const credentials = {
  user: "anna",
  secret: "anna-has-a-secret",
  mutual: { user: "disk", secret: "the-target-has-too" }
}

let lunlog: Lunlog
beforeAll(async () => {
  lunlog = await startLunlog()
  const filename = join(lunlog.process.directory, "disk.img")
  writeFileSync(filename, "")
  truncateSync(filename, 4 * 1024 * 1024)
  for (const name of ["Ram", "Slow0", "Guarded", "Witness"]) await lunlog.createMalloc(name, 1)
  await lunlog.call("bdev_aio_create", { name: "File", filename, block_size: 512 })
  const latencies = {
    avg_read_latency: 5000,
    p99_read_latency: 20_000,
    avg_write_latency: 5000,
    p99_write_latency: 20_000
  }
  await lunlog.call("bdev_delay_create", { base_bdev_name: "Slow0", name: "Slow", ...latencies })
  const { mutual, secret, user } = credentials
  const secrets = [{ user, secret, muser: mutual.user, msecret: mutual.secret }]
  await lunlog.call("iscsi_create_auth_group", { tag: 1, secrets })
  await lunlog.createTarget({ name: targetName, luns: { 0: "Ram", 1: "File", 2: "Slow" }, queueDepth: 32 })
  const chap = { disable_chap: false, require_chap: true, mutual_chap: true, chap_group: 1 }
  await lunlog.createTarget({ name: guarded, luns: { 0: "Guarded" }, extra: chap })
  await lunlog.createTarget({ name: witnessed, luns: { 0: "Witness" } })
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())

/** Takes a LUN away under load and puts it back. */
const shuffle = async (bdev: string, lun: number): Promise<void> => {
  await lunlog.call("iscsi_target_node_remove_lun", { name: targetName, lun_id: lun })
  await lunlog.call("iscsi_target_node_add_lun", { name: targetName, bdev_name: bdev, lun_id: lun })
}

describe("attackers with everything at once", () => {
  it("leave nothing behind, and a witness does not notice them", async () => {
    const seed = runSeed(31)
    const witness = await lunlog.open(witnessed, {}, 0)
    const data = makePattern(0, 2048, 1, 512)
    await writeBlocks(witness, 0, 0, data)
    const { descriptors, residentBytes } = holdingsOf(lunlog.process)
    const quarry: Quarry = { endpoint: lunlog.endpoint, open: targetName, guarded, credentials, sessions: new Set() }
    const statuses = new Set<number | undefined>()
    let next = 0
    const attack = async (): Promise<void> => {
      for (let round = next++; round < rounds; round = next++) {
        // What an attacker trips over itself is its own business.
        statuses.add(await attackOverWire(quarry, makeRandom(seed * 1_000_003 + round)).catch(() => undefined))
        assertAlive(lunlog.process)
      }
    }
    const disturb = async (): Promise<void> => {
      for (let turn = 0; next < rounds; turn++) {
        await (turn % 2 === 0 ? shuffle("File", 1) : shuffle("Slow", 2))
        assert((await readBlocks(witness, 0, 0, 2048)).equals(data), `the witness's data, seed ${seed}`)
      }
    }
    await Promise.all([disturb(), ...Array.from({ length: attackers }, attack)])
    // Let in, not proven, no such session, and more connections than the session may have.
    for (const status of [0, 0x0201, 0x020a, 0x0206]) assert(statuses.has(status), status.toString(16))
    const connections = async () => assert.lengthOf((await lunlog.call("iscsi_get_connections")) as [], 1)
    await vi.waitFor(connections, { timeout: 20_000, interval: 100 })
    await untilDescriptors(lunlog.process, descriptors)
    assert.isBelow(holdingsOf(lunlog.process).residentBytes - residentBytes, growthBytesMax)
    const told = JSON.stringify(await lunlog.call("eventlog_tail", { count: 5000 })) + lunlog.process.stderr()
    for (const text of ["InternalError", credentials.secret, credentials.mutual.secret]) assert.notInclude(told, text)
    const after = await lunlog.open(targetName, { initiatorName })
    for (const lun of [0, 1, 2]) {
      await clearUnitAttentions(after, lun)
      const write = { lun, cdb: cdb.write10(0, 8), writeData: Buffer.alloc(4096) }
      assert.strictEqual(outcomeText(await after.command(write)), "GOOD")
    }
    assert.deepStrictEqual(witness.violations, [])
    for (const session of [after, witness]) session.drop()
  })
})
