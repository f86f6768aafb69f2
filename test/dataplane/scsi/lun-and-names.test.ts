/** LUN fields (SAM-5 4.7) and the names of codes in texts for people. */
import { assert, describe, it } from "vitest"
import { opcodeName } from "../../../src/dataplane/scsi/command-names.ts"
import { commandSet } from "../../../src/dataplane/scsi/command-set.ts"
import { decodeLun, encodeLun, reportLunsWellKnownLun } from "../../../src/dataplane/scsi/lun.ts"
import { ScsiStatus, scsiStatusName } from "../../../src/dataplane/scsi/scsi-status.ts"
import { SenseCode, SenseKey, senseCodeName, senseKeyName } from "../../../src/dataplane/scsi/sense-codes.ts"

const decode = (hex: string) => decodeLun(Buffer.from(hex, "hex"), 0)

describe("a LUN field", () => {
  it("gives back each LUN that was written, at any offset", () => {
    const field = Buffer.alloc(12, 0xee)
    for (const lun of [0, 1, 255, 256, 300, 16383, reportLunsWellKnownLun]) {
      encodeLun(lun, field, 3)
      assert.strictEqual(decodeLun(field, 3), lun)
    }
    assert.deepStrictEqual([field[2], field[11]], [0xee, 0xee])
  })

  it("is written with peripheral addressing below 256 and flat addressing above", () => {
    const field = Buffer.alloc(8)
    encodeLun(255, field, 0)
    assert.strictEqual(field.toString("hex"), "00ff000000000000")
    encodeLun(256, field, 0)
    assert.strictEqual(field.toString("hex"), "4100000000000000")
  })

  it("is read in flat addressing also below 256", () => {
    assert.strictEqual(decode("4005000000000000"), 5)
  })

  it("means nothing in other forms: another bus, a second level, other address methods", () => {
    const forms = ["0105000000000000", "0001000100000000", "0001000000000001", "8001000000000000", "c102000000000000"]
    for (const form of forms) assert.strictEqual(decode(form), -1, form)
  })
})

describe("names", () => {
  it("exist for every code that lunlog sends or does", () => {
    for (const code of Object.values(SenseCode)) assert.notMatch(senseCodeName(code), /additional sense \d/)
    for (const key of Object.values(SenseKey)) assert.match(senseKeyName(key), /^[A-Z ]+$/)
    for (const { opcode } of commandSet) assert.notMatch(opcodeName(opcode), /opcode/)
    for (const status of Object.values(ScsiStatus)) assert.notMatch(scsiStatusName(status), /status/)
  })

  it("say the number of what they don't know", () => {
    assert.strictEqual(opcodeName(0xc1), "opcode 0xc1")
    assert.strictEqual(senseCodeName(0x3b05), "additional sense 3Bh/05h")
    assert.strictEqual(scsiStatusName(0x42), "status 0x42")
  })
})
