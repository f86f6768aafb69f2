/** Serial numbers wrap round (RFC 1982). */
import { assert, describe, it } from "vitest"
import { addSerial, nextSerial, serialBefore, serialWithin } from "../../../src/dataplane/iscsi/serial-number.ts"
import { makeRandom, runSeed } from "../../support/initiator/random.ts"

describe("serial numbers", () => {
  it("go on after 2^32 - 1 with 0, and may go back below 0", () => {
    assert.strictEqual(nextSerial(0xffffffff), 0)
    assert.strictEqual(addSerial(0xfffffff0, 0x20), 0x10)
    assert.strictEqual(addSerial(0, -1), 0xffffffff)
  })

  it("compare across the wrap", () => {
    assert.isTrue(serialBefore(0xffffffff, 0))
    assert.isFalse(serialBefore(0, 0xffffffff))
    assert.isFalse(serialBefore(7, 7))
    assert.isTrue(serialWithin(2, 0xfffffffe, 5))
    assert.isTrue(serialWithin(0xfffffffe, 0xfffffffe, 5))
    assert.isTrue(serialWithin(5, 0xfffffffe, 5))
    assert.isFalse(serialWithin(6, 0xfffffffe, 5))
    assert.isFalse(serialWithin(0xfffffffd, 0xfffffffe, 5))
  })

  it("compare the same wherever a window lies", () => {
    const random = makeRandom(runSeed(1))
    for (let round = 0; round < 2000; round++) {
      const first = random.below(0x1_0000_0000)
      const size = random.below(0x4000_0000)
      const step = random.between(-0x3fff_ffff, 0x3fff_ffff)
      const a = addSerial(first, step)
      assert.strictEqual(serialWithin(a, first, addSerial(first, size)), step >= 0 && step <= size)
      assert.strictEqual(serialBefore(a, first), step < 0)
    }
  })
})
