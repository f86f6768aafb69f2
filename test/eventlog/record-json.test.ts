/** Records as JSON: nothing is lost, and nothing that comes from outside throws. */
import { assert, describe, it } from "@effect/vitest"
import type { LogRecord } from "../../eventlog/record.ts"
import { decodeRecord, encodeControl, encodeObservation } from "../../eventlog/record-codec.ts"
import { isReproducible, recordFromJson, recordToJson } from "../../eventlog/record-json.ts"
import { makeRandom, type Random, runSeed } from "../support/initiator/random.ts"
import { cause } from "./support.ts"

const texts = ["", "a", "$bytes", "$x", "__proto__", "constructor", "toString", "é😀", '\u0000\n"\\', "x".repeat(70)]
const numbers = [
  0,
  1,
  -1,
  0.1,
  2 ** 31,
  2 ** 40 + 0.5,
  -(2 ** 53),
  5e-324,
  Number.POSITIVE_INFINITY,
  Number.NaN,
  -Number.MAX_VALUE
]
const bigints = [0n, -5n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n]

const pick = <A>(random: Random, items: ReadonlyArray<A>): A | undefined => items[random.below(items.length)]

const randomValue = (random: Random, depth: number): unknown => {
  switch (random.below(depth > 4 ? 6 : 9)) {
    case 0:
      return pick(random, [null, true, false, undefined])
    case 1:
      return pick(random, numbers)
    case 2:
      return pick(random, bigints)
    case 3:
      return random.below(2 ** 31)
    case 4:
      return pick(random, texts)
    case 5:
      return random.bytes(random.below(40))
    case 6:
      return Array.from({ length: random.below(4) }, () => randomValue(random, depth + 1))
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(5) }, () => [
          pick(
            random,
            texts.filter((name) => name !== "__proto__" && name !== "constructor")
          ),
          randomValue(random, depth + 1)
        ])
      )
  }
}

const control = (payload: unknown, type = "Tested") =>
  encodeControl({
    seq: 7,
    at: 1_767_225_600_000_001,
    kind: "control",
    type,
    v: 1,
    cause,
    payload,
    controlNo: 5,
    prevControl: "ab"
  })
const observed = (payload: unknown) => {
  const place = { segment: 2, segmentNo: 9, prevObservation: "cd", anchor: "" }
  return encodeObservation({ seq: 8, at: 5, kind: "observation", type: "Seen", v: 2, cause, payload, ...place })
}

const decoded = (value: Uint8Array): LogRecord => {
  const record = decodeRecord(value, true)
  assert(typeof record !== "string", String(record))
  return record
}

/** What a line of a file would hold. */
const overText = (record: LogRecord, stored?: Uint8Array): unknown =>
  JSON.parse(JSON.stringify(recordToJson(record, stored)))

describe("a record as JSON", () => {
  it("comes back with the same stored bytes, whatever its payload is", () => {
    const seed = runSeed(4711)
    const random = makeRandom(seed)
    for (let i = 0; i < 2000; i++) {
      const payload = randomValue(random, 0)
      for (const { value } of [control(payload), observed(payload)]) {
        const record = decoded(value)
        assert.isTrue(isReproducible(record), `seed ${seed}, payload ${i}`)
        const back = recordFromJson(overText(record))
        assert(typeof back !== "string", `seed ${seed}, payload ${i}: ${String(back)}`)
        assert.deepStrictEqual(Buffer.from(back.value), Buffer.from(value))
        assert.deepStrictEqual(back.record, record)
      }
    }
  })

  it("carries its stored bytes where they cannot be made again", () => {
    const { value } = control({ text: "\ud800".repeat(50) })
    const record = decoded(value)
    assert.isFalse(isReproducible(record))
    assert.isString(recordFromJson(overText(record)))
    const back = recordFromJson(overText(record, value))
    assert(typeof back !== "string")
    assert.deepStrictEqual(Buffer.from(back.value), Buffer.from(value))
  })

  it("is not taken when a bit of it is another", () => {
    const record = decoded(control({ lun: 3 }).value)
    const json = JSON.stringify(recordToJson(record, undefined))
    assert.match(String(recordFromJson(JSON.parse(json.replace('"lun":3', '"lun":4')))), /has the hash/)
    assert.match(String(recordFromJson(JSON.parse(json.replace('"seq":7', '"seq":8')))), /has the hash/)
  })

  it.each([
    [null, /is no object/],
    [[], /is no object/],
    [{ kind: "else" }, /neither the kind/],
    [{ kind: "control" }, /has no member seq/],
    [
      { ...Object(recordToJson(decoded(control(1).value), undefined)), hash: { toString: 1, valueOf: 1 } },
      /another was/
    ],
    [{ kind: "control", stored: "AAAA" }, /has 3 bytes/],
    [{ ...Object(recordToJson(decoded(control(1).value), undefined)), payload: { $bigint: "x" } }, /cannot be stored/],
    [
      { ...Object(recordToJson(decoded(control(1).value), undefined)), payload: { $bigint: "9".repeat(20) } },
      /cannot be/
    ],
    [{ ...Object(recordToJson(decoded(control(1).value), undefined)), payload: "x".repeat(1 << 20) }, /larger than/]
  ])("that is none is called what it is: %#", (json, expected) => {
    assert.match(String(recordFromJson(json)), expected)
  })

  it("is not followed into the depths", () => {
    const deep = JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`)
    const json = { ...Object(recordToJson(decoded(control(1).value), undefined)), payload: deep }
    assert.match(String(recordFromJson(json)), /nested deeper/)
    const inside = Array.from({ length: 100 }).reduce((inner) => ({ inner }), 1)
    const { hash, value } = control(inside)
    const stored = Buffer.from(value).toString("base64")
    assert.match(String(recordFromJson({ kind: "control", stored, hash })), /nested deeper/)
  })
})
