/** Sense data, byte by byte, in both formats (SPC-4 4.5). */
import { assert, describe, it } from "vitest"
import { ScsiTask } from "../../../src/dataplane/scsi/ScsiTask.ts"
import { encodeSense, senseLengthMax } from "../../../src/dataplane/scsi/sense.ts"
import { SenseCode, SenseKey } from "../../../src/dataplane/scsi/sense-codes.ts"
import { run } from "./scsi-fixture.ts"

const encoded = (descriptorFormat: boolean, make: (task: ScsiTask) => void): string => {
  const task = new ScsiTask()
  make(task)
  // What was there before must not shine through.
  const room = Buffer.alloc(senseLengthMax + 2, 0xee)
  const length = encodeSense(task, descriptorFormat, room, 1)
  assert.strictEqual(room[0], 0xee)
  assert.strictEqual(room[senseLengthMax + 1], 0xee)
  return room.toString("hex", 1, 1 + length)
}
const hex = (text: string): string => text.replaceAll(" ", "")

const miscompare = (information: number) => (task: ScsiTask) => {
  task.checkCondition(SenseKey.miscompare, 0x1d00)
  task.information = information
}

describe("fixed format", () => {
  it("has key and code", () => {
    const sense = encoded(false, (task) => task.checkCondition(SenseKey.mediumError, SenseCode.unrecoveredReadError))
    assert.strictEqual(sense, hex("70 00 03 00000000 0a 00000000 1100 00 00 0000"))
  })

  it("has INFORMATION with VALID only where it fits", () => {
    assert.strictEqual(encoded(false, miscompare(0xffffffff)), hex("f0 00 0e ffffffff 0a 00000000 1d00 00 00 0000"))
    assert.strictEqual(encoded(false, miscompare(0)), hex("f0 00 0e 00000000 0a 00000000 1d00 00 00 0000"))
    assert.strictEqual(encoded(false, miscompare(2 ** 32)), hex("70 00 0e 00000000 0a 00000000 1d00 00 00 0000"))
  })

  it("points into the CDB or into the parameter list", () => {
    assert.strictEqual(
      encoded(false, (task) => task.invalidField(7, 3)),
      hex("70 00 05 00000000 0a 00000000 2400 00 cb 0007")
    )
    assert.strictEqual(
      encoded(false, (task) => task.invalidParameter(18)),
      hex("70 00 05 00000000 0a 00000000 2600 00 80 0012")
    )
  })

  it("has command-specific information and progress", () => {
    const sense = encoded(false, (task) => {
      task.checkCondition(SenseKey.notReady, 0x041b)
      task.commandSpecific = 0x1234
      task.progress = 0x8000
    })
    assert.strictEqual(sense, hex("70 00 02 00000000 0a 00001234 041b 00 80 8000"))
  })
})

describe("descriptor format", () => {
  it("has no descriptor where there is nothing to say", () => {
    const sense = encoded(true, (task) => task.checkCondition(SenseKey.mediumError, SenseCode.unrecoveredReadError))
    assert.strictEqual(sense, "7203110000000000")
  })

  it("has 64 bits of INFORMATION", () => {
    assert.strictEqual(encoded(true, miscompare(2 ** 40)), hex("72 0e 1d00 000000 0c 000a 80 00 0000010000000000"))
  })

  it("points into the CDB or into the parameter list", () => {
    assert.strictEqual(
      encoded(true, (task) => task.invalidField(1, 7)),
      hex("72 05 2400 000000 08 0206 0000 cf 0001 00")
    )
    assert.strictEqual(
      encoded(true, (task) => task.invalidParameter(4, 5)),
      hex("72 05 2600 000000 08 0206 0000 8d 0004 00")
    )
  })

  it("has all three descriptors in the order of their types", () => {
    const sense = encoded(true, (task) => {
      task.checkCondition(SenseKey.copyAborted, 0x0d01)
      task.information = 1
      task.commandSpecific = 2
      task.progress = 0x1_0000
    })
    assert.strictEqual(
      sense,
      hex("72 0a 0d01 000000 20 000a8000 0000000000000001 010a0000 0000000000000002 02060000 80ffff00")
    )
  })
})

describe("REQUEST SENSE", () => {
  it("answers in the format that DESC asks for", () => {
    assert.strictEqual(run("03 00 00 00 ff 00").data.toString("hex"), `70${"00".repeat(6)}0a${"00".repeat(10)}`)
    assert.strictEqual(run("03 01 00 00 ff 00").data.toString("hex"), "7200000000000000")
  })
})
