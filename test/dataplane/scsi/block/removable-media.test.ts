/** The medium of a removable disk: ejecting, loading, and who forbids it (SBC-3 5.10, 5.25). */
import { assert, describe, it } from "vitest"
import { NullBdev } from "../../../../src/dataplane/bdev/memory/NullBdev.ts"
import { commandSet } from "../../../../src/dataplane/scsi/command-set.ts"
import type { Nexus } from "../../../../src/dataplane/scsi/Nexus.ts"
import { ScsiAction } from "../../../../src/dataplane/scsi/ScsiTask.ts"
import { SenseCode } from "../../../../src/dataplane/scsi/sense-codes.ts"
import { quietNexus, run } from "../scsi-fixture.ts"

const eject = "1b 00 00 00 02 00"
const load = "1b 00 00 00 03 00"
const prevent = "1e 00 00 00 01 00"
const allow = "1e 00 00 00 00 00"

const removable = (): Nexus =>
  quietNexus(new NullBdev({ _tag: "Null", blockCount: 2048, blockSize: 512, physicalBlockSize: 512, removable: true }))
const another = (nexus: Nexus): Nexus => {
  const other = nexus.unit.attach()
  other.take(true)
  return other
}
const resultOf = (cdb: string | Buffer, nexus: Nexus) => run(cdb, nexus).result

describe("a removable disk", () => {
  it("says RMB, which no other does", () => {
    assert.strictEqual(run("12 00 00 00 ff 00", removable()).data[1], 0x80)
    assert.strictEqual(run("12 00 00 00 ff 00").data[1], 0x00)
  })

  it("flushes, and then has no medium for anybody", () => {
    const nexus = removable()
    const other = another(nexus)
    assert.deepInclude(run("1b 01 00 00 02 00", nexus).task, { action: ScsiAction.flush, immediate: true })
    for (const command of commandSet) {
      if (!command.usesMedium && command.needsMedium !== true) continue
      const cdb = Buffer.alloc(16)
      cdb[0] = command.opcode
      cdb[1] = command.serviceAction ?? 0
      assert.strictEqual(resultOf(cdb, other), "2/3a/00", command.name)
    }
    assert.strictEqual(resultOf("00", nexus), "2/3a/00")
    assert.strictEqual(resultOf("1b 00 00 00 01 00", nexus), "2/3a/00", "a start")
  })

  it("still answers who asks about the unit, not the medium", () => {
    const nexus = removable()
    run(eject, nexus)
    for (const cdb of ["12 00 00 00 ff 00", "1a 00 3f 00 ff 00", "a0 00 00 000000 00001000", "1b 00 00 00 00 00"]) {
      assert.strictEqual(resultOf(cdb, nexus), "good")
    }
    assert.strictEqual(
      run("03 00 00 00 ff 00", nexus).data.toString("hex"),
      `70 00 02 00000000 0a 00000000 3a00 ${"00".repeat(4)}`.replaceAll(" ", "")
    )
  })

  it("is ejected again without effect, with and without a flush", () => {
    const nexus = removable()
    assert.deepInclude(run("1b 00 00 00 06 00", nexus), { action: ScsiAction.none, result: "good" })
    assert.deepInclude(run(eject, nexus), { action: ScsiAction.none, result: "good" })
    assert.strictEqual(resultOf("00", nexus), "2/3a/00")
  })

  it("tells every other initiator 6/28/00 once it is loaded, with its next command", () => {
    const nexus = removable()
    const [first, second] = [another(nexus), another(nexus)]
    run(eject, nexus)
    assert.strictEqual(resultOf(load, nexus), "good")
    assert.strictEqual(resultOf("28", nexus), "good", "it has done it")
    assert.strictEqual(resultOf("12 00 00 00 ff 00", first), "good", "INQUIRY does not ask for it")
    assert.strictEqual(resultOf("00", first), "6/28/00")
    assert.strictEqual(resultOf("28", first), "good")
    assert.strictEqual(resultOf("28", second), "6/28/00")
    assert.strictEqual(resultOf("00", second), "good")
    run(load, nexus)
    assert.isFalse(first.hasUnitAttention, "it was in already")
  })

  it("stays in while anybody prevents its removal", () => {
    const nexus = removable()
    const other = another(nexus)
    assert.strictEqual(resultOf(prevent, other), "good")
    assert.strictEqual(resultOf(eject, nexus), "5/53/02")
    assert.strictEqual(resultOf(eject, other), "5/53/02")
    assert.strictEqual(resultOf(allow, nexus), "good")
    assert.strictEqual(resultOf(eject, nexus), "5/53/02", "the other has not allowed it")
    assert.strictEqual(resultOf(allow, other), "good")
    assert.strictEqual(resultOf(eject, nexus), "good")
  })

  it("stays out while anybody prevents that, and can be loaded while it is in", () => {
    const nexus = removable()
    run(prevent, nexus)
    assert.strictEqual(resultOf(load, nexus), "good", "it is in")
    run(allow, nexus)
    run(eject, nexus)
    run(prevent, nexus)
    assert.strictEqual(resultOf(load, nexus), "5/53/02")
    run(allow, nexus)
    assert.strictEqual(resultOf(load, nexus), "good")
  })

  it("can be ejected again when who prevented it is gone, or the unit is reset", () => {
    const nexus = removable()
    const other = another(nexus)
    run(prevent, other)
    other.detach()
    assert.strictEqual(resultOf(eject, nexus), "good")
    run(load, nexus)
    nexus.take(true)
    run(prevent, nexus)
    nexus.unit.reset(SenseCode.busDeviceResetFunctionOccurred)
    nexus.take(true)
    assert.strictEqual(resultOf(eject, nexus), "good")
  })

  it("refuses the obsolete ways to prevent", () => {
    assert.strictEqual(resultOf("1e 00 00 00 02 00", removable()), "5/24/00")
    assert.strictEqual(resultOf("1e 00 00 00 03 00", removable()), "5/24/00")
  })
})
