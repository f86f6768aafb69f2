/** REPORT SUPPORTED OPERATION CODES (SPC-4 6.35): it says what is done, and nothing else. */
import { assert, describe, it } from "vitest"
import { controlByteOf } from "../../../src/dataplane/scsi/opcodes.ts"
import { supportedOpcodes } from "../../../src/dataplane/scsi/supported-opcodes.ts"
import { fieldPointer, quietNexus, run } from "./scsi-fixture.ts"

const ask = (options: string, opcode = "00", action = "0000", allocation = "00001000") =>
  run(`a3 0c ${options} ${opcode} ${action} ${allocation} 00 00`)

describe("the list of all commands", () => {
  it("is exactly what prepare does", () => {
    const nexus = quietNexus()
    const action = new Map([
      [0x9e, 0x10],
      [0xa3, 0x0c]
    ])
    for (let opcode = 0; opcode < 256; opcode++) {
      const { result } = run(Buffer.from([opcode, action.get(opcode) ?? 0]), nexus)
      assert.strictEqual(result !== "5/20/00", supportedOpcodes.has(opcode), `opcode ${opcode}`)
    }
  })

  it("has opcode, service action and CDB length of each", () => {
    const { data } = ask("00")
    assert.strictEqual(data.readUInt32BE(0), data.length - 4)
    assert.strictEqual(data.length, 4 + 8 * supportedOpcodes.size)
    assert.strictEqual(data.subarray(4, 12).toString("hex"), "0000000000000006")
    const at = 4 + 8 * [...supportedOpcodes].indexOf(0x9e)
    assert.strictEqual(data.subarray(at, at + 8).toString("hex"), "9e00001000010010")
  })

  it("has a timeouts descriptor for each with RCTD", () => {
    const { data } = ask("80")
    assert.strictEqual(data.length, 4 + 20 * supportedOpcodes.size)
    assert.strictEqual(data.subarray(4, 24).toString("hex"), `0000000000020006000a${"00".repeat(10)}`)
  })

  it("is cut to the allocation length, and keeps the full length", () => {
    const { data } = ask("00", "00", "0000", "00000004")
    assert.strictEqual(data.toString("hex"), ask("00").data.subarray(0, 4).toString("hex"))
  })
})

describe("the report of one command", () => {
  it("shows the bits that count: DPO and FUA of READ(10) among them", () => {
    assert.strictEqual(ask("01", "28").data.toString("hex"), "0003000a2818ffffffff00ffff00")
    assert.strictEqual(ask("03", "28").data.toString("hex"), "0003000a2818ffffffff00ffff00")
    assert.strictEqual(ask("02", "9e", "0010").data.toString("hex"), `000300109e10${"00".repeat(8)}ffffffff0000`)
    assert.strictEqual(ask("03", "9e", "0010").data.readUInt8(1), 3)
  })

  it("has a CDB as long as its CONTROL byte's place says", () => {
    for (const opcode of supportedOpcodes) {
      const { data } = ask("03", opcode.toString(16).padStart(2, "0"), { 158: "0010", 163: "000c" }[opcode])
      assert.strictEqual(data[4], opcode)
      assert.strictEqual(data.readUInt16BE(2), controlByteOf(opcode) + 1)
      assert.strictEqual(data.length, 4 + data.readUInt16BE(2))
    }
  })

  it("says of what is not there that it is not supported", () => {
    assert.strictEqual(ask("01", "42").data.toString("hex"), "00010000")
    assert.strictEqual(ask("02", "9e", "0012").data.toString("hex"), "00010000")
    assert.strictEqual(ask("03", "9e", "0012").data.toString("hex"), "00010000")
    assert.strictEqual(ask("02", "7f", "0001").data.toString("hex"), "00010000")
  })

  it("adds timeouts with RCTD", () => {
    assert.strictEqual(ask("81", "00").data.toString("hex"), `00830006${"00".repeat(6)}000a${"00".repeat(10)}`)
  })

  it("refuses questions that mix up commands with and without service actions", () => {
    for (const { result, sense } of [ask("01", "9e"), ask("02", "28"), ask("04", "28"), ask("07")]) {
      assert.deepStrictEqual([result, fieldPointer(sense)], ["5/24/00", "field 2.2"])
    }
  })
})

describe("MAINTENANCE IN", () => {
  it("answers 5/20/00 to every other service action", () => {
    for (let action = 0; action < 32; action++) {
      if (action !== 0x0c) assert.strictEqual(run(Buffer.from([0xa3, action])).result, "5/20/00")
    }
  })
})
