/** REPORT SUPPORTED OPERATION CODES (SPC-4 6.35): it says what is done, and nothing else. */
import { assert, describe, it } from "vitest"
import { commandSet } from "../../../../src/dataplane/scsi/command-set.ts"
import { controlByteOf } from "../../../../src/dataplane/scsi/control-byte.ts"
import { fieldPointer, nullDisk, quietNexus, run } from "../scsi-fixture.ts"

const ask = (options: string, opcode = "00", action = "0000", allocation = "00001000") =>
  run(`a3 0c ${options} ${opcode} ${action} ${allocation} 00 00`)

/** SANITIZE, PERSISTENT RESERVE IN and OUT: a service action that is not there is an invalid field. */
const oneCommandOpcodes: ReadonlyArray<number> = [0x48, 0x5e, 0x5f]

describe("the list of all commands", () => {
  it("is exactly what prepare does", () => {
    for (let opcode = 0; opcode < 256; opcode++) {
      for (let action = 0; action < 32; action++) {
        const { result, sense } = run(Buffer.from([opcode, action]), quietNexus(nullDisk(2048)))
        const there = commandSet.some(
          (command) => command.opcode === opcode && (command.serviceAction ?? action) === action
        )
        const isWrongAction = result === "5/24/00" && fieldPointer(sense) === "field 1.4"
        const isAbsent = result === "5/20/00" || (isWrongAction && oneCommandOpcodes.includes(opcode))
        assert.strictEqual(!isAbsent, there, `opcode ${opcode}, service action ${action}`)
      }
    }
  })

  it("is in order, and has every command once", () => {
    const order = commandSet.map(({ opcode, serviceAction = 0 }) => opcode * 32 + serviceAction)
    assert.deepStrictEqual(
      order,
      [...new Set(order)].sort((a, b) => a - b)
    )
    for (const { name, opcode, serviceAction, usage } of commandSet) {
      const bytes = Buffer.from(usage.replaceAll(" ", ""), "hex")
      assert.strictEqual(bytes[0], opcode, name)
      if (serviceAction !== undefined) assert.strictEqual((bytes[1] ?? 0) & 0x1f, serviceAction, name)
    }
  })

  it("has opcode, service action and CDB length of each", () => {
    const { data } = ask("00")
    assert.strictEqual(data.readUInt32BE(0), data.length - 4)
    assert.strictEqual(data.length, 4 + 8 * commandSet.length)
    assert.strictEqual(data.subarray(4, 12).toString("hex"), "0000000000000006")
    const at = 4 + 8 * commandSet.findIndex(({ name }) => name === "READ CAPACITY(16)")
    assert.strictEqual(data.subarray(at, at + 8).toString("hex"), "9e00001000010010")
  })

  it("has a timeouts descriptor for each with RCTD", () => {
    const { data } = ask("80")
    assert.strictEqual(data.length, 4 + 20 * commandSet.length)
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
    for (const { opcode, serviceAction = 0 } of commandSet) {
      const action = serviceAction.toString(16).padStart(4, "0")
      const { data } = ask("03", opcode.toString(16).padStart(2, "0"), action)
      assert.strictEqual(data[4], opcode)
      assert.strictEqual(data.readUInt16BE(2), controlByteOf(opcode) + 1)
      assert.strictEqual(data.length, 4 + data.readUInt16BE(2))
    }
  })

  it("says of what is not there that it is not supported", () => {
    assert.strictEqual(ask("01", "04").data.toString("hex"), "00010000")
    assert.strictEqual(ask("02", "9e", "0013").data.toString("hex"), "00010000")
    assert.strictEqual(ask("03", "9e", "0013").data.toString("hex"), "00010000")
    assert.strictEqual(ask("02", "7f", "0001").data.toString("hex"), "00010000")
  })

  it("leaves out what this unit does not have: UNMAP of one that is not thin", () => {
    const full = quietNexus(
      Object.assign(Object.create(nullDisk(8)), { thin: false, writeCache: true, atomicWrites: false })
    )
    const report = (opcode: string, nexus = quietNexus()) =>
      run(`a3 0c 01 ${opcode} 0000 00001000 00 00`, nexus).data.readUInt8(1)
    for (const [opcode, cdb] of [
      ["42", "42 00 00000000 00 0018 00"],
      ["9c", "9c 00 0000000000000000 0000 0001 00 00"]
    ] as const) {
      assert.deepStrictEqual([report(opcode), report(opcode, full)], [3, 1])
      assert.strictEqual(run(cdb, full).result, "5/20/00")
    }
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
      const there = commandSet.some(({ opcode, serviceAction }) => opcode === 0xa3 && serviceAction === action)
      if (!there) assert.strictEqual(run(Buffer.from([0xa3, action])).result, "5/20/00")
    }
  })
})
