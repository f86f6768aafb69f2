/**
 * Stacked bdevs of a real server, as its initiators see them: parts, copies, and overlays that are reset under them,
 * killed, and removed with their base.
 */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { cdb, clearUnitAttentions, readBlocks, readCapacity, writeBlocks } from "../support/initiator/commands.ts"
import { asLunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import type { Session } from "../support/initiator/Session.ts"
import { RpcFailure } from "../support/rpc-client.ts"
import { freePort, makeDirectory, removeDirectory, startTarget } from "../support/target-process.ts"

const name = `${nodeBase}:stacks`
let directory: string

beforeEach(() => {
  directory = makeDirectory("stacks")
})
afterEach(() => removeDirectory(directory))

const testUnitReady = async (session: Session, lun: number): Promise<string> =>
  outcomeText(await session.command({ lun, cdb: cdb.testUnitReady() }))

const failureOf = async (call: Promise<unknown>): Promise<RpcFailure> => {
  try {
    await call
  } catch (error) {
    if (error instanceof RpcFailure) return error
    throw error
  }
  return assert.fail("it was not refused")
}

const golden = makePattern(0, 2048, 1, 512)
const other = makePattern(0, 256, 2, 512)

describe("stacked bdevs", () => {
  it("parts and copies are disks of their own, on one base that is none", async () => {
    await using server = await startLunlog({ directory })
    await server.createMalloc("Malloc0", 4)
    assert.deepStrictEqual(await server.call("bdev_split_create", { base_bdev: "Malloc0", split_count: 2 }), [
      "Malloc0p0",
      "Malloc0p1"
    ])
    await server.call("bdev_passthru_create", { base_bdev_name: "Malloc0p1", name: "Same" })
    const refused = await failureOf(server.createTarget({ name, luns: { 0: "Malloc0" } }))
    assert.match(JSON.stringify(refused.data), /Malloc0p0 is a part of bdev Malloc0/u)
    await server.createTarget({ name, luns: { 0: "Malloc0p0", 1: "Same", 2: "Malloc0p1" } })
    const session = await server.open(name, {}, 0)
    for (const lun of [1, 2]) await clearUnitAttentions(session, lun)
    assert.deepStrictEqual(await readCapacity(session, 0), { blocks: 4096, blockBytes: 512 })
    await writeBlocks(session, 0, 3000, other)
    await writeBlocks(session, 1, 3000, golden.subarray(0, other.length))
    assert.isTrue((await readBlocks(session, 0, 3000, 256)).equals(other))
    assert.isTrue((await readBlocks(session, 2, 3000, 256)).equals(golden.subarray(0, other.length)))
    const beyond = await session.command({ lun: 0, cdb: cdb.read16(4096, 1), readBytes: 512 })
    assert.strictEqual(outcomeText(beyond), "5/21/00")
    const [base] = (await server.call("bdev_get_bdevs", { name: "Malloc0" })) as ReadonlyArray<Record<string, unknown>>
    assert.deepInclude(base, { claimed: true, claim_type: "exclusive_write" })
    const [part] = (await server.call("bdev_get_bdevs", { name: "Malloc0p1" })) as ReadonlyArray<
      Record<string, unknown>
    >
    assert.deepInclude(part, {
      num_blocks: 4096,
      product_name: "Split Disk",
      driver_specific: { split: { base_bdev: "Malloc0", offset_blocks: 4096 } }
    })
    assert.strictEqual(await server.call("bdev_split_delete", { base_bdev: "Malloc0" }), true)
    assert.strictEqual(await testUnitReady(session, 1), "5/25/00")
    await session.logout()
  })

  it("an overlay is reset at once, refused while somebody is logged in, and who is forced is told", async () => {
    await using server = await startLunlog({ directory })
    const image = join(directory, "golden.img")
    writeFileSync(image, golden)
    await server.call("bdev_aio_create", { name: "Golden", filename: image, block_size: 512, readonly: true })
    for (const lab of ["Lab0", "Lab1"])
      await server.call("lunlog_overlay_create", { name: lab, base_bdev_name: "Golden" })
    await server.call("bdev_passthru_create", { base_bdev_name: "Lab1", name: "Above" })
    await server.createTarget({ name, luns: { 0: "Lab0", 1: "Above" } })
    const session = await server.open(name, {}, 0)
    await clearUnitAttentions(session, 1)
    await writeBlocks(session, 0, 100, other)
    await writeBlocks(session, 1, 300, other)
    assert.isTrue((await readBlocks(session, 0, 100, 256)).equals(other))
    const refused = await failureOf(server.call("lunlog_overlay_reset", { name: "Lab1" }))
    assert.deepStrictEqual([refused.code, /logged in/u.test(JSON.stringify(refused.data))], [-16, true])
    assert.isTrue((await readBlocks(session, 1, 300, 256)).equals(other))
    assert.strictEqual(await server.call("lunlog_overlay_reset", { name: "Lab1", force: true }), true)
    // The first command that uses the medium is told, once; the other overlay's initiators are not.
    const read = { cdb: cdb.read16(0, 1), readBytes: 512 }
    const told = [await session.command({ lun: 0, ...read }), await session.command({ lun: 1, ...read })]
    assert.deepStrictEqual(told.map(outcomeText), ["GOOD", "6/28/00"])
    assert.isTrue((await readBlocks(session, 1, 0, 2048)).equals(golden))
    assert.isTrue((await readBlocks(session, 0, 100, 256)).equals(other))
    await session.logout()
    assert.strictEqual(await server.call("lunlog_overlay_reset", { name: "Lab0" }), true)
    const again = await server.open(name, {}, 0)
    assert.isTrue((await readBlocks(again, 0, 0, 2048)).equals(golden))
    await again.logout()
    assert.isTrue(readFileSync(image).equals(golden))
  })

  it("an overlay in a file has what was answered when its server was killed, and loses it by a reset", async () => {
    const port = await freePort()
    const config = join(directory, "lunlog.yaml")
    writeFileSync(join(directory, "golden.img"), golden)
    writeFileSync(
      config,
      [
        "bdevs:",
        "  - { type: aio, name: Golden, file: golden.img, readOnly: true }",
        "  - { type: overlay, name: Lab0, base: Golden, file: lab0.overlay }",
        `portalGroups: [{ tag: 1, portals: ["127.0.0.1:${port}"] }]`,
        "initiatorGroups: [{ tag: 1, initiators: [ANY], netmasks: [ANY] }]",
        "targets:",
        `  - { name: "${name}", maps: [{ portalGroup: 1, initiatorGroup: 1 }], luns: [{ lun: 0, bdev: Lab0 }] }`
      ].join("\n")
    )
    const file = join(directory, "lab0.overlay")
    const endpoint = { host: "127.0.0.1", port }
    const first = asLunlog(await startTarget({ directory, configFile: config }), endpoint)
    const session = await first.open(name, {}, 0)
    assert.strictEqual(statSync(file).mode & 0o777, 0o600)
    for (let at = 0; at < 8; at++) await writeBlocks(session, 0, at * 200, other.subarray(0, (1 + at) * 512))
    await first.process.kill()
    session.drop()
    await using second = asLunlog(await startTarget({ directory, configFile: config }), endpoint)
    const later = await second.open(name, {}, 0)
    const expected = Buffer.from(golden)
    for (let at = 0; at < 8; at++) other.copy(expected, at * 200 * 512, 0, (1 + at) * 512)
    assert.isTrue((await readBlocks(later, 0, 0, 2048)).equals(expected))
    await later.logout()
    assert.strictEqual(await second.call("lunlog_overlay_reset", { name: "Lab0" }), true)
    assert.isFalse(existsSync(`${file}.reset`))
    const reset = await second.open(name, {}, 0)
    assert.isTrue((await readBlocks(reset, 0, 0, 2048)).equals(golden))
    await writeBlocks(reset, 0, 7, other.subarray(0, 512))
    assert.isTrue((await readBlocks(reset, 0, 7, 1)).equals(other.subarray(0, 512)))
    // The whole stack goes with its base.
    assert.strictEqual(await second.call("bdev_aio_delete", { name: "Golden" }), true)
    assert.strictEqual(await testUnitReady(reset, 0), "5/25/00")
    assert.deepStrictEqual(await second.call("bdev_get_bdevs"), [])
    reset.drop()
    // A file that is no overlay is not touched.
    await second.call("bdev_malloc_create", { name: "M", num_blocks: 2048, block_size: 512 })
    const params = { name: "Wrong", base_bdev_name: "M", filename: join(directory, "golden.img") }
    const refused = await failureOf(second.call("lunlog_overlay_create", params))
    assert.match(JSON.stringify(refused.data), /is no overlay/u)
    assert.isTrue(readFileSync(join(directory, "golden.img")).equals(golden))
  })
})
