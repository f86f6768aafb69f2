/** Text of login and text PDUs (RFC 7143 section 6). */
import { assert, describe, it } from "vitest"
import {
  formatTextPairs,
  keyBytesMax,
  parseNumber,
  parseTextPairs,
  valueBytesMax
} from "../../../src/dataplane/iscsi/text-keys.ts"
import { makeRandom, runSeed } from "../../support/initiator/random.ts"

const parse = (text: string) => parseTextPairs(Buffer.from(text, "utf8"))
const problem = (text: string | Buffer): string => {
  const result = parseTextPairs(Buffer.from(text))
  return "problem" in result ? result.problem : "none"
}

describe("text", () => {
  it("is pairs in their order, each ended by a zero byte", () => {
    assert.deepStrictEqual(parse("InitiatorName=iqn.a\0SessionType=Normal\0"), [
      ["InitiatorName", "iqn.a"],
      ["SessionType", "Normal"]
    ])
  })

  it("may be empty, have an empty value, or = in a value", () => {
    assert.deepStrictEqual(parse(""), [])
    assert.deepStrictEqual(parse("SendTargets=\0"), [["SendTargets", ""]])
    assert.deepStrictEqual(parse("X-com.example.a=b=c\0"), [["X-com.example.a", "b=c"]])
  })

  it("may have a last pair without its zero byte, and zero bytes between pairs", () => {
    assert.deepStrictEqual(parse("A=1\0\0\0B=2"), [
      ["A", "1"],
      ["B", "2"]
    ])
  })

  it("keeps names in UTF-8", () => {
    assert.deepStrictEqual(parse("InitiatorAlias=Größe 日本\0"), [["InitiatorAlias", "Größe 日本"]])
  })

  it("is refused with a reason", () => {
    assert.strictEqual(problem("InitiatorName"), "a key without =")
    assert.strictEqual(problem("A=1\0B\0C=2\0"), "a key without =")
    assert.strictEqual(problem("=1\0"), "an empty key")
    assert.match(problem(`${"k".repeat(keyBytesMax + 1)}=1\0`), /a key of 64 bytes; at most 63/)
    assert.strictEqual(problem(`${"k".repeat(keyBytesMax)}=1\0`), "none")
    assert.match(problem("Initiator Name=1\0"), /forbidden character/)
    assert.match(problem("Größe=1\0"), /forbidden character/)
    assert.strictEqual(problem("A=1\0B=2\0A=3\0"), "A twice")
  })

  it("has short values, but for the binary ones", () => {
    assert.strictEqual(problem(`A=${"v".repeat(valueBytesMax)}\0`), "none")
    assert.strictEqual(problem(`A=${"v".repeat(valueBytesMax + 1)}\0`), "too long a value for A")
    assert.strictEqual(problem(`CHAP_C=0x${"0".repeat(2048)}\0`), "none")
    for (const key of ["CHAP_C", "CHAP_R"]) {
      assert.strictEqual(problem(`${key}=0x${"0".repeat(8190)}\0`), "none")
      assert.strictEqual(problem(`${key}=0x${"0".repeat(8191)}\0`), `too long a value for ${key}`)
    }
    assert.strictEqual(problem(`CHAP_N=${"n".repeat(256)}\0`), "too long a value for CHAP_N")
  })

  it("is measured in bytes, and has to be UTF-8", () => {
    assert.strictEqual(problem(`A=${"ä".repeat(valueBytesMax / 2)}\0`), "none")
    assert.strictEqual(problem(`A=${"ä".repeat(128)}\0`), "too long a value for A")
    const text = Buffer.from("InitiatorName=iqn.x\0")
    for (const byte of [0x80, 0xc3, 0xff]) {
      text[text.length - 2] = byte
      assert.deepStrictEqual(parseTextPairs(text), { problem: "a value that is not UTF-8" })
    }
  })

  it("that was written is read as it was", () => {
    const pairs = [
      ["TargetName", "iqn.2016-06.io.spdk:disk1"],
      ["TargetAddress", "[::1]:3260,1"],
      ["TargetAlias", "ä"]
    ] as const
    assert.deepStrictEqual(parseTextPairs(formatTextPairs(pairs)), pairs)
    assert.strictEqual(formatTextPairs([["A", "1"]]).toString(), "A=1\0")
  })

  it("of any bytes is read or refused, and never throws", () => {
    const random = makeRandom(runSeed(4))
    const alphabet = [0, 0x3d, 0x41, 0x42, 0xc3, 0xff]
    for (let round = 0; round < 5000; round++) {
      const bytes = Buffer.from(Array.from({ length: random.below(24) }, () => random.pick([0, ...alphabet])))
      const result = parseTextPairs(bytes)
      if ("problem" in result) assert.isAbove(result.problem.length, 5)
      else for (const [key] of result) assert.match(key, /^[AB]+$/)
    }
  })
})

describe("numbers", () => {
  it("are decimal or hexadecimal constants", () => {
    for (const [text, value] of [
      ["0", 0],
      ["262144", 262144],
      ["0x40000", 262144],
      ["0XfFfF", 65535],
      ["007", 7],
      ["0x00000000000000ff", 255],
      ["00000000000000000010", 10]
    ] as const) {
      assert.strictEqual(parseNumber(text), value)
    }
  })

  it("are nothing else", () => {
    for (const text of ["", " 1", "1 ", "-1", "+1", "1.5", "1e3", "0x", "0xg", "0b11", "12345678901", "0x123456789"]) {
      assert.isUndefined(parseNumber(text), text)
    }
  })
})
