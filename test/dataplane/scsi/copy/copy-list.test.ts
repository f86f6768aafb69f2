/** The parameter list of EXTENDED COPY, right and wrong in every way (SPC-4 6.4.3). */
import { assert, describe, it } from "vitest"
import {
  cscdDescriptorsMax,
  descriptorListBytesMax,
  parameterListBytesMax,
  segmentDescriptorsMax
} from "../../../../src/dataplane/scsi/copy/copy-limits.ts"
import { type CopyList, ListIdUsage, parseCopyList } from "../../../../src/dataplane/scsi/copy/copy-list.ts"
import { type CopyHeader, copyList } from "../../../support/initiator/copy-list.ts"
import { makeRandom, runSeed } from "../../../support/initiator/random.ts"

const naa = Buffer.from("3123456789abcdef", "hex")
const disk = { designator: naa, blockLength: 512 }
const segment = { source: 0, destination: 0, blocks: 2048, sourceLba: 0, destinationLba: 4096 }

/** `code` in hex, and where: `2600 at 16.7`, `1a00`; `ok` for a list. */
const outcomeOf = (list: Buffer): string => {
  const parsed = parseCopyList(list)
  if (parsed._tag === "CopyList") return "ok"
  const bit = parsed.bit < 0 ? "" : `.${parsed.bit}`
  return `${parsed.code.toString(16).padStart(4, "0")}${parsed.byte < 0 ? "" : ` at ${parsed.byte}${bit}`}`
}

const parsedList = (list: Buffer): CopyList => {
  const parsed = parseCopyList(list)
  if (parsed._tag !== "CopyList") throw new Error(`refused: ${outcomeOf(list)}`)
  return parsed
}

const headed = (header: CopyHeader): Buffer => copyList([disk], [segment], header)

const repeated = <A>(value: A, times: number): ReadonlyArray<A> => Array.from({ length: times }, () => value)

describe("a parameter list of EXTENDED COPY", () => {
  it("says which disks and which blocks", () => {
    const far = { ...segment, destination: 1, blocks: 65_535, sourceLba: 2 ** 40 + 1, countsDestinationBlocks: true }
    const list = copyList([disk, { ...disk, blockLength: 4096, association: 2 }], [segment, far], {
      listIdentifier: 7,
      listIdUsage: ListIdUsage.discard
    })
    const parsed = parsedList(list)
    assert.deepStrictEqual([parsed.listIdentifier, parsed.listIdUsage], [7, ListIdUsage.discard])
    const first = { peripheralDeviceType: 0, codeSet: 1, association: 0, designatorType: 3, designator: naa }
    assert.deepStrictEqual(parsed.cscds, [
      { ...first, blockLength: 512, listByte: 16 },
      { ...first, association: 2, blockLength: 4096, listByte: 48 }
    ])
    assert.deepStrictEqual(parsed.segments, [{ ...segment, countsDestinationBlocks: false }, far])
  })

  it("keeps no part of the buffer that it came in", () => {
    const list = headed({})
    const parsed = parsedList(list)
    list.fill(0xff)
    assert.deepStrictEqual(parsed.cscds[0]?.designator, naa)
  })

  it("may have no disks and no segments, and bytes behind its end", () => {
    assert.strictEqual(outcomeOf(copyList([], [])), "ok")
    assert.strictEqual(outcomeOf(Buffer.concat([headed({}), Buffer.alloc(9)])), "ok")
  })

  it("is refused with 1A/00 when it ends before it should, wherever", () => {
    const list = headed({})
    for (let length = 0; length < list.length; length++) assert.strictEqual(outcomeOf(list.subarray(0, length)), "1a00")
    const half = copyList([disk], [segment])
    half.writeUInt32BE(27, 8)
    assert.strictEqual(outcomeOf(half), "1a00")
  })

  it("has as many descriptors as there may be, and not one more", () => {
    const most = copyList(repeated(disk, cscdDescriptorsMax), repeated(segment, segmentDescriptorsMax))
    assert.strictEqual(most.length, parameterListBytesMax)
    assert.strictEqual(outcomeOf(most), "ok")
    assert.strictEqual(outcomeOf(copyList(repeated(disk, cscdDescriptorsMax + 1), [segment])), "2606 at 2")
    assert.strictEqual(outcomeOf(copyList([disk], repeated(segment, segmentDescriptorsMax + 1))), "2608 at 8")
    const both = copyList(repeated(disk, cscdDescriptorsMax + 1), repeated(segment, segmentDescriptorsMax + 1))
    assert.isAbove(both.length - 16, descriptorListBytesMax)
    assert.strictEqual(outcomeOf(both), "1a00")
  })

  it("has only disks that are identified and segments from block device to block device", () => {
    for (const descriptorType of [0xe0, 0xe3, 0xe5, 0xea, 0xff, 0x02]) {
      assert.strictEqual(outcomeOf(copyList([disk, { ...disk, descriptorType }], [segment])), "2607 at 48")
    }
    for (const descriptorType of [0x00, 0x01, 0x03, 0x0a, 0x0d, 0xe4, 0xbe]) {
      assert.strictEqual(outcomeOf(copyList([disk], [segment, { ...segment, descriptorType }])), "2609 at 76")
    }
  })

  it("is refused where a field has a value that means nothing", () => {
    assert.strictEqual(outcomeOf(headed({ listIdUsage: ListIdUsage.reserved })), "2600 at 1.4")
    assert.strictEqual(outcomeOf(headed({ listIdUsage: ListIdUsage.none })), "2600 at 0")
    assert.strictEqual(outcomeOf(headed({ listIdUsage: ListIdUsage.none, listIdentifier: 0 })), "ok")
    assert.strictEqual(outcomeOf(copyList([{ ...disk, designatorLength: 21 }], [segment])), "2600 at 23")
    const wrongLength = headed({})
    wrongLength.writeUInt16BE(0x19, 50)
    assert.strictEqual(outcomeOf(wrongLength), "2600 at 50")
    const uneven = headed({})
    uneven.writeUInt16BE(31, 2)
    assert.strictEqual(outcomeOf(uneven), "2600 at 2")
  })

  it("has no inline data", () => {
    assert.strictEqual(outcomeOf(Buffer.concat([headed({ inlineLength: 4 }), Buffer.alloc(4)])), "260b at 12")
    assert.strictEqual(outcomeOf(headed({ inlineLength: 0xffffffff })), "1a00")
  })

  it("is never misread, whatever its bytes are", () => {
    const random = makeRandom(runSeed(51))
    for (let round = 0; round < 20_000; round++) {
      const list = copyList(repeated(disk, random.below(4)), repeated(segment, random.below(4)))
      for (let change = random.below(4); change > 0; change--) list[random.below(list.length)] = random.below(256)
      const given = list.subarray(0, random.chance(0.8) ? list.length : random.below(list.length))
      const parsed = parseCopyList(given)
      if (parsed._tag === "CopyListError") {
        assert.isBelow(parsed.byte, given.length)
        continue
      }
      assert.strictEqual(parsed.cscds.length * 32, given.readUInt16BE(2))
      assert.strictEqual(parsed.segments.length * 28, given.readUInt32BE(8))
      for (const { designator } of parsed.cscds) assert.isAtMost(designator.length, 20)
    }
  })
})
