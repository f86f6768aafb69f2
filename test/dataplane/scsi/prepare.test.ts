/** Which commands there are, what LUNs without a unit answer, and unit attentions on the way (SAM-5, SPC-4). */
import { assert, describe, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { commandSet } from "../../../src/dataplane/scsi/command-set.ts"
import { completeIo, endRemoved } from "../../../src/dataplane/scsi/complete-io.ts"
import { controlByteOf } from "../../../src/dataplane/scsi/control-byte.ts"
import { LogicalUnit } from "../../../src/dataplane/scsi/LogicalUnit.ts"
import { reportLunsWellKnownLun } from "../../../src/dataplane/scsi/lun.ts"
import { maxParameterLength, ScsiAction } from "../../../src/dataplane/scsi/ScsiTask.ts"
import { ScsiStatus } from "../../../src/dataplane/scsi/scsi-status.ts"
import { SenseCode } from "../../../src/dataplane/scsi/sense-codes.ts"
import { makeRandom, runSeed } from "../../support/initiator/random.ts"
import {
  fieldPointer,
  guideSession,
  nullDisk,
  quietNexus,
  ramDisk,
  run,
  runWithoutUnit,
  unitOptions
} from "./scsi-fixture.ts"

describe("any command", () => {
  it("is refused with 5/20/00 when its opcode is not one of ours", () => {
    for (let opcode = 0; opcode < 256; opcode++) {
      if (commandSet.some((command) => command.opcode === opcode)) continue
      assert.strictEqual(run(Buffer.from([opcode])).result, "5/20/00", `opcode ${opcode}`)
    }
  })

  it("is refused with 5/24/00 when CONTROL asks for NACA, or has obsolete or reserved bits", () => {
    for (const { opcode, serviceAction = 0 } of commandSet) {
      for (const bit of [0, 1, 2, 3, 4, 5]) {
        const cdb = Buffer.alloc(16)
        cdb[0] = opcode
        cdb[1] = serviceAction
        cdb[controlByteOf(opcode)] = 1 << bit
        const { result, sense } = run(cdb)
        assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", `field ${controlByteOf(opcode)}`])
      }
    }
  })

  it("may have vendor specific bits in CONTROL", () => {
    assert.strictEqual(run("00 00 00 00 00 c0").result, "good")
  })

  it("gets a status, and never data beyond its allocation length, whatever its bytes are", () => {
    const random = makeRandom(runSeed(12))
    const nexus = quietNexus(nullDisk(1000))
    for (let round = 0; round < 40_000; round++) {
      const cdb = random.bytes(16)
      cdb[0] = round & 0xff
      const control = controlByteOf(round & 0xff)
      if (control > 0 && random.chance(0.5)) cdb[control] = 0
      if (random.chance(0.3)) cdb.fill(0, 1 + random.below(6), 6 + random.below(10))
      const { task, data, result } = run(cdb, nexus)
      // Its own RESERVE keeps persistent reservations away.
      const statuses: ReadonlyArray<number> = [
        ScsiStatus.good,
        ScsiStatus.checkCondition,
        ScsiStatus.conditionMet,
        ScsiStatus.reservationConflict
      ]
      assert.include(statuses, task.status)
      if (result !== "good") assert.strictEqual(task.action, ScsiAction.none)
      assert.isAtMost(data.length, Math.min(allocationLengthOf(cdb), maxParameterLength))
      if (task.action === ScsiAction.read || task.action === ScsiAction.write) {
        assert.isAbove(task.byteLength, 0)
        assert.isAtMost(task.byteOffset + task.byteLength, 512_000)
      }
      const lun = random.pick([0, 1, -1, reportLunsWellKnownLun])
      const absent = runWithoutUnit(cdb, lun)
      assert.isAtMost(absent.data.length, allocationLengthOf(cdb))
      assert.isTrue(absent.action === ScsiAction.none || absent.action === ScsiAction.parameterIn)
    }
  })
})

/** ALLOCATION LENGTH where the command has one; 8 for READ CAPACITY(10), which has none; 0 where no data comes. */
const allocationLengthOf = (cdb: Buffer): number => {
  switch (cdb[0]) {
    case 0x03:
    case 0x1a:
      return cdb.readUInt8(4)
    case 0x37:
      return cdb.readUInt16BE(7)
    case 0x12:
    case 0x1c:
      return cdb.readUInt16BE(3)
    case 0x4d:
    case 0x5a:
    case 0x5e:
      return cdb.readUInt16BE(7)
    case 0x84:
    case 0x9e:
      return cdb.readUInt32BE(10)
    case 0xa0:
    case 0xa3:
    case 0xb7:
      return cdb.readUInt32BE(6)
    case 0x25:
      return 8
    default:
      return 0
  }
}

describe("REPORT LUNS", () => {
  const listOf = (cdb: string) => run(cdb).data.toString("hex")

  it("lists the session's LUNs, the well-known one, or both", () => {
    const luns = `${"0000000000000000"}${"0001000000000000"}${"412c000000000000"}`
    assert.strictEqual(listOf("a0 00 00 000000 00001000 00 00"), `0000001800000000${luns}`)
    assert.strictEqual(listOf("a0 00 01 000000 00001000 00 00"), "0000000800000000c101000000000000")
    assert.strictEqual(listOf("a0 00 02 000000 00001000 00 00"), `0000002000000000${luns}c101000000000000`)
  })

  it("gives the full list length where the list is cut", () => {
    assert.strictEqual(listOf("a0 00 00 000000 00000010 00 00"), "00000018000000000000000000000000")
  })

  it("needs an allocation length of 16, and a SELECT REPORT that there is", () => {
    const short = run("a0 00 00 000000 0000000f 00 00")
    assert.deepStrictEqual([short.result, fieldPointer(short.sense)], ["5/24/00", "field 6"])
    const select = run("a0 00 03 000000 00001000 00 00")
    assert.deepStrictEqual([select.result, fieldPointer(select.sense)], ["5/24/00", "field 2.7"])
  })

  it("has room for 256 LUNs", () => {
    const luns = Array.from({ length: 256 }, (_, lun) => lun)
    const { data } = run("a0 00 02 000000 00010000 00 00", quietNexus(), { ...guideSession, reportLuns: () => luns })
    assert.strictEqual(data.readUInt32BE(0), 257 * 8)
    assert.strictEqual(data.length, 8 + 257 * 8)
    assert.strictEqual(data.readUInt16BE(8 + 255 * 8), 255)
  })

  it("makes REPORTED LUNS DATA HAS CHANGED old news", () => {
    let reported = 0
    const session = {
      ...guideSession,
      lunInventoryReported: () => {
        reported += 1
      }
    }
    run("a0 00 00 000000 00000010 00 00", quietNexus(), session)
    run("a0 00 03 000000 00001000 00 00", quietNexus(), session)
    assert.strictEqual(reported, 1)
  })
})

describe("a LUN without a unit", () => {
  it("says in INQUIRY that nothing can be there: qualifier 011b, type 1Fh", () => {
    const { data, result } = runWithoutUnit("12 00 00 00 ff 00", 5)
    assert.strictEqual(result, "good")
    assert.strictEqual(data.toString("latin1"), `\x7f\0\x06\x12\x1f\0\0\0LUNLOG${" ".repeat(22)}`)
    assert.strictEqual(runWithoutUnit("12 01 00 00 ff 00", 5).data.toString("hex"), "7f00000100")
    assert.strictEqual(runWithoutUnit("12 01 83 00 ff 00", 5).result, "5/24/00")
    assert.strictEqual(runWithoutUnit("12 00 01 00 ff 00", 5).result, "5/24/00")
  })

  it("answers REQUEST SENSE with GOOD, and 5/25/00 as data", () => {
    const { data, result } = runWithoutUnit("03 00 00 00 ff 00", 5)
    assert.strictEqual(result, "good")
    assert.strictEqual(data.toString("hex"), "70000500 0000000a 00000000 25000000 0000".replaceAll(" ", ""))
  })

  it("answers REPORT LUNS at LUN 0, and not elsewhere", () => {
    const cdb = "a0 00 00 000000 00001000 00 00"
    assert.strictEqual(runWithoutUnit(cdb, 0).data.readUInt32BE(0), 24)
    assert.strictEqual(runWithoutUnit(cdb, 5).result, "5/25/00")
    assert.strictEqual(runWithoutUnit(cdb, -1).result, "5/25/00")
  })

  it("refuses everything else with 5/25/00", () => {
    for (let opcode = 0; opcode < 256; opcode++) {
      if ([0x12, 0x03, 0xa0].includes(opcode)) continue
      assert.strictEqual(runWithoutUnit(Buffer.from([opcode]), 0).result, "5/25/00")
    }
  })
})

describe("the well-known LUN C101h", () => {
  const ask = (cdb: string) => runWithoutUnit(cdb, reportLunsWellKnownLun)

  it("is a well-known logical unit that is ready, and lists LUNs", () => {
    assert.strictEqual(ask("12 00 00 00 ff 00").data[0], 0x1e)
    assert.strictEqual(ask("00").result, "good")
    assert.strictEqual(ask("03 00 00 00 ff 00").data[2], 0)
    assert.strictEqual(ask("a0 00 00 000000 00001000 00 00").data.readUInt32BE(0), 24)
  })

  it("has the designators of port and target, and no other page", () => {
    assert.strictEqual(ask("12 01 00 00 ff 00").data.toString("hex"), "1e0000020083")
    const { data } = ask("12 01 83 10 00 00")
    assert.strictEqual(data.readUInt16BE(2), data.length - 4)
    assert.isTrue(data.includes("iqn.2016-06.io.spdk:disk1,t,0x0001"))
    assert.strictEqual(ask("12 01 80 00 ff 00").result, "5/24/00")
  })

  it("does nothing else", () => {
    assert.strictEqual(ask("28 00 00000000 00 0001 00").result, "5/20/00")
  })
})

describe("a pending unit attention", () => {
  const newNexus = () => new LogicalUnit(ramDisk(), unitOptions).attach()

  it("is told once, to the first command that does not only ask about the unit", () => {
    const nexus = newNexus()
    assert.strictEqual(run("12 00 00 00 ff 00", nexus).result, "good")
    assert.strictEqual(run("a0 00 00 000000 00001000 00 00", nexus).result, "good")
    assert.strictEqual(run("28 00 00000000 00 0001 00", nexus).result, "6/29/00")
    assert.strictEqual(run("28 00 00000000 00 0001 00", nexus).result, "good")
  })

  it("is told by REQUEST SENSE as data, in either format, and is gone then", () => {
    const nexus = newNexus()
    nexus.establish(SenseCode.capacityDataHasChanged)
    const fixed = run("03 00 00 00 ff 00", nexus)
    assert.strictEqual(fixed.result, "good")
    assert.strictEqual(fixed.data.toString("hex"), "70000600 0000000a 00000000 29000000 0000".replaceAll(" ", ""))
    assert.strictEqual(run("03 01 00 00 ff 00", nexus).data.toString("hex"), "72062a0900000000")
    assert.strictEqual(run("03 01 00 00 ff 00", nexus).data.toString("hex"), "7200000000000000")
    assert.strictEqual(run("00", nexus).result, "good")
  })

  it("that the content is gone is told to the first command that uses the medium", () => {
    const nexus = new LogicalUnit(ramDisk(), { ...unitOptions, contentLost: true }).attach()
    assert.deepStrictEqual(
      ["00", "00", "25", "28 00 00000000 00 0001 00", "28 00 00000000 00 0001 00"].map((cdb) => run(cdb, nexus).result),
      ["6/29/00", "good", "good", "6/28/00", "good"]
    )
  })

  it("comes before the complaint about an unknown opcode, and is not counted as a refusal", () => {
    const nexus = newNexus()
    assert.strictEqual(run("c1", nexus).result, "6/29/00")
    assert.strictEqual(nexus.unit.refused, 0)
  })
})

describe("the end of a medium command", () => {
  const ended = (cdb: string, status: IoStatus, failedAt?: number) => {
    const { task } = run(cdb, quietNexus())
    completeIo(task, status, task.action === ScsiAction.read, failedAt, 512)
    const sense = `${task.senseKey.toString(16)} ${task.senseCode.toString(16)}`
    return { status: task.status, sense, information: task.information }
  }
  const read = "28 00 00000000 00 0001 00"
  const write = "2a 00 00000000 00 0001 00"

  it("is GOOD when the bdev did it", () => {
    assert.deepInclude(ended(read, IoStatus.ok), { status: ScsiStatus.good })
  })

  it("is a medium error of the right direction for blocks that could not be read or written", () => {
    const status = ScsiStatus.checkCondition
    assert.deepInclude(ended(read, IoStatus.mediumError), { status, sense: "3 1100", information: -1 })
    assert.deepInclude(ended(write, IoStatus.mediumError), { status, sense: "3 c00", information: -1 })
    assert.deepInclude(ended("35 00", IoStatus.mediumError), { status, sense: "3 c00", information: -1 })
  })

  it("has the first block that failed in INFORMATION, if it is one of the command's", () => {
    const four = (opcode: string) => `${opcode} 00 00000002 00 0004 00`
    for (const [failedAt, information] of [
      [1024, 2],
      [1535, 2],
      [2048, 4],
      [3071, 5],
      // A driver that names a block of somebody else's.
      [1023, -1],
      [3072, -1],
      [-1, -1],
      [Number.NaN, -1]
    ] as const) {
      assert.strictEqual(ended(four("28"), IoStatus.mediumError, failedAt).information, information)
      assert.strictEqual(ended(four("2a"), IoStatus.mediumError, failedAt).information, information)
      assert.strictEqual(ended(four("2a"), IoStatus.noSpace, failedAt).information, -1)
    }
  })

  it("tells a failed device from one that is not there, and from one that takes no writes", () => {
    const status = ScsiStatus.checkCondition
    for (const cdb of [read, write, "35 00"]) {
      assert.deepInclude(ended(cdb, IoStatus.failed), { status, sense: "4 4400" })
      assert.deepInclude(ended(cdb, IoStatus.notReady), { status, sense: "2 400" })
    }
    assert.deepInclude(ended(write, IoStatus.writeProtected), { status, sense: "7 2700" })
  })

  it("is ABORTED COMMAND when it was given up, and BUSY when memory was short", () => {
    assert.deepInclude(ended(write, IoStatus.aborted), { status: ScsiStatus.checkCondition, sense: "b 0" })
    assert.deepInclude(ended(write, IoStatus.noSpace), { status: ScsiStatus.checkCondition, sense: "7 2707" })
    assert.deepInclude(ended(write, IoStatus.noMemory), { status: ScsiStatus.busy })
  })

  it("is 5/25/00 when the LUN is being removed", () => {
    const { task } = run(write)
    endRemoved(task)
    assert.deepInclude(task, { status: ScsiStatus.checkCondition, senseKey: 5, senseCode: 0x2500, action: 0 })
  })
})
