/**
 * What Windows Server sends to a disk, as Microsoft describes its storage stack publicly: enumeration, MPIO over two
 * sessions with ALUA, the persistent reservations of failover clustering and its validation, thin provisioning and
 * trim. Windows itself does not run here: each step asserts the answer that it needs.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { cdb, reportLuns } from "../support/initiator/commands.ts"
import { HostSession } from "../support/initiator/HostSession.ts"
import {
  designatorsOf,
  getLbaStatus,
  keysOf,
  lbaStatusOf,
  logSense,
  modeSense6,
  ReserveOut,
  reportTargetPortGroups,
  reserveIn,
  reserveOut,
  unmap
} from "../support/initiator/host-commands.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import type { ScsiRequest } from "../support/initiator/ScsiTask.ts"

const targetName = `${nodeBase}:cluster`
const nodeName = (node: number): string => `iqn.1991-05.com.microsoft:node${node}.example.com`
const mebibyte = 2048

let server: Lunlog

beforeAll(async () => {
  server = await startLunlog()
  await server.createMalloc("quorum", 16)
  await server.createMalloc("data", 64)
  await server.createTarget({ name: targetName, luns: { 0: "quorum", 1: "data" } })
}, 60_000)

afterAll(() => server[Symbol.asyncDispose]())

const node = (number: number, path = 1): Promise<HostSession> =>
  HostSession.open(server, targetName, nodeName(number), path, [0, 1])

const read = (lun: number, lba: number): ScsiRequest => ({ lun, cdb: cdb.read10(lba, 1), readBytes: 512 })
const write = (lun: number, lba: number, text: string): ScsiRequest => ({
  lun,
  cdb: cdb.write10(lba, 1),
  writeData: Buffer.concat([Buffer.from(text), Buffer.alloc(512 - text.length)])
})

describe("Windows enumerates a disk", () => {
  it("by INQUIRY, its VPD pages, capacity and mode pages", async () => {
    const host = await node(1)
    assert.deepStrictEqual(await reportLuns(host.session), [0, 1])
    const standard = await host.inquiry(1)
    assert.deepStrictEqual([standard[0], (standard[1] ?? 0) & 0x80], [0x00, 0x00], "a disk that is not removable")
    for (const page of [0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2]) {
      assert.strictEqual((await host.inquiry(1, page))[1], page)
    }
    const serial = (await host.inquiry(1, 0x80)).subarray(4).toString("latin1")
    assert.match(serial, /^[0-9a-f]{32}$/, "a serial number")
    const size = await host.data({ lun: 1, cdb: cdb.readCapacity10(), readBytes: 8 })
    assert.deepStrictEqual([size.readUInt32BE(0) + 1, size.readUInt32BE(4)], [64 * mebibyte, 512])
    const mode = await host.data(modeSense6(1, 0x3f))
    assert.strictEqual((mode[2] ?? 0) & 0x80, 0, "not write-protected")
    await host.good(modeSense6(1, 0x08))
    await host.good(modeSense6(1, 0x1c))
    await host.close()
  })

  it("and takes it for no ATA disk, and for one without offloaded copies (ODX)", async () => {
    const host = await node(1)
    await host.ends("5/20/00", { lun: 1, cdb: Buffer.from("a1080e00000000000000ec000000".slice(0, 24), "hex") })
    await host.ends("5/20/00", { lun: 1, cdb: Buffer.from("85080e0000000000000000000000ec00", "hex") })
    assert.notInclude([...(await host.inquiry(1, 0x00)).subarray(4)], 0x8f)
    const token = Buffer.alloc(16)
    token.writeUInt16BE(0x8310, 0)
    await host.ends("5/20/00", { lun: 1, cdb: token })
    await host.close()
  })

  it("writes through and flushes", async () => {
    const host = await node(1)
    const through = write(1, 8, "through")
    through.cdb[1] = 0x08
    await host.good(through)
    const flush = Buffer.alloc(10)
    flush[0] = 0x35
    await host.good({ lun: 1, cdb: flush })
    const verify = Buffer.alloc(10)
    verify[0] = 0x2f
    verify.writeUInt16BE(128, 7)
    await host.good({ lun: 1, cdb: verify })
    assert.strictEqual((await host.data(read(1, 8))).toString("latin1", 0, 7), "through")
    await host.close()
  })
})

describe("MPIO: one node, two sessions", () => {
  it("sees that both are paths to one disk, in a port group that is active", async () => {
    const [first, second] = [await node(1, 1), await node(1, 2)]
    const [names, others] = [designatorsOf(await first.inquiry(1, 0x83)), designatorsOf(await second.inquiry(1, 0x83))]
    assert.deepStrictEqual(
      names.filter(({ association }) => association === 0),
      others.filter(({ association }) => association === 0)
    )
    assert.strictEqual(((await first.inquiry(1))[5] ?? 0) & 0x30, 0x10, "TPGS: implicit ALUA")
    const group = names.find(({ association, type }) => association === 1 && type === 5)?.value.readUInt16BE(2)
    const port = names.find(({ association, type }) => association === 1 && type === 4)?.value.readUInt16BE(2)
    const report = await first.data(reportTargetPortGroups(1))
    assert.strictEqual(report.readUInt32BE(0), report.length - 4)
    assert.strictEqual((report[4] ?? 0) & 0x0f, 0x00, "active/optimized")
    assert.deepStrictEqual([report.readUInt16BE(6), report[11]], [group ?? -1, 1])
    assert.strictEqual(report.readUInt16BE(14), port)
    await second.close()
    await first.close()
  })

  it("goes on by the second when the first is gone", async () => {
    const [first, second] = [await node(1, 1), await node(1, 2)]
    await first.good(write(1, 16, "before"))
    first.drop()
    assert.strictEqual((await second.data(read(1, 16))).toString("latin1", 0, 6), "before")
    await second.good(write(1, 16, "after"))
    const back = await node(1, 1)
    assert.strictEqual((await back.data(read(1, 16))).toString("latin1", 0, 5), "after")
    await back.close()
    await second.close()
  })
})

describe("Failover clustering: persistent reservations", () => {
  const writeExclusiveRegistrantsOnly = 5
  const [key1, key2] = [0x11111111_00000001n, 0x22222222_00000002n]

  const register = (serviceKey: bigint): ScsiRequest =>
    reserveOut(0, ReserveOut.registerAndIgnore, { serviceKey, aptpl: true })

  const reservation = async (host: HostSession) => {
    const data = await host.data(reserveIn(0, 1))
    return data.readUInt32BE(4) === 0 ? undefined : { key: data.readBigUInt64BE(8), type: (data[21] ?? 0) & 0x0f }
  }

  const keys = async (host: HostSession): Promise<ReadonlyArray<bigint>> => keysOf(await host.data(reserveIn(0, 0)))

  it("supports what validation asks for", async () => {
    const host = await node(1)
    const capabilities = await host.data(reserveIn(0, 2))
    assert.strictEqual((capabilities[2] ?? 0) & 0x01, 0x01, "PTPL_C")
    assert.strictEqual((capabilities[3] ?? 0) & 0x80, 0x80, "TMV")
    assert.strictEqual((capabilities[4] ?? 0) & 0x20, 0x20, "WRITE EXCLUSIVE, REGISTRANTS ONLY")
    await host.close()
  })

  it("passes validation: register, reserve, defend against a node that is no registrant, preempt, clear", async () => {
    const [owner, challenger] = [await node(1), await node(2)]
    await owner.good(register(key1))
    await owner.good(reserveOut(0, ReserveOut.reserve, { key: key1, type: writeExclusiveRegistrantsOnly }))
    assert.deepStrictEqual(await reservation(owner), { key: key1, type: writeExclusiveRegistrantsOnly })
    assert.deepStrictEqual(await keys(challenger), [key1])
    await owner.good(write(0, 0, "owner"))
    await challenger.good(read(0, 0))
    await challenger.ends("status 18h", write(0, 0, "intruder"))
    await challenger.ends("status 18h", reserveOut(0, ReserveOut.reserve, { key: key2, type: 5 }))
    await challenger.good(register(key2))
    await challenger.good(write(0, 1, "registrant"))
    await challenger.ends("status 18h", reserveOut(0, ReserveOut.reserve, { key: key2, type: 5 }))
    const preempt = { key: key2, serviceKey: key1, type: writeExclusiveRegistrantsOnly }
    await challenger.good(reserveOut(0, ReserveOut.preempt, preempt))
    assert.deepStrictEqual(await reservation(challenger), { key: key2, type: writeExclusiveRegistrantsOnly })
    assert.deepStrictEqual(await keys(challenger), [key2])
    await owner.ends("6/2a/05", { lun: 0, cdb: cdb.testUnitReady() })
    await owner.ends("status 18h", write(0, 0, "too late"))
    await owner.ends("status 18h", reserveOut(0, ReserveOut.release, { key: key1, type: 5 }))
    await challenger.good(reserveOut(0, ReserveOut.clear, { key: key2 }))
    assert.deepStrictEqual([await keys(owner), await reservation(owner)], [[], undefined])
    await owner.good(write(0, 0, "free"))
    await owner.close()
    await challenger.close()
  })

  it("keeps a reservation over resets and lost connections, and moves the disk with its owner", async () => {
    const [owner, other] = [await node(1), await node(2)]
    await owner.good(register(key1))
    await other.good(register(key2))
    await owner.good(reserveOut(0, ReserveOut.reserve, { key: key1, type: writeExclusiveRegistrantsOnly }))
    assert.strictEqual(await other.resetUnit(0), 0)
    assert.match(await other.outcome({ lun: 0, cdb: cdb.testUnitReady() }), /^6\/29\//)
    assert.deepStrictEqual(await reservation(other), { key: key1, type: writeExclusiveRegistrantsOnly })
    owner.drop()
    const back = await node(1)
    await back.good(write(0, 2, "still registered"))
    await back.good(reserveOut(0, ReserveOut.release, { key: key1, type: writeExclusiveRegistrantsOnly }))
    await other.ends("6/2a/04", { lun: 0, cdb: cdb.testUnitReady() })
    await other.good(reserveOut(0, ReserveOut.reserve, { key: key2, type: writeExclusiveRegistrantsOnly }))
    assert.deepStrictEqual(await reservation(back), { key: key2, type: writeExclusiveRegistrantsOnly })
    const generation = (await other.data(reserveIn(0, 0))).readUInt32BE(0)
    await other.good(reserveOut(0, ReserveOut.clear, { key: key2 }))
    assert.isAbove((await other.data(reserveIn(0, 0))).readUInt32BE(0), generation, "PRGENERATION")
    await back.close()
    await other.close()
  })

  it("has both paths of a node registered with its key", async () => {
    const [first, second, other] = [await node(1, 1), await node(1, 2), await node(2)]
    await first.good(register(key1))
    await second.good(register(key1))
    await first.good(reserveOut(0, ReserveOut.reserve, { key: key1, type: writeExclusiveRegistrantsOnly }))
    assert.deepStrictEqual(await keys(other), [key1, key1])
    await second.good(write(0, 3, "by the other path"))
    await other.ends("status 18h", write(0, 3, "no"))
    await other.good(register(key2))
    const preempt = { key: key2, serviceKey: key1, type: writeExclusiveRegistrantsOnly }
    await other.good(reserveOut(0, ReserveOut.preemptAndAbort, preempt))
    assert.deepStrictEqual(await keys(other), [key2])
    for (const path of [first, second]) {
      assert.match(await path.outcome({ lun: 0, cdb: cdb.testUnitReady() }), /^6\//)
      await path.ends("status 18h", write(0, 3, "no"))
    }
    await other.good(reserveOut(0, ReserveOut.clear, { key: key2 }))
    for (const host of [first, second, other]) await host.close()
  })
})

describe("Thin provisioning and trim", () => {
  it("is what the disk says of itself", async () => {
    const host = await node(1)
    const size = await host.data({ lun: 1, cdb: cdb.readCapacity16(32), readBytes: 32 })
    assert.strictEqual((size[14] ?? 0) & 0xc0, 0xc0, "LBPME and LBPRZ")
    const provisioning = await host.inquiry(1, 0xb2)
    assert.deepStrictEqual([(provisioning[5] ?? 0) & 0x80, (provisioning[6] ?? 0) & 0x07], [0x80, 2], "LBPU, thin")
    const limits = await host.inquiry(1, 0xb0)
    for (const at of [20, 24, 28]) assert.isAbove(limits.readUInt32BE(at), 0, "UNMAP limits and granularity")
    await host.close()
  })

  it("trims files that are deleted, and finds the space that is free (GET LBA STATUS)", async () => {
    const host = await node(1)
    await host.write(1, 0, Buffer.alloc(2 * mebibyte * 512, 0xcc))
    await host.good(unmap(1, [[0, mebibyte]]))
    const status = lbaStatusOf(await host.data(getLbaStatus(1, 0)))
    assert.deepStrictEqual(status.slice(0, 2), [
      { lba: 0, blocks: mebibyte, mapped: false },
      { lba: mebibyte, blocks: mebibyte, mapped: true }
    ])
    await host.ends("5/21/00", getLbaStatus(1, 64 * mebibyte))
    await host.close()
  })

  it("tells how much is in use (LOG SENSE, Logical Block Provisioning)", async () => {
    const host = await node(1)
    const page = await host.data(logSense(1, 0x0c))
    assert.strictEqual((page[0] ?? 0) & 0x3f, 0x0c)
    assert.isAbove(page.length, 4, "with parameters")
    await host.close()
  })
})
