/** Binary values as peers write them: read whole, bounded, or not at all. */
import { assert, describe, it } from "vitest"
import { formatBinaryValue, parseBinaryValue } from "../../../../src/dataplane/iscsi/auth/binary-value.ts"
import { makeRandom, runSeed } from "../../../support/initiator/random.ts"

const bytesMax = 1024
const parse = (value: string): string | undefined => parseBinaryValue(value, bytesMax)?.toString("hex")

describe("a binary value", () => {
  it("is hexadecimal in either case, or base64 with or without its padding", () => {
    assert.strictEqual(parse("0x00fF10"), "00ff10")
    assert.strictEqual(parse("0XABCDEF"), "abcdef")
    assert.strictEqual(parse("0xabc"), "0abc")
    assert.strictEqual(parse("0bAP8Q"), "00ff10")
    assert.strictEqual(parse("0BAA=="), "00")
    assert.strictEqual(parse("0bAA"), "00")
    assert.strictEqual(parse("0b+/8="), "fbff")
  })

  it("is nothing else", () => {
    for (const value of [
      "",
      "0x",
      "0b",
      "00ff",
      "12",
      "0xgg",
      "0x 00",
      "0bA",
      "0bAP8*",
      "0b====",
      "0bAA==AA",
      "0bAB"
    ]) {
      assert.isUndefined(parse(value), value)
    }
  })

  it("is bounded, however it is written", () => {
    assert.strictEqual(parse(`0x${"00".repeat(bytesMax)}`)?.length, 2 * bytesMax)
    assert.isUndefined(parse(`0x${"00".repeat(bytesMax)}0`))
    assert.isUndefined(parse(`0b${Buffer.alloc(bytesMax + 1).toString("base64")}`))
  })

  it("that was written is read as it was, in both spellings", () => {
    const random = makeRandom(runSeed(11))
    for (let round = 0; round < 500; round++) {
      const bytes = Buffer.from(Array.from({ length: 1 + random.below(64) }, () => random.below(256)))
      assert.isTrue(parseBinaryValue(formatBinaryValue(bytes), bytesMax)?.equals(bytes))
      assert.isTrue(parseBinaryValue(`0b${bytes.toString("base64")}`, bytesMax)?.equals(bytes))
    }
  })
})
