/** SCSI Command, Data-In, Data-Out, R2T and SCSI Response on the wire, byte for byte (RFC 7143 11.3 to 11.8). */
import { assert, describe, it } from "vitest"
import {
  ahsBytesOf,
  beginHeader,
  bhsBytes,
  cmdSnOf,
  dataSegmentBytesOf,
  initiatorTaskTagOf,
  isImmediate,
  opcodeOf,
  paddingOf,
  put32,
  targetTransferTagOf
} from "../../../../src/dataplane/iscsi/pdu/bhs.ts"
import { InitiatorOpcode, opcodeName } from "../../../../src/dataplane/iscsi/pdu/opcodes.ts"
import {
  addDataInStatus,
  bufferOffsetOf,
  dataSnOf,
  expectedDataTransferLengthOf,
  writeDataIn,
  writeR2t,
  writeScsiResponse
} from "../../../../src/dataplane/iscsi/pdu/scsi.ts"
import { hex, written } from "./wire-bytes.ts"

describe("a basic header segment is read", () => {
  // READ (10) of 8 blocks at 2048, as libiscsi sends it; with an additional header segment length of one word.
  const command = hex(`
    41 c1 00 00  01 00 01 02  00 01 00 00  00 00 00 00
    01 02 03 04  00 00 10 00  a0 00 00 01  b0 00 00 02
    28 00 00 00  08 00 00 00  08 00 00 00  00 00 00 00`)

  it("with every field at its place, wherever it lies in the buffer", () => {
    for (const at of [0, 1, 5]) {
      const b = Buffer.concat([Buffer.alloc(at, 0xff), command])
      assert.strictEqual(opcodeOf(b, at), InitiatorOpcode.ScsiCommand)
      assert.isTrue(isImmediate(b, at))
      assert.strictEqual(ahsBytesOf(b, at), 4)
      assert.strictEqual(dataSegmentBytesOf(b, at), 0x102)
      assert.strictEqual(initiatorTaskTagOf(b, at), 0x01020304)
      assert.strictEqual(expectedDataTransferLengthOf(b, at), 4096)
      assert.strictEqual(cmdSnOf(b, at), 0xa0000001)
    }
  })

  it("of a Data-Out, with tags and offsets above 2^31", () => {
    const b = hex(`
      05 80 00 00  00 00 02 00  00 00 00 00  00 00 00 00
      ff ff ff fe  80 00 00 01  00 00 00 00  00 00 00 09
      00 00 00 00  00 00 00 03  f0 00 00 00  00 00 00 00`)
    assert.isFalse(isImmediate(b, 0))
    assert.strictEqual(initiatorTaskTagOf(b, 0), 0xfffffffe)
    assert.strictEqual(targetTransferTagOf(b, 0), 0x80000001)
    assert.strictEqual(dataSnOf(b, 0), 3)
    assert.strictEqual(bufferOffsetOf(b, 0), 0xf0000000)
  })
})

describe("a header is written", () => {
  it("over whatever was in the buffer: reserved bytes are zero", () => {
    const b = Buffer.alloc(bhsBytes + 2, 0xee)
    beginHeader(b, 1, 0x3f, 0x80, 0xabcdef)
    assert.deepStrictEqual(
      b.subarray(1, 1 + bhsBytes),
      Buffer.concat([hex("3f 80 00 00 00 ab cd ef"), Buffer.alloc(40)])
    )
    assert.strictEqual(b[0], 0xee)
    assert.strictEqual(b[bhsBytes + 1], 0xee)
  })

  it("with numbers modulo 2^32", () => {
    const b = Buffer.alloc(4)
    for (const [value, bytes] of [
      [0xffffffff, "ff ff ff ff"],
      [0x1_0000_0002, "00 00 00 02"],
      [-1, "ff ff ff ff"],
      [0x80000000, "80 00 00 00"]
    ] as const) {
      put32(b, 0, value)
      assert.deepStrictEqual(b, hex(bytes))
    }
  })

  it("and padded to whole words", () => {
    assert.deepStrictEqual([0, 1, 2, 3, 4, 5, 0xffffff].map(paddingOf), [0, 3, 2, 1, 0, 3, 1])
  })
})

describe("Data-In", () => {
  it("without status carries no StatSN and no residual", () => {
    const b = written((to, at) => writeDataIn(to, at, 0x80, 0x10203, 0xa1a2a3a4, 0xb1b2b3b4, 0xc1c2c3c4, 5, 0xd1d2d3d4))
    assert.deepStrictEqual(
      b,
      hex(`
        25 80 00 00  00 01 02 03  00 00 00 00  00 00 00 00
        a1 a2 a3 a4  ff ff ff ff  00 00 00 00  b1 b2 b3 b4
        c1 c2 c3 c4  00 00 00 05  d1 d2 d3 d4  00 00 00 00`)
    )
  })

  it("with status is both the data and the response", () => {
    const b = written((to, at) => {
      writeDataIn(to, at, 0x83, 512, 1, 2, 3, 4, 8192)
      addDataInStatus(to, at, 0x00, 0xe1e2e3e4, 0x200)
    })
    assert.deepStrictEqual(
      b,
      hex(`
        25 83 00 00  00 00 02 00  00 00 00 00  00 00 00 00
        00 00 00 01  ff ff ff ff  e1 e2 e3 e4  00 00 00 02
        00 00 00 03  00 00 00 04  00 00 20 00  00 00 02 00`)
    )
  })
})

describe("SCSI Response", () => {
  it("with sense data has them in its data segment, two bytes of length before them", () => {
    const b = written((to, at) => writeScsiResponse(to, at, 0x02, 0x02, 4096, 9, 10, 11, 12, 3, 18))
    assert.deepStrictEqual(
      b,
      hex(`
        21 82 00 02  00 00 00 14  00 00 00 00  00 00 00 00
        00 00 00 09  00 00 00 00  00 00 00 0a  00 00 00 0b
        00 00 00 0c  00 00 00 03  00 00 00 00  00 00 10 00`)
    )
  })

  it("without sense data has no data segment", () => {
    const b = written((to, at) => writeScsiResponse(to, at, 0x28, 0, 0, 9, 10, 11, 12, 0, 0))
    assert.deepStrictEqual(b.subarray(0, 8), hex("21 80 00 28 00 00 00 00"))
  })
})

describe("R2T", () => {
  it("names the LUN of the command, so that Data-Out can copy it (RFC 7143 section 11.8)", () => {
    const b = written((to, at) => writeR2t(to, at, 0x4123, 1, 2, 3, 4, 5, 6, 0x10000, 0x20000))
    assert.deepStrictEqual(
      b,
      hex(`
        31 80 00 00  00 00 00 00  41 23 00 00  00 00 00 00
        00 00 00 01  00 00 00 02  00 00 00 03  00 00 00 04
        00 00 00 05  00 00 00 06  00 01 00 00  00 02 00 00`)
    )
  })
})

describe("opcodes", () => {
  it("have names, or numbers", () => {
    assert.strictEqual(opcodeName(0x05), "DataOut")
    assert.strictEqual(opcodeName(0x3f), "Reject")
    assert.strictEqual(opcodeName(0x1c), "0x1c")
  })
})
