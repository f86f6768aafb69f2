/** The incremental parser: agrees with JSON.parse, keeps what that loses, and is not hurt by anything. */
import { assert, describe, it } from "@effect/vitest"
import { JsonParser, spdkLimits } from "../../src/rpc/JsonParser.ts"
import { JsonNumber, JsonObject, JsonText } from "../../src/rpc/json-value.ts"
import { toJavaScript } from "../../src/rpc/RpcClient.ts"
import { parseAll, seeded } from "./support.ts"

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const texts = ["", "a", "ключ", "😀", "\u0000", '"\\/\b\f\n\r\t', "\u2028", "\u007f", "x".repeat(300), "\ufeff"]
const numbers = [0, -0, 1, -1, 0.5, 1e300, -1e-7, 4294967295, 123456789]

const randomValue = (random: () => number, depth: number): unknown => {
  const pick = <A>(items: ReadonlyArray<A>): A | undefined => items[Math.floor(random() * items.length)]
  const kind = random() * (depth === 0 ? 4 : 6)
  if (kind < 1) return pick(texts)
  if (kind < 2) return pick(numbers)
  if (kind < 3) return random() < 0.5
  if (kind < 4) return null
  const size = Math.floor(random() * 5)
  if (kind < 5) return Array.from({ length: size }, () => randomValue(random, depth - 1))
  return Object.fromEntries(
    Array.from({ length: size }, (_, i) => [`${pick(texts)}${i}`, randomValue(random, depth - 1)])
  )
}

const outcomes = (text: string | Uint8Array) => parseAll(typeof text === "string" ? utf8(text) : text)
const isMalformed = (text: string | Uint8Array): boolean => outcomes(text).at(-1)?._tag === "Malformed"

