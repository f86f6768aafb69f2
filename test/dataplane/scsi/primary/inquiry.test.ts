/** INQUIRY and the VPD pages, byte by byte (SPC-4 6.6 and 7.8, SBC-3 6.6). */
import { assert, describe, it } from "vitest"
import type { Bdev } from "../../../../src/dataplane/bdev/Bdev.ts"
import { LogicalUnit, type LogicalUnitOptions } from "../../../../src/dataplane/scsi/LogicalUnit.ts"
import { ScsiAction } from "../../../../src/dataplane/scsi/ScsiTask.ts"
import { fieldPointer, guideSession, nullDisk, quietNexus, ramDisk, run, unitOptions } from "../scsi-fixture.ts"

const page = (code: string, nexus = quietNexus()) => run(`12 01 ${code} 10 00 00`, nexus).data

describe("standard INQUIRY", () => {
  it("says SPC-4, SBC-3, iSCSI, and the disk's names", () => {
    const expected = Buffer.concat([
      Buffer.from([0x00, 0x00, 0x06, 0x12, 91, 0x18, 0x10, 0x02]),
      Buffer.from("LUNLOG  Malloc disk     0001", "latin1"),
      Buffer.alloc(20, 0x20),
      Buffer.from("000000a0096004600 4c0".replaceAll(" ", ""), "hex"),
      Buffer.alloc(30)
    ])
    const { data, action, result } = run("12 00 00 00 ff 00")
    assert.deepStrictEqual([action, result], [ScsiAction.parameterIn, "good"])
    assert.strictEqual(data.toString("hex"), expected.toString("hex"))
  })

  it("is cut to the allocation length without a change to the additional length (SPC-4 4.2.5.6)", () => {
    const whole = run("12 00 00 00 ff 00").data
    assert.strictEqual(whole.length, 96)
    for (const length of [1, 4, 5, 36, 95]) {
      const cut = run(Buffer.from([0x12, 0, 0, 0, length, 0])).data
      assert.isTrue(cut.equals(whole.subarray(0, length)), `${length} bytes`)
    }
    assert.deepInclude(run("12 00 00 00 00 00"), { action: ScsiAction.none, result: "good" })
  })

  it("refuses a page code without EVPD, and the obsolete CMDDT", () => {
    const withPage = run("12 00 80 00 ff 00")
    assert.strictEqual(withPage.result, "5/24/00")
    assert.strictEqual(fieldPointer(withPage.sense), "field 2.7")
    const withCmdDt = run("12 02 00 00 ff 00")
    assert.strictEqual(withCmdDt.result, "5/24/00")
    assert.strictEqual(fieldPointer(withCmdDt.sense), "field 1.1")
  })
})

