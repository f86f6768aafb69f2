/** Texts of login and text requests, right and wrong, for the reader of keys (RFC 7143 section 6.1). */
import { assert } from "vitest"
import { formatTextPairs, parseTextPairs } from "../../../../src/dataplane/iscsi/text-keys.ts"
import { makeRandom, type Random } from "../../../support/initiator/random.ts"
import { encodeKeys } from "../../../support/initiator/text-keys.ts"
import { readCorpus } from "./corpus.ts"
import { randomLoginKeys } from "./random-pdus.ts"

const recorded = readCorpus()
  .flat()
  .map((pdu) => pdu.data)
  .filter((data) => data.includes("="))

const wrong = (random: Random, text: Buffer): Buffer => {
  const bytes = Buffer.from(text)
  const at = random.below(bytes.length + 1)
  switch (random.below(5)) {
    case 0:
      bytes[at] = random.below(256)
      return bytes
    case 1:
      return bytes.subarray(0, at)
    case 2:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(random.between(1, 300)), bytes.subarray(at)])
    case 3:
      return Buffer.concat([bytes, bytes])
    default:
      return bytes
  }
}

/**
 * Reads `count` texts. What is taken is within the limits, and the same after it was written and read again. Gives how
 * many were taken.
 */
export const fuzzTexts = (seed: number, count: number): number => {
  const random = makeRandom(seed)
  let taken = 0
  for (let done = 0; done < count; done++) {
    const generated = random.chance(0.5) ? encodeKeys(randomLoginKeys(random)) : undefined
    const text = wrong(random, generated ?? recorded[random.below(recorded.length)] ?? Buffer.alloc(0))
    const pairs = parseTextPairs(text)
    if ("problem" in pairs) continue
    taken++
    for (const [key, value] of pairs) assert(key.length <= 63 && value.length <= 8192, text.toString("hex"))
    assert.strictEqual(new Set(pairs.map(([key]) => key)).size, pairs.length, text.toString("hex"))
    assert.deepStrictEqual(parseTextPairs(formatTextPairs(pairs)), pairs, text.toString("hex"))
  }
  return taken
}
