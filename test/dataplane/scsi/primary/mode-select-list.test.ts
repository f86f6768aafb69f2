/** The parameter list of MODE SELECT (SPC-4 6.11, 6.12): what is taken, what is refused and where, and any bytes. */
import { assert, describe, it } from "vitest"
import { ModeValues } from "../../../../src/dataplane/scsi/primary/ModeValues.ts"
import { modePages } from "../../../../src/dataplane/scsi/primary/mode-pages.ts"
import { type ModeSelectResult, readModeSelect } from "../../../../src/dataplane/scsi/primary/mode-select-list.ts"
import { nullDisk } from "../scsi-fixture.ts"

const unit = { bdev: nullDisk(0x1234), modeValues: new ModeValues() }
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex")
const read6 = (hex: string): ModeSelectResult => readModeSelect(bytes(hex), 4, unit)
const read10 = (hex: string): ModeSelectResult => readModeSelect(bytes(hex), 8, unit)

const header = "00 00 00 00"
const control = "0a0a 02 10 00 00 0000 0000 0000"
const protectedControl = "0a0a 02 10 08 00 0000 0000 0000"
const tooShort = { code: 0x1a00, byte: -1, bit: -1 }
const invalid = (byte: number, bit: number) => ({ code: 0x2600, byte, bit })

const changed = (result: ModeSelectResult): ReadonlyArray<string> =>
  "changes" in result ? result.changes.map(({ bytes }) => bytes.toString("hex")) : [`refused at ${result.byte}`]

describe("a list of MODE SELECT", () => {
  it("changes what may be changed", () => {
    assert.deepStrictEqual(changed(read6(`${header} ${protectedControl}`)), [protectedControl.replaceAll(" ", "")])
    assert.deepStrictEqual(changed(read10(`${header}${header} 0a0a 06 ${"10 00 00 0000 0000 0000"}`)), [
      "0a0a06100000000000000000"
    ])
  })

  it("changes nothing that is so already, and takes the last of several", () => {
    assert.deepStrictEqual(changed(read6(`${header} ${control}`)), [])
    assert.deepStrictEqual(changed(read6(header)), [])
    assert.deepStrictEqual(changed(read6(`${header} ${protectedControl} ${control}`)), [])
    assert.lengthOf(changed(read6(`${header} ${control} ${protectedControl}`)), 1)
  })

  it("takes a block descriptor that says what the disk has", () => {
    const accepted = [
      read6(`00000008 00001234 00000200 ${control}`),
      read6("00000008 00000000 00000200"),
      read6("00000008 ffffffff 00000200"),
      read10("00000000 0000 0008 00001234 00000200"),
      read10("00000000 0100 0010 0000000000001234 00000000 00000200"),
      read10("00000000 0100 0010 ffffffffffffffff 00000000 00000200")
    ]
    assert.deepStrictEqual(
      accepted.map(changed),
      accepted.map(() => [])
    )
  })

  it("refuses another size of the disk or of its blocks, and more descriptors", () => {
    assert.deepStrictEqual(read6("00000008 00001233 00000200"), invalid(4, 7))
    assert.deepStrictEqual(read6("00000008 00001234 00001000"), invalid(9, 7))
    assert.deepStrictEqual(read6("00000010 00001234 00000200 00001234 00000200"), invalid(3, 7))
    assert.deepStrictEqual(read6("00010000"), invalid(1, 7))
    assert.deepStrictEqual(read10("00000000 0100 0010 0000000000001235 00000000 00000200"), invalid(8, 7))
    assert.deepStrictEqual(read10("00000000 0100 0010 0000000000001234 00000000 00001000"), invalid(20, 7))
    assert.deepStrictEqual(read10("00000000 0100 0008 00001234 00000200"), invalid(6, 7))
  })

  it("points at the first bit that cannot be changed", () => {
    assert.deepStrictEqual(read6(`${header} 0a0a 02 14 00 00 0000 0000 0000`), invalid(7, 2))
    assert.deepStrictEqual(read6(`${header} 0a0a 00 10 08 00 0000 0000 0000`), invalid(6, 1))
    assert.deepStrictEqual(read6(`${header} ${control} 0812 04 ${"00".repeat(17)}`), invalid(18, 2))
  })

  it("refuses pages that are not there, and lengths that are not theirs", () => {
    assert.deepStrictEqual(read6(`${header} 03 0a ${"00".repeat(10)}`), invalid(4, 5))
    assert.deepStrictEqual(read6(`${header} 4a 02 001c ${"00".repeat(28)}`), invalid(4, 5))
    assert.deepStrictEqual(read6(`${header} 4a 00 000a ${"00".repeat(10)}`), invalid(4, 5))
    assert.deepStrictEqual(read6(`${header} 0a 09 ${"00".repeat(9)}`), invalid(5, 7))
    assert.deepStrictEqual(read6(`${header} 4a 01 001d ${"00".repeat(29)}`), invalid(6, 7))
  })

  it("refuses a list that ends within something", () => {
    const whole = bytes(`00000008 00001234 00000200 ${control} 4a01 001c 01 ${"00".repeat(27)}`)
    assert.deepStrictEqual(changed(readModeSelect(whole, 4, unit)), [])
    const ends = new Set([4, 12, 24, 56])
    for (let length = 0; length < whole.length; length++) {
      const result = readModeSelect(whole.subarray(0, length), 4, unit)
      if (length === 4) assert.deepStrictEqual(result, tooShort, "a descriptor is promised")
      else if (ends.has(length)) assert.deepStrictEqual(changed(result), [])
      else assert.deepStrictEqual(result, tooShort, `${length} bytes`)
    }
  })
})

describe("any bytes", () => {
  const seed = Number(process.env["LUNLOG_TEST_SEED"] ?? 1)

  it("are read without a mistake, and never change what cannot be changed", () => {
    let state = seed
    const roll = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    const parts = [control, protectedControl, "4a01001c01", "0812", "3fff", "ff", "00", "1c0a08", "7c02"].map(bytes)
    for (let round = 0; round < 20_000; round++) {
      const pieces = Array.from({ length: roll(4) }, () => parts[roll(parts.length)] ?? Buffer.alloc(0))
      const list = Buffer.concat([bytes(header), ...(round % 2 === 0 ? [bytes(header)] : []), ...pieces])
      if (list.length > 0 && roll(2) === 0) list[roll(list.length)] = roll(256)
      const cut = list.subarray(0, roll(list.length + 1))
      const result = readModeSelect(cut, round % 2 === 0 ? 8 : 4, unit)
      if ("changes" in result) {
        assert.isAtMost(result.changes.length, modePages.length)
        for (const { bytes: after, page } of result.changes) {
          const before = unit.modeValues.current(page, unit.bdev)
          for (let at = 0; at < page.length; at++) {
            const mask = page.changeable(unit.bdev).get(at) ?? 0
            if (at >= 2) assert.strictEqual((after[at] ?? 0) & ~mask, (before[at] ?? 0) & ~mask, `seed ${seed}`)
          }
        }
      } else {
        assert.isBelow(result.byte, Math.max(1, cut.length), `seed ${seed}`)
      }
    }
  })
})
