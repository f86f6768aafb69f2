/** Exact integers, plain values, and printing. */
import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { printJson } from "../../src/rpc/json-print.ts"
import { exactInteger, JsonNumber, type JsonValue, toPlain } from "../../src/rpc/json-value.ts"
import { Int32, SafeUint64, Uint8, Uint32, Uint64, UuidText } from "../../src/rpc/param.ts"
import { toJavaScript } from "../../src/rpc/RpcClient.ts"
import { parseAll, seeded } from "./support.ts"

const parse = (text: string): JsonValue => {
  const [parsed] = parseAll(new TextEncoder().encode(text))
  assert(parsed?._tag === "Message", text)
  return parsed.value
}

describe("exactInteger", () => {
  it.each([
    ["64", 64n],
    ["64.0", 64n],
    ["6.4e1", 64n],
    ["640e-1", 64n],
    ["0.64E+2", 64n],
    ["-0", 0n],
    ["0e99999", 0n],
    ["18446744073709551615", 18446744073709551615n],
    ["-9223372036854775808", -9223372036854775808n]
  ])("reads %s", (source, value) => {
    assert.strictEqual(exactInteger(source), value)
  })

  it.each(["0.5", "64e-1", "1e-400", "1e400", "1e999999999999", `1${"0".repeat(50)}`, `0.${"0".repeat(100_000)}1`])(
    "has no integer for %.30s",
    (source) => {
      assert.isUndefined(exactInteger(source))
    }
  )

  it("is exact where floating point is not", () => {
    const random = seeded(4)
    for (let round = 0; round < 500; round++) {
      const value = BigInt(Math.floor(random() * 2 ** 32)) * BigInt(Math.floor(random() * 2 ** 32))
      const zeros = Math.floor(random() * 5)
      assert.strictEqual(exactInteger(`${value}${"0".repeat(zeros)}e-${zeros}`), value)
    }
  })
})

describe("parameters", () => {
  const accepts = (schema: Schema.Codec<unknown, unknown>, text: string): boolean =>
    Result.isSuccess(
      Result.flatMap(toPlain(parse(text), "params"), (plain) => Schema.decodeUnknownResult(schema)(plain))
    )

  it.each([
    [Uint8, "255", "256"],
    [Uint8, "0", "-1"],
    [Int32, "-2147483648", "-2147483649"],
    [Int32, "2147483647", "2147483648"],
    [Uint32, "4294967295", "4294967296"],
    [Uint32, "8.0", "8.5"],
    [Uint32, "8", '"8"'],
    [Uint32, "8", "true"],
    [Uint32, "8", "null"],
    [SafeUint64, "9007199254740991", "9007199254740992"],
    [Uint64, "18446744073709551615", "18446744073709551616"]
  ])("integers end where their type ends (%#)", (schema, good, bad) => {
    assert.isTrue(accepts(schema, good), good)
    assert.isFalse(accepts(schema, bad), bad)
  })

  it("UUIDs come in either case and leave in lower case", () => {
    const upper = "6D3A41A2-6C0E-4A1C-9A53-0B9E0F8F3C11"
    assert.strictEqual(Schema.decodeUnknownSync(UuidText)(upper), upper.toLowerCase())
    assert.isFalse(accepts(UuidText, '"zzz"'))
    assert.isFalse(accepts(UuidText, '"6d3a41a26c0e4a1c9a530b9e0f8f3c11"'))
  })

  it("a name that occurs twice and a NUL are refused with their path", () => {
    assert.deepStrictEqual(
      toPlain(parse('{"a":[{"b":1,"b":2}]}'), "params"),
      Result.fail({ path: "params.a[0].b", reason: "the name occurs twice" })
    )
    assert.deepStrictEqual(
      toPlain(parse('{"name":"a\\u0000b"}'), "params"),
      Result.fail({ path: "params.name", reason: "the string contains a NUL character" })
    )
  })

  it("a member called __proto__ is a member like any other", () => {
    const plain = toPlain(parse('{"__proto__":{"x":1}}'), "params")
    assert(Result.isSuccess(plain))
    assert.deepStrictEqual(Object.keys(Object(plain.success)), ["__proto__"])
    assert.isUndefined(Object(plain.success).x)
  })
})

describe("printJson", () => {
  it("prints compactly and in ASCII, with surrogate pairs, and leaves slashes alone", () => {
    const value = { name: 'Grün/😀"\u007f', empty: [], none: undefined, big: 2n ** 64n, list: [1, null, true] }
    const printed = printJson(value)
    assert.strictEqual(
      printed,
      '{"name":"Gr\\u00fcn/\\ud83d\\ude00\\"\\u007f","empty":[],"big":18446744073709551616,"list":[1,null,true]}'
    )
    assert.match(printed, /^[\x20-\x7e]*$/)
  })

  it("gives a parsed value back as it was written, save that it is ASCII", () => {
    assert.strictEqual(printJson(new JsonNumber("1.50E+2")), "1.50E+2")
    assert.strictEqual(printJson(parse('{"id": "\\u0041\\n/ü", "n": 1e3}')), '{"id":"\\u0041\\n/\\u00fc","n":1e3}')
  })

  it("prints what the parser reads back", () => {
    for (const value of [{ a: [1, { b: "\u2028" }] }, "", [[]], -0.5, "\ud83d\ude00"]) {
      assert.deepStrictEqual(toJavaScript(parse(printJson(value))), value)
    }
  })
})
