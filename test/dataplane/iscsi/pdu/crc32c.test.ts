/** CRC32C against the examples of the standard and against the plain table of the tests. */
import { assert, describe, it } from "vitest"
import { crc32cOf, digestOf, putDigest } from "../../../../src/dataplane/iscsi/pdu/crc32c.ts"
import { crc32c } from "../../../support/initiator/crc32c.ts"
import { makeRandom, runSeed } from "../../../support/initiator/random.ts"

const ascending = Buffer.from(Array.from({ length: 32 }, (_, index) => index))
/** RFC 7143 appendix A.4: data, and the digest as it goes over the wire. */
const examples: ReadonlyArray<readonly [Buffer, string]> = [
  [Buffer.alloc(32), "aa36918a"],
  [Buffer.alloc(32, 0xff), "43aba862"],
  [ascending, "4e79dd46"],
  [Buffer.from(ascending).reverse(), "5cdb3f11"],
  [
    Buffer.from(
      "01c0000000000000000000000000000014000000000004000000001400000018280000000000000002000000" + "00000000",
      "hex"
    ),
    "563a96d9"
  ]
]

describe("CRC32C", () => {
  it("gives the digests of the standard's examples", () => {
    for (const [data, digest] of examples) {
      const b = Buffer.alloc(4)
      putDigest(b, 0, crc32cOf(data, 0, data.length))
      assert.strictEqual(b.toString("hex"), digest)
      assert.strictEqual(digestOf(b, 0), crc32cOf(data, 0, data.length))
    }
  })

  it("gives the same for any bytes, in one piece or several", () => {
    const random = makeRandom(runSeed(5))
    const b = Buffer.from(Array.from({ length: 2048 }, () => random.below(256)))
    for (let round = 0; round < 500; round++) {
      const start = random.below(b.length)
      const end = random.between(start, Math.min(b.length, start + (random.chance(0.5) ? 200 : 2000)))
      const cut = random.between(start, end)
      const wanted = crc32c(b.subarray(start, end))
      assert.strictEqual(crc32cOf(b, start, end), wanted)
      assert.strictEqual(crc32cOf(b, cut, end, crc32cOf(b, start, cut)), wanted, `${start} ${cut} ${end}`)
    }
  })
})
