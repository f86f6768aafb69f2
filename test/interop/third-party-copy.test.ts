/**
 * EXTENDED COPY and SANITIZE at a running server: what becomes of them when their command is aborted, their connection
 * is cut, their LUN or disk is removed, or the disk is a file.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { cdb } from "../support/initiator/commands.ts"
import { copyList, extendedCopyCdb } from "../support/initiator/copy-list.ts"
import { HostSession } from "../support/initiator/HostSession.ts"
import { designatorsOf } from "../support/initiator/host-commands.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { outcomeText, type ScsiRequest } from "../support/initiator/ScsiTask.ts"
import { TaskFunction } from "../support/initiator/Session.ts"

const targetName = `${nodeBase}:copies`
const initiatorName = "iqn.2016-06.io.lunlog:host"
const mebibyte = 2048
const testUnitReady: ScsiRequest = { lun: 0, cdb: cdb.testUnitReady() }
const blockErase = (lun: number): ScsiRequest => ({ lun, cdb: Buffer.from("48020000000000000000", "hex") })

let server: Lunlog

/** LUN 0: a RAM disk. LUN 1: one behind a delay of 20 ms. LUN 2: a file. */
beforeAll(async () => {
  server = await startLunlog()
  await server.createMalloc("ram", 64)
  await server.createMalloc("base", 64)
  const micros = 20_000
  await server.call("bdev_delay_create", {
    name: "slow",
    base_bdev_name: "base",
    avg_read_latency: micros,
    p99_read_latency: micros,
    avg_write_latency: micros,
    p99_write_latency: micros
  })
  const filename = join(server.process.directory, "disk.img")
  writeFileSync(filename, Buffer.alloc(16 * 2 ** 20, 0xaa))
  await server.call("bdev_aio_create", { name: "file", filename, block_size: 512 })
  await server.createTarget({ name: targetName, luns: { 0: "ram", 1: "slow", 2: "file" } })
}, 60_000)

afterAll(() => server[Symbol.asyncDispose]())

const open = (path = 1): Promise<HostSession> => HostSession.open(server, targetName, initiatorName, path, [0, 1, 2])

const nameOf = async (host: HostSession, lun: number) => ({
  designator: designatorsOf(await host.inquiry(lun, 0x83))[0]?.value ?? Buffer.alloc(0),
  blockLength: 512
})

/** So many segments of 1 MiB, from the start of one LUN to the start of another. */
const copy = async (host: HostSession, from: number, to: number, segments: number): Promise<ScsiRequest> => {
  const disks = [await nameOf(host, from), await nameOf(host, to)]
  const list = copyList(
    disks,
    Array.from({ length: segments }, (_, index) => ({
      source: 0,
      destination: 1,
      blocks: mebibyte,
      sourceLba: index * mebibyte,
      destinationLba: index * mebibyte
    }))
  )
  return { lun: from, cdb: extendedCopyCdb(list.length), writeData: list, waitMillis: 60_000 }
}

const lunsOf = async (): Promise<string> => JSON.stringify(await server.call("iscsi_get_target_nodes"))

describe("EXTENDED COPY", () => {
  it("copies between memory and a file, both ways", async () => {
    const host = await open()
    await host.good(await copy(host, 2, 0, 16))
    assert.isTrue((await host.read(0, 0, mebibyte)).every((byte) => byte === 0xaa))
    await host.write(0, 100, Buffer.alloc(512, 0x55))
    await host.good(await copy(host, 0, 2, 16))
    assert.deepStrictEqual(await host.read(2, 99, 3), await host.read(0, 99, 3))
    await host.close()
  })

  it("ends with ABORT TASK, which is answered when nothing of it can be written any more", async () => {
    const host = await open()
    await host.write(0, 60 * mebibyte, Buffer.alloc(mebibyte * 512, 0x77))
    const { result, task } = host.session.submit(await copy(host, 0, 1, 64))
    // An aborted command has no answer; the end of the session ends it here.
    result.catch(() => {})
    assert.strictEqual(await host.session.manageTask(TaskFunction.abortTask, 0, { tag: task.initiatorTaskTag }), 0)
    assert.isTrue((await host.read(1, 60 * mebibyte, mebibyte)).every((byte) => byte === 0))
    await host.close()
  })

  it("holds up the removal of its destination no longer than the piece that it is at", async () => {
    const host = await open()
    const copied = host.session.command(await copy(host, 0, 1, 64))
    // It is under way when a later command has been answered.
    await host.good({ ...testUnitReady, immediateDelivery: true })
    await server.call("iscsi_target_node_remove_lun", { name: targetName, lun_id: 1 })
    assert.strictEqual(outcomeText(await copied), "a/0d/02")
    await server.call("iscsi_target_node_add_lun", { name: targetName, bdev_name: "slow", lun_id: 1 })
    await host.session.logout()
  })

  it("ends with its connection, and what it held is free", async () => {
    const host = await open()
    const copied = host.session.command(await copy(host, 0, 1, 64)).catch(() => undefined)
    await host.good({ ...testUnitReady, immediateDelivery: true })
    host.drop()
    await copied
    await server.call("iscsi_target_node_remove_lun", { name: targetName, lun_id: 1 })
    assert.notInclude(await lunsOf(), '"slow"')
    await server.call("iscsi_target_node_add_lun", { name: targetName, bdev_name: "slow", lun_id: 1 })
  })
})

describe("SANITIZE BLOCK ERASE", () => {
  it("erases a file", async () => {
    const host = await open()
    await host.good(blockErase(2))
    assert.isTrue((await host.read(2, 15 * mebibyte, mebibyte)).every((byte) => byte === 0))
    await host.close()
  })

  it("goes on over resets and a lost session, and lets the unit be used when it is through", async () => {
    const host = await open()
    for (let at = 0; at < 64; at += 4) await host.write(1, at * mebibyte, Buffer.alloc(4 * mebibyte * 512, 0x99))
    const erase = { ...blockErase(1), cdb: Buffer.from("48820000000000000000", "hex") }
    await host.good(erase)
    await host.ends("2/04/1b", { lun: 1, cdb: cdb.testUnitReady() })
    assert.strictEqual(await host.resetUnit(1), 0)
    host.drop()
    const again = await HostSession.open(server, targetName, initiatorName, 1, [0])
    const ready: ScsiRequest = { lun: 1, cdb: cdb.testUnitReady() }
    const seen = new Set<string>()
    for (let outcome = await again.outcome(ready); outcome !== "GOOD"; outcome = await again.outcome(ready)) {
      seen.add(outcome)
    }
    assert.include([...seen], "2/04/1b")
    assert.isTrue((await again.read(1, 60 * mebibyte, 4 * mebibyte)).every((byte) => byte === 0))
    await again.close()
  })

  it("does not keep its disk from being deleted", async () => {
    const host = await open()
    await host.good({ ...blockErase(1), cdb: Buffer.from("48820000000000000000", "hex") })
    await server.call("bdev_delay_delete", { name: "slow" })
    await host.ends("5/25/00", { lun: 1, cdb: cdb.testUnitReady() })
    await host.session.logout()
  })
})