describe("vital product data", () => {
  it("lists the pages that there are, ascending, and answers each of them", () => {
    const data = page("00")
    assert.strictEqual(data.toString("hex"), "0000000800808386 87b0b1b2".replaceAll(" ", ""))
    for (const code of data.subarray(4)) {
      const { result, data: body } = run(Buffer.from([0x12, 0x01, code, 0x10, 0x00, 0x00]))
      assert.strictEqual(result, "good")
      assert.strictEqual(body[1], code)
      assert.strictEqual(body.length, 4 + body.readUInt16BE(2))
    }
  })

  it("refuses every other page", () => {
    const known = new Set(page("00").subarray(4))
    for (let code = 0; code < 256; code++) {
      if (known.has(code)) continue
      const { result, sense } = run(Buffer.from([0x12, 0x01, code, 0x00, 0xff, 0x00]))
      assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", "field 2.7"])
    }
  })

  it("is cut to the allocation length, and keeps the page length", () => {
    const whole = page("b0")
    assert.strictEqual(whole.length, 64)
    assert.isTrue(run("12 01 b0 00 05 00").data.equals(whole.subarray(0, 5)))
  })

  it("gives the UUID as serial number", () => {
    assert.strictEqual(page("80").subarray(4).toString("latin1"), "2f7b6f0e9a5c4a638d0e0123456789ab")
  })

  it("identifies the unit, the port and the target device (SPC-4 7.8.6)", () => {
    const data = page("83")
    const designators: Array<string> = []
    for (let at = 4; at < data.length; at += 4 + (data[at + 3] ?? 0)) {
      const value = data.subarray(at + 4, at + 4 + (data[at + 3] ?? 0))
      const head = data.subarray(at, at + 3).toString("hex")
      designators.push(`${head} ${head.startsWith("01") || head.startsWith("51") ? value.toString("hex") : value}`)
    }
    assert.deepStrictEqual(designators, [
      `010300 ${quietNexus().unit.identity.naa.toString("hex")}`,
      "020100 LUNLOG  2f7b6f0e-9a5c-4a63-8d0e-0123456789ab",
      "539800 iqn.2016-06.io.spdk:disk1,t,0x0001\0\0",
      "519400 00000003",
      "519500 00000001",
      "53a800 iqn.2016-06.io.spdk:disk1\0\0\0"
    ])
  })

  it("stays well-formed with the longest iSCSI name", () => {
    const targetName = `iqn.2016-06.io.spdk:${"x".repeat(203)}`
    const session = { ...guideSession, targetName, targetPortName: `${targetName},t,0xffff` }
    const { data } = run("12 01 83 10 00 00", quietNexus(), session)
    let at = 4
    while (at < data.length) at += 4 + (data[at + 3] ?? 0)
    assert.strictEqual(at, data.length)
    assert.isTrue(data.includes(`${targetName},t,0xffff`))
  })

  it("limits transfers to 4 MiB, and advises 1 MiB and whole physical blocks (SBC-3 6.6.3)", () => {
    const body = page("b0")
    assert.deepStrictEqual(
      [body.readUInt16BE(6), body.readUInt32BE(8), body.readUInt32BE(12)],
      [4096 / 512, (4 * 1048576) / 512, 1048576 / 512]
    )
  })

  it("limits COMPARE AND WRITE, UNMAP, WRITE SAME and WRITE ATOMIC (SBC-3 6.6.3, SBC-4 6.6.4)", () => {
    const limits = (bdev: Bdev) => {
      const body = page("b0", quietNexus(bdev))
      return {
        zeroBlocksRefused: body.readUInt8(4) & 0x01,
        compareAndWrite: body.readUInt8(5),
        unmap: [16, 20, 24, 28].map((at) => body.readUInt32BE(at + 4)),
        writeSame: body.readBigUInt64BE(36),
        atomic: [44, 48, 52, 56, 60].map((at) => body.readUInt32BE(at))
      }
    }
    const thin = {
      zeroBlocksRefused: 0,
      compareAndWrite: 255,
      unmap: [1048576, 256, 128, 0x8000_0000],
      writeSame: 65535n,
      atomic: [8192, 0, 0, 0, 0]
    }
    assert.deepStrictEqual(limits(ramDisk()), thin)
    assert.deepStrictEqual(limits(nullDisk(8, 4096)).unmap, [1048576, 256, 1, 0x8000_0000])
    const cached = Object.assign(Object.create(nullDisk(8)), { writeCache: true, atomicWrites: false, thin: false })
    assert.deepStrictEqual(limits(cached), { ...thin, unmap: [0, 0, 0, 0], atomic: [0, 0, 0, 0, 0] })
    assert.strictEqual(limits(nullDisk(8, 65536)).compareAndWrite, 32)
    assert.strictEqual(limits(nullDisk(8, 8 * 1048576)).compareAndWrite, 0)
  })

  it("allows at least one block, however large a block is", () => {
    const body = page("b0", quietNexus(nullDisk(8, 8 * 1048576)))
    assert.deepStrictEqual([body.readUInt32BE(8), body.readUInt32BE(12)], [1, 1])
  })

  it("offers all task attributes and no protection information (SPC-4 7.8.7)", () => {
    assert.strictEqual(page("86").toString("hex"), `0086003c00070001${"00".repeat(56)}`)
    const cached = Object.assign(Object.create(nullDisk(8)), { writeCache: true })
    assert.strictEqual(page("86", quietNexus(cached)).toString("hex"), `0086003c00070101${"00".repeat(56)}`)
  })

  it("says that all initiators share all mode pages (SPC-4 7.8.10)", () => {
    assert.strictEqual(page("87").toString("hex"), "008700043fff0000")
  })

  it("says that the medium does not rotate, and whether it is thin", () => {
    assert.strictEqual(page("b1").toString("hex"), `00b1003c00010040${"00".repeat(56)}`)
    assert.strictEqual(page("b2").toString("hex"), "00b2000407e40200")
    assert.strictEqual(page("b2", quietNexus(nullDisk(8))).toString("hex"), "00b2000400e40200")
    const full = Object.assign(Object.create(nullDisk(8)), { thin: false })
    assert.strictEqual(page("b2", quietNexus(full)).toString("hex"), "00b2000400000000")
  })
})

describe("the identity of a unit", () => {
  const unit = (changes: Partial<LogicalUnitOptions> = {}, bdev = ramDisk()) =>
    new LogicalUnit(bdev, { ...unitOptions, ...changes }).identity

  it("follows the UUID, not the name", () => {
    assert.deepStrictEqual(unit().naa, unit({ name: "Other" }, nullDisk(8)).naa)
    assert.notDeepEqual(unit().naa, unit({ uuid: "2f7b6f0e-9a5c-4a63-8d0e-0123456789ac" }).naa)
  })

  it("is locally assigned: NAA 3h, 8 bytes", () => {
    const { naa } = unit()
    assert.strictEqual(naa.length, 8)
    assert.strictEqual((naa[0] ?? 0) >> 4, 3)
  })

  it("never changes: hosts know disks by it", () => {
    assert.strictEqual(unit().naa.toString("hex"), "37f47f265b1b98dd")
  })

  it("is SPDK's own in SPDK's style: vendor INTEL and a hash of the name", () => {
    const identity = unit({ identityStyle: "spdk" })
    assert.strictEqual(identity.vendor.toString("latin1"), "INTEL   ")
    assert.strictEqual(identity.serial.toString("latin1"), "Malloc0\0")
    assert.strictEqual(identity.t10.toString("latin1"), `INTEL   Malloc disk     ${"Malloc0".padEnd(32)}`)
    // h = h * 131 + byte over "Malloc0", bits 24-35 and 0-23 around SPDK's company id 000347h.
    let hash = 0n
    for (const letter of "Malloc0") hash = BigInt.asUintN(64, hash * 131n + BigInt(letter.charCodeAt(0)))
    const digits = hash.toString(16).padStart(16, "0")
    assert.strictEqual(identity.naa.toString("hex"), `2${digits.slice(7, 10)}000347${digits.slice(10)}`)
  })

  it("shows only printable ASCII in its text fields, whatever the bdev is called", () => {
    const disk = Object.assign(Object.create(nullDisk(8)), { productName: "naïve product that is too long" })
    const { product, t10 } = unit({ name: "Plätte\u0007", identityStyle: "spdk" }, disk)
    assert.strictEqual(product.length, 16)
    assert.strictEqual(product.toString("latin1"), "na?ve product th")
    assert.isTrue(t10.every((byte) => byte >= 0x20 && byte <= 0x7e))
  })
})
