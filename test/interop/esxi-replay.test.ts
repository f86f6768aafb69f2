/**
 * What ESXi sends to a datastore, as VMware describes its storage APIs for array integration (VAAI) and VMFS publicly:
 * discovery, atomic test and set (ATS), full copy, block zeroing, space reclamation, and SCSI-2 reservations where ATS
 * is off. ESXi itself does not run here: each step asserts the answer that it needs.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { cdb, reportLuns } from "../support/initiator/commands.ts"
import { CopyResults, copyList, extendedCopyCdb, receiveCopyResultsCdb } from "../support/initiator/copy-list.ts"
import { HostSession } from "../support/initiator/HostSession.ts"
import {
  compareAndWrite,
  designatorsOf,
  getLbaStatus,
  lbaStatusOf,
  modeSense6,
  release6,
  reserve6,
  supportedOpcode,
  unmap,
  writeSame
} from "../support/initiator/host-commands.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { TaskFunction } from "../support/initiator/Session.ts"

const targetName = `${nodeBase}:datastores`
const hostName = (number: number): string => `iqn.1998-01.com.vmware:esx${number}`
const mebibyte = 2048
const diskBlocks = 64 * mebibyte

let server: Lunlog

beforeAll(async () => {
  server = await startLunlog()
  await server.createMalloc("datastore1", 64)
  await server.createMalloc("datastore2", 64)
  await server.createTarget({ name: targetName, luns: { 0: "datastore1", 1: "datastore2" } })
}, 60_000)

afterAll(() => server[Symbol.asyncDispose]())

const host = (number: number, path = 1): Promise<HostSession> =>
  HostSession.open(server, targetName, hostName(number), path, [0, 1])

const block = (text: string): Buffer => Buffer.concat([Buffer.from(text), Buffer.alloc(512 - text.length)])

describe("ESXi finds a datastore's disk", () => {
  it("with a name that is the same on every path, and the limits of what it may leave to the target", async () => {
    const esx = await host(1)
    const names = await esx.inquiry(0, 0x83)
    const naa = designatorsOf(names).filter(({ association, type }) => association === 0 && type === 3)
    assert.strictEqual(naa.length, 1, "one NAA name: naa.… is what ESXi calls the disk")
    assert.deepStrictEqual(await reportLuns(esx.session), [0, 1])
    const standard = await esx.inquiry(0)
    assert.deepStrictEqual([standard[0], standard.subarray(8, 16).toString()], [0x00, "LUNLOG  "])
    const pages = (await esx.inquiry(0, 0x00)).subarray(4)
    for (const page of [0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2]) assert.include([...pages], page)
    const otherPath = await host(1, 2)
    assert.deepStrictEqual(designatorsOf(await otherPath.inquiry(0, 0x83))[0], naa[0])
    const limits = await esx.inquiry(0, 0xb0)
    assert.isAtLeast(limits[5] ?? 0, 1, "MAXIMUM COMPARE AND WRITE LENGTH: ATS")
    assert.isAbove(limits.readUInt32BE(20), 0, "MAXIMUM UNMAP LBA COUNT: Delete")
    assert.isAbove(limits.readUInt32BE(24), 0, "MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT")
    assert.isAbove(Number(limits.readBigUInt64BE(36)), 0, "MAXIMUM WRITE SAME LENGTH: Zero")
    const provisioning = await esx.inquiry(0, 0xb2)
    assert.strictEqual((provisioning[5] ?? 0) & 0x80, 0x80, "LBPU")
    assert.strictEqual((provisioning[6] ?? 0) & 0x07, 2, "thin provisioned")
    await otherPath.close()
    await esx.close()
  })

  it("and its size, its mode pages, and the commands that it supports", async () => {
    const esx = await host(1)
    const short = await esx.data({ lun: 0, cdb: cdb.readCapacity10(), readBytes: 8 })
    assert.deepStrictEqual([short.readUInt32BE(0), short.readUInt32BE(4)], [diskBlocks - 1, 512])
    const long = await esx.data({ lun: 0, cdb: cdb.readCapacity16(32), readBytes: 32 })
    assert.strictEqual((long[14] ?? 0) & 0xc0, 0xc0, "LBPME and LBPRZ")
    for (const page of [0x08, 0x0a, 0x1c, 0x3f]) await esx.good(modeSense6(0, page))
    for (const [opcode, action] of [[0x89], [0x93], [0x42], [0x83, 0x00], [0x84, 0x03]] as const) {
      const support = await esx.data(supportedOpcode(0, opcode, action))
      assert.strictEqual((support[1] ?? 0) & 0x07, 0x03, `opcode ${opcode.toString(16)}h`)
    }
    await esx.ends("5/24/00", { lun: 0, cdb: cdb.inquiryPage(0x8f, 255), readBytes: 255 })
    await esx.close()
  })
})

describe("ATS: VMFS locks with COMPARE AND WRITE of one block", () => {
  const free = block("free")

  it("gives a lock to one of many hosts at once, and tells the others that they have lost", async () => {
    const hosts = await Promise.all([1, 2, 3, 4].map((number) => host(number)))
    await hosts[0]?.write(0, 100, free)
    const outcomes = await Promise.all(
      hosts.map((esx, index) => esx.outcome(compareAndWrite(0, 100, free, block(`host ${index}`))))
    )
    const winner = outcomes.indexOf("GOOD")
    assert.deepStrictEqual(outcomes.toSorted(), ["GOOD", "e/1d/00", "e/1d/00", "e/1d/00"].toSorted())
    for (const esx of hosts) {
      assert.deepStrictEqual(await esx.read(0, 100, 1), block(`host ${winner}`))
      await esx.close()
    }
  })

  it("lets a host that has lost look again, and take the lock when it is free", async () => {
    const [owner, other] = [await host(1), await host(2)]
    await owner.write(0, 101, free)
    await owner.good(compareAndWrite(0, 101, free, block("owner")))
    const lost = await other.ends("e/1d/00", compareAndWrite(0, 101, free, block("other")))
    assert.strictEqual(lost.sense?.information, 0, "INFORMATION has the byte where they differ")
    assert.deepStrictEqual(await other.read(0, 101, 1), block("owner"))
    await owner.good(compareAndWrite(0, 101, block("owner"), free))
    await other.good(compareAndWrite(0, 101, await other.read(0, 101, 1), block("other")))
    await owner.close()
    await other.close()
  })

  it("carries a heartbeat, and a host that was not sure of its last one finds what it has written", async () => {
    const esx = await host(1)
    const beat = (count: number): Buffer => block(`heartbeat ${count}`)
    await esx.write(0, 102, beat(0))
    for (let count = 0; count < 20; count++) await esx.good(compareAndWrite(0, 102, beat(count), beat(count + 1)))
    // Its answer was lost: ESXi sends it once more, gets a miscompare, and reads.
    await esx.ends("e/1d/00", compareAndWrite(0, 102, beat(19), beat(20)))
    assert.deepStrictEqual(await esx.read(0, 102, 1), beat(20))
    const { result, task } = esx.session.submit(compareAndWrite(0, 102, beat(20), beat(21)))
    await result
    const aborted = await esx.session.manageTask(TaskFunction.abortTask, 0, { tag: task.initiatorTaskTag })
    assert.strictEqual(aborted, 1, "the task does not exist any more")
    assert.deepStrictEqual(await esx.read(0, 102, 1), beat(21))
    await esx.close()
  })

  it("has no effect beyond its block, or at the end of the disk", async () => {
    const esx = await host(1)
    await esx.ends("5/21/00", compareAndWrite(0, diskBlocks, free, free))
    await esx.write(0, diskBlocks - 1, free)
    await esx.good(compareAndWrite(0, diskBlocks - 1, free, block("last")))
    await esx.close()
  })
})

describe("RESERVE(6): VMFS without ATS", () => {
  it("keeps others out until it is released, or the unit is reset", async () => {
    const [owner, other] = [await host(1), await host(2)]
    await owner.good(reserve6(0))
    await owner.write(0, 200, block("metadata"))
    for (const request of [
      reserve6(0),
      { lun: 0, cdb: cdb.read16(200, 1), readBytes: 512 },
      { lun: 0, cdb: cdb.write16(200, 1), writeData: block("no") },
      compareAndWrite(0, 200, block("metadata"), block("no"))
    ]) {
      await other.ends("status 18h", request)
    }
    await other.inquiry(0)
    await owner.good(release6(0))
    await other.good(reserve6(0))
    assert.strictEqual(await owner.resetUnit(0), 0, "a host that has died does not hold the disk for ever")
    assert.match(await owner.outcome({ lun: 0, cdb: cdb.testUnitReady() }), /^6\/29\//)
    assert.match(await other.outcome({ lun: 0, cdb: cdb.testUnitReady() }), /^6\/29\//)
    await owner.write(0, 200, block("mine again"))
    await owner.close()
    await other.close()
  })

  it("ends with the host's connection", async () => {
    const [owner, other] = [await host(1), await host(2)]
    await owner.good(reserve6(1))
    owner.drop()
    // The target notices the end of the connection in its own time.
    while ((await other.outcome(reserve6(1))) === "status 18h");
    await other.good(release6(1))
    await other.close()
  })
})

describe("Full copy: EXTENDED COPY", () => {
  const naaOf = async (esx: HostSession, lun: number): Promise<Buffer> => {
    const found = designatorsOf(await esx.inquiry(lun, 0x83)).find((name) => name.association === 0 && name.type === 3)
    return found?.value ?? Buffer.alloc(0)
  }

  const pieceOf = (index: number): Buffer => Buffer.alloc(4 * mebibyte * 512, `piece ${index} `)

  const clone = async (esx: HostSession, ends: readonly [number, number], lbas: readonly [number, number]) => {
    const disks = await Promise.all(ends.map(async (lun) => ({ designator: await naaOf(esx, lun), blockLength: 512 })))
    const [sourceLba, destinationLba] = lbas
    const segment = { source: 0, destination: 1, blocks: 4 * mebibyte, sourceLba, destinationLba }
    // No list identifier: nobody asks for results.
    const list = copyList(disks, [segment], { listIdentifier: 0, listIdUsage: 3 })
    return { lun: ends[0], cdb: extendedCopyCdb(list.length), writeData: list }
  }

  it("may be of 4 MiB a segment", async () => {
    const esx = await host(1)
    const request = { lun: 0, cdb: receiveCopyResultsCdb(CopyResults.operatingParameters), readBytes: 1024 }
    const limits = await esx.data(request)
    assert.isAtLeast(limits.readUInt16BE(8), 2, "CSCD descriptors")
    assert.isAtLeast(limits.readUInt32BE(16), 4 * 2 ** 20, "MAXIMUM SEGMENT LENGTH")
    assert.includeMembers([...limits.subarray(44)], [0x02, 0xe4])
    await esx.close()
  })

  it("clones within a datastore and to another, several pieces at a time", async () => {
    const esx = await host(1)
    for (const index of [0, 1, 2, 3]) await esx.write(0, (4 + 4 * index) * mebibyte, pieceOf(index))
    const requests = [0, 1, 2, 3].map((index) => {
      const lba = (4 + 4 * index) * mebibyte
      return clone(esx, [0, index % 2], [lba, 24 * mebibyte + lba])
    })
    for (const result of await Promise.all(requests.map(async (request) => esx.good(await request)))) {
      assert.strictEqual(result.residual.kind, "none")
    }
    for (const index of [0, 1, 2, 3]) {
      const copied = await esx.read(index % 2, (28 + 4 * index) * mebibyte, 4 * mebibyte)
      assert.isTrue(copied.equals(pieceOf(index)), `piece ${index}`)
    }
    await esx.close()
  })

  it("fails so that ESXi copies by itself, where the other disk is not there for this host", async () => {
    const esx = await host(1)
    const request = await clone(esx, [0, 1], [0, 0])
    const strange = Buffer.from(request.writeData)
    strange.fill(0x39, 56, 64)
    const { sense } = await esx.session.command({ ...request, writeData: strange })
    assert.strictEqual(sense?.key, 0x0a, "COPY ABORTED")
    await esx.close()
  })
})

describe("Block zeroing and space reclamation", () => {
  it("zeroes a new disk with WRITE SAME of a block of zeros", async () => {
    const esx = await host(1)
    await esx.write(0, 48 * mebibyte, Buffer.alloc(mebibyte * 512, 0xee))
    await esx.good(writeSame(0, 48 * mebibyte, mebibyte, Buffer.alloc(512)))
    assert.isTrue((await esx.read(0, 48 * mebibyte, mebibyte)).every((byte) => byte === 0))
    await esx.close()
  })

  it("gives back what files had, many ranges at a time, and reads zeros there", async () => {
    const esx = await host(1)
    await esx.write(1, 0, Buffer.alloc(4 * mebibyte * 512, 0xdd))
    const ranges = [0, 1, 3].map((index) => [index * mebibyte, mebibyte] as const)
    await esx.good(unmap(1, ranges))
    assert.isTrue((await esx.read(1, 0, 2 * mebibyte)).every((byte) => byte === 0))
    assert.isTrue((await esx.read(1, 2 * mebibyte, mebibyte)).every((byte) => byte === 0xdd))
    const status = lbaStatusOf(await esx.data(getLbaStatus(1, 0)))
    const mapped = status.filter((run) => run.mapped && run.lba < 4 * mebibyte)
    assert.deepStrictEqual(mapped, [{ lba: 2 * mebibyte, blocks: mebibyte, mapped: true }])
    await esx.ends("5/21/00", unmap(1, [[diskBlocks - 1, 2]]))
    await esx.close()
  })
})
