/** READ, WRITE, SYNCHRONIZE CACHE and START STOP UNIT: what of the medium they name, and what they refuse. */
import { assert, describe, it } from "vitest"
import type { Bdev } from "../../../../src/dataplane/bdev/Bdev.ts"
import { ScsiAction } from "../../../../src/dataplane/scsi/ScsiTask.ts"
import { makeRandom, runSeed } from "../../../support/initiator/random.ts"
import { fieldPointer, nullDisk, quietNexus, run } from "../scsi-fixture.ts"

/** READ and WRITE of one length; `at` makes a CDB. */
interface Form {
  readonly name: string
  readonly read: number
  readonly write: number
  readonly lbaBits: number
  readonly lengthMax: number
  readonly at: (opcode: number, lba: bigint, blocks: number, flags?: number) => Buffer
}

const cdb = (length: number, fill: (bytes: Buffer) => void): Buffer => {
  const bytes = Buffer.alloc(length)
  fill(bytes)
  return bytes
}

const form10: Form = {
  name: "10",
  read: 0x28,
  write: 0x2a,
  lbaBits: 32,
  lengthMax: 0xffff,
  at: (opcode, lba, blocks, flags = 0) =>
    cdb(10, (b) => {
      b.writeUInt16BE((opcode << 8) | flags)
      b.writeUInt32BE(Number(lba), 2)
      b.writeUInt16BE(blocks, 7)
    })
}

const form16: Form = {
  name: "16",
  read: 0x88,
  write: 0x8a,
  lbaBits: 64,
  lengthMax: 0xffffffff,
  at: (opcode, lba, blocks, flags = 0) =>
    cdb(16, (b) => {
      b.writeUInt16BE((opcode << 8) | flags)
      b.writeBigUInt64BE(lba, 2)
      b.writeUInt32BE(blocks, 10)
    })
}

const forms: ReadonlyArray<Form> = [
  form10,
  {
    name: "12",
    read: 0xa8,
    write: 0xaa,
    lbaBits: 32,
    lengthMax: 0xffffffff,
    at: (opcode, lba, blocks, flags = 0) =>
      cdb(12, (b) => {
        b.writeUInt16BE((opcode << 8) | flags)
        b.writeUInt32BE(Number(lba), 2)
        b.writeUInt32BE(blocks, 6)
      })
  },
  form16
]

const readOnlyDisk = (): Bdev => Object.assign(Object.create(nullDisk(64)), { readOnly: true })

for (const form of forms) {
  describe(`READ and WRITE(${form.name})`, () => {
    const at = (opcode: number, lba: number, blocks: number, flags = 0, nexus = quietNexus(nullDisk(0x10000))) =>
      run(form.at(opcode, BigInt(lba), blocks, flags), nexus)

    it("name bytes of the medium", () => {
      const read = at(form.read, 0x1234, 16).task
      assert.deepInclude(read, {
        action: ScsiAction.read,
        status: 0,
        byteOffset: 0x1234 * 512,
        byteLength: 8192,
        fua: false
      })
      const write = at(form.write, 0xffff, 1).task
      assert.deepInclude(write, { action: ScsiAction.write, status: 0, byteOffset: 0xffff * 512, byteLength: 512 })
    })

    it("take FUA, and DPO without effect", () => {
      assert.isTrue(at(form.write, 0, 1, 0x08).task.fua)
      assert.isFalse(at(form.write, 0, 1, 0x10).task.fua)
      assert.isTrue(at(form.read, 0, 1, 0x18).task.fua)
    })

    it("refuse protection information, with a pointer to the field", () => {
      for (let protect = 1; protect < 8; protect++) {
        for (const opcode of [form.read, form.write]) {
          const { result, sense } = at(opcode, 0, 1, protect << 5)
          assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", "field 1.7"])
        }
      }
    })

    it("end at the last block, and not one block later", () => {
      assert.strictEqual(at(form.read, 0x10000 - 8, 8).result, "good")
      for (const opcode of [form.read, form.write]) {
        assert.strictEqual(at(opcode, 0x10000 - 8, 9).result, "5/21/00")
        assert.strictEqual(at(opcode, 0x10000, 1).result, "5/21/00")
        assert.strictEqual(at(opcode, 0xffffffff, 2).result, "5/21/00")
      }
    })

    it("transfer nothing for 0 blocks, at an LBA that exists", () => {
      for (const opcode of [form.read, form.write]) {
        assert.deepInclude(at(opcode, 5, 0), { action: ScsiAction.none, result: "good" })
        assert.strictEqual(at(opcode, 0x10000, 0).result, "5/21/00")
      }
    })

    it("refuse more than the block limits page allows", () => {
      assert.strictEqual(at(form.read, 0, 8192).result, "good")
      const { result, sense } = at(form.read, 0, 8193)
      assert.strictEqual(result, "5/24/00")
      const lengthField = { "10": 7, "12": 6, "16": 10 }[form.name]
      assert.strictEqual(fieldPointer(sense), `field ${lengthField}`)
    })

    it("leave a read-only disk unwritten", () => {
      const nexus = quietNexus(readOnlyDisk())
      assert.strictEqual(at(form.write, 0, 1, 0, nexus).result, "7/27/00")
      assert.strictEqual(at(form.read, 0, 1, 0, nexus).result, "good")
    })

    it("agree with exact arithmetic on any LBA and length", () => {
      const random = makeRandom(runSeed(11))
      const limit = 1n << BigInt(form.lbaBits)
      for (let round = 0; round < 3000; round++) {
        const blockSize = random.pick([512, 4096, 1536])
        const blockCount = random.pick([
          1,
          7,
          2 ** 21,
          2 ** 32 - 1,
          2 ** 32,
          2 ** 32 + 5,
          Math.floor(2 ** 53 / blockSize) - 1
        ])
        const blocks = random.pick([0, 1, 2, 100, random.below(Math.min(form.lengthMax, 9000)), form.lengthMax])
        const near = BigInt(blockCount) - BigInt(random.below(4)) + BigInt(random.below(4))
        const anywhere = random.bytes(8).readBigUInt64BE() >> BigInt(random.below(64))
        const lba = random.pick([near, anywhere, near - BigInt(blocks)])
        if (lba < 0n || lba >= limit) continue
        const { task, result } = run(form.at(form.read, lba, blocks), quietNexus(nullDisk(blockCount, blockSize)))
        const outside = lba >= BigInt(blockCount) || lba + BigInt(blocks) > BigInt(blockCount)
        const about = `${blocks} blocks at ${lba} of ${blockCount}`
        if (outside) assert.strictEqual(result, "5/21/00", about)
        else if (blocks * blockSize > 4 * 1048576) assert.strictEqual(result, "5/24/00", about)
        else assert.strictEqual(result, "good", about)
        if (task.action !== ScsiAction.read) continue
        assert.strictEqual(BigInt(task.byteOffset), lba * BigInt(blockSize), about)
        assert.strictEqual(task.byteLength, blocks * blockSize, about)
      }
    })
  })
}