describe("JsonParser", () => {
  it("agrees with JSON.parse on valid text, cut anywhere", () => {
    const random = seeded(1)
    for (let round = 0; round < 400; round++) {
      const value = randomValue(random, 4)
      const text = JSON.stringify(value, undefined, random() < 0.3 ? 2 : undefined)
      const [first, ...rest] = parseAll(utf8(`${text} `), () => Math.floor(random() * 7))
      assert.deepStrictEqual(rest, [], text)
      assert(first?._tag === "Message", text)
      assert.deepStrictEqual(toJavaScript(first.value), JSON.parse(text))
    }
  })

  it("comes to the same outcome however damaged bytes are cut, and never throws", () => {
    const random = seeded(2)
    for (let round = 0; round < 600; round++) {
      const bytes = utf8(`${JSON.stringify(randomValue(random, 3))} ${JSON.stringify(randomValue(random, 2))} `)
      for (let hits = Math.floor(random() * 3); hits > 0; hits--) {
        bytes[Math.floor(random() * bytes.byteLength)] = Math.floor(random() * 256)
      }
      const whole = parseAll(bytes)
      assert.deepStrictEqual(
        parseAll(bytes, () => Math.floor(random() * 4)),
        whole
      )
    }
  })

  it("takes no text that JSON.parse refuses", () => {
    const random = seeded(3)
    for (let round = 0; round < 1500; round++) {
      const characters = Array.from(JSON.stringify({ a: [randomValue(random, 2)] }))
      characters[Math.floor(random() * characters.length)] = '{}[]",:0e-.\\ua \u0001'.charAt(Math.floor(random() * 16))
      const text = characters.join("")
      const parsed = outcomes(text)
      if (parsed.length !== 1 || parsed[0]?._tag !== "Message") continue
      assert.deepStrictEqual(toJavaScript(parsed[0].value), JSON.parse(text), text)
    }
  })

  it("keeps duplicate names, the digits of numbers and the source of strings", () => {
    const [parsed] = outcomes('{"a":1,"a":12345678901234567890,"b":"\\u0041/\\/"}')
    assert(parsed?._tag === "Message" && parsed.value instanceof JsonObject)
    assert.deepStrictEqual(parsed.value.members, [
      ["a", new JsonNumber("1")],
      ["a", new JsonNumber("12345678901234567890")],
      ["b", new JsonText("A//", "\\u0041/\\/")]
    ])
  })

  it("finds the messages of a stream without delimiters", () => {
    const values = outcomes('{}[]"a"true 1 2{"x":[]}null').map((parsed) =>
      parsed._tag === "Message" ? toJavaScript(parsed.value) : parsed
    )
    assert.deepStrictEqual(values, [{}, [], "a", true, 1, 2, { x: [] }, null])
  })

  it.each([
    "hello",
    "{'a':1}",
    '{"a":1,}',
    "[1,]",
    "[01]",
    "[1.]",
    "[.5]",
    "[+1]",
    "[1e]",
    "[NaN]",
    "[tru ]",
    "[nulll]",
    '{"a" 1}',
    "{1:2}",
    "[1 2]",
    "{]",
    "[}",
    "}",
    '["\\x"]',
    '["\\u12g4"]',
    '["\\ud83d"]',
    '["\\ude00\\ud83d"]',
    '["a\u0001"]',
    '["a\nb"]',
    "/* c */ {}",
    "\u0000",
    "\ufeff{}"
  ])("refuses %j", (text) => {
    assert.isTrue(isMalformed(`${text} `))
  })

  it.each([
    ["a lone continuation byte", [0x80]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a code point above U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["a character cut short", [0xe2, 0x82]]
  ])("refuses %s in a string", (_, bytes) => {
    assert.isTrue(isMalformed(new Uint8Array([0x22, ...bytes, 0x22])))
  })

  it("holds to SPDK's limits of depth, values and size, and to no less", () => {
    assert.isFalse(isMalformed("[".repeat(64) + "]".repeat(64)))
    assert.isTrue(isMalformed("[".repeat(65)))
    assert.isFalse(isMalformed(`[${"1,".repeat(8188)}1]`))
    assert.isTrue(isMalformed(`[${"1,".repeat(8192)}1]`))
    const fitting = `"${"x".repeat(spdkLimits.messageBytesMax - 2)}"`
    assert.isFalse(isMalformed(fitting))
    assert.isTrue(isMalformed(`"${"x".repeat(spdkLimits.messageBytesMax - 1)}"`))
  })

  it("reads 10 MB of messages byte by byte, in memory for one of them", () => {
    const parser = new JsonParser()
    const unit = utf8('[[[[]]],"abc"]\n')
    let count = 0
    for (let round = 0; round < 10_000_000 / unit.byteLength; round++) {
      for (const byte of unit) {
        parser.feed(Uint8Array.of(byte))
        if (parser.next() !== undefined) count++
      }
    }
    assert.strictEqual(count, Math.ceil(10_000_000 / unit.byteLength))
    assert.isBelow(parser.heldBytes, 4096)
  })

  it("holds no more than the limit for a message that never ends", () => {
    const parser = new JsonParser()
    const piece = utf8("y".repeat(1000))
    parser.feed(utf8('"'))
    let outcome = parser.next()
    let fed = 0
    for (; outcome === undefined && fed < 10_000_000; fed += piece.byteLength) {
      parser.feed(piece)
      outcome = parser.next()
      assert.isAtMost(parser.heldBytes, 2 * spdkLimits.messageBytesMax + 4096)
    }
    assert.strictEqual(outcome?._tag, "Malformed")
    assert.isBelow(fed, spdkLimits.messageBytesMax + 2000)
  })

  it("says why and where, once and for all", () => {
    const parser = new JsonParser()
    parser.feed(utf8('{"a":1} {"b":}'))
    assert.strictEqual(parser.next()?._tag, "Message")
    const malformed = parser.next()
    assert.deepStrictEqual(malformed, {
      _tag: "Malformed",
      reason: '"}" where a JSON value was expected',
      offset: 13
    })
    parser.feed(utf8("{}"))
    assert.strictEqual(parser.next(), malformed)
  })
})