describe("READ and WRITE(16)", () => {
  it("refuse LBAs beyond 2^53, where doubles are no longer exact", () => {
    const nexus = quietNexus(nullDisk(2 ** 44 - 1))
    for (const lba of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 2n ** 11n, 2n ** 44n - 1n]) {
      assert.strictEqual(run(form16.at(0x88, lba, 1), nexus).result, "5/21/00", `${lba}`)
    }
    assert.strictEqual(run(form16.at(0x8a, 2n ** 44n - 2n, 1), nexus).task.byteOffset, (2 ** 44 - 2) * 512)
  })
})

describe("READ and WRITE(6)", () => {
  it("have 21 bits of LBA, and no flags in the bits above", () => {
    const nexus = quietNexus(nullDisk(2 ** 21))
    assert.deepInclude(run("08 1f ff fe 02 00", nexus).task, {
      action: ScsiAction.read,
      byteOffset: 0x1ffffe * 512,
      byteLength: 1024,
      fua: false
    })
    assert.strictEqual(run("08 e0 00 01 01 00", nexus).task.byteOffset, 512)
    assert.strictEqual(run("0a 1f ff ff 02 00", nexus).result, "5/21/00")
  })

  it("mean 256 blocks by a length of 0", () => {
    assert.strictEqual(run("0a 00 00 00 00 00").task.byteLength, 256 * 512)
    assert.strictEqual(run("08 00 00 00 00 00", quietNexus(nullDisk(255))).result, "5/21/00")
  })
})

describe("SYNCHRONIZE CACHE", () => {
  it("flushes, and answers before that with IMMED", () => {
    for (const command of ["35 00", "91 00"]) {
      assert.deepInclude(run(command).task, { action: ScsiAction.flush, status: 0, immediate: false })
    }
    for (const command of ["35 02", "91 02"]) assert.isTrue(run(command).task.immediate)
  })

  it("needs a range that exists, and takes 0 blocks for the rest of the disk", () => {
    const nexus = quietNexus(nullDisk(64))
    assert.strictEqual(run("35 00 00000020 00 0020 00", nexus).result, "good")
    assert.strictEqual(run("35 00 00000020 00 0021 00", nexus).result, "5/21/00")
    assert.strictEqual(run("35 00 0000003f 00 0000 00", nexus).result, "good")
    assert.strictEqual(run("91 00 0000000000000040 00000000 00 00", nexus).result, "5/21/00")
    assert.strictEqual(run("91 00 ffffffffffffffff 00000001 00 00", nexus).result, "5/21/00")
    assert.strictEqual(run("91 00 0000000000000000 00000040 00 00", nexus).result, "good")
  })
})

describe("START STOP UNIT", () => {
  it("starts without effect, and flushes before a stop unless told not to", () => {
    assert.strictEqual(run("1b 00 00 00 01 00").action, ScsiAction.none)
    assert.deepInclude(run("1b 01 00 00 00 00").task, { action: ScsiAction.flush, immediate: true })
    assert.deepInclude(run("1b 00 00 00 04 00"), { action: ScsiAction.none, result: "good" })
  })

  it("takes every power condition, with which LOEJ and START mean nothing", () => {
    for (let condition = 1; condition < 16; condition++) {
      const flags = condition << 4
      for (const each of [flags, flags | 0x02, flags | 0x03]) {
        assert.deepInclude(run(Buffer.from([0x1b, 0, 0, 1, each, 0])), { action: ScsiAction.none, result: "good" })
      }
    }
  })

  it("refuses a modifier without a power condition, and ejecting", () => {
    const refused = ["1b 00 00 01 01 00", "1b 00 00 00 02 00", "1b 00 00 00 03 00"].map((command) => run(command))
    assert.deepStrictEqual(
      refused.map(({ result, sense }) => [result, fieldPointer(sense)]),
      [
        ["5/24/00", "field 3.3"],
        ["5/24/00", "field 4.1"],
        ["5/24/00", "field 4.1"]
      ]
    )
  })
})

describe("a unit", () => {
  it("counts what it refuses", () => {
    const nexus = quietNexus(nullDisk(64))
    run(form10.at(0x28, 0n, 3), nexus)
    run(form10.at(0x28, 64n, 1), nexus)
    run("c1", nexus)
    assert.strictEqual(nexus.unit.refused, 2)
  })
})
