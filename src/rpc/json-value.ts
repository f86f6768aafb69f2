/**
 * JSON as it was written: numbers keep their text, strings their source, objects every member including duplicates.
 *
 * JSON.parse loses all three, and SPDK's dialect needs them: ids are echoed byte for byte, sizes are 64-bit integers,
 * and a duplicate key fails the call. `toPlain` gives what schemas decode, and refuses what SPDK refuses in
 * parameters.
 */
import { Result } from "effect"

/** A number by its source text, so that no digit is lost. */
export class JsonNumber {
  readonly source: string
  constructor(source: string) {
    this.source = source
  }
}

/** A string: what it means, and how it was written between the quotes (escapes kept). */
export class JsonText {
  readonly value: string
  readonly source: string
  constructor(value: string, source: string) {
    this.value = value
    this.source = source
  }
}

/** An object with its members in the order written; a name may occur more than once. */
export class JsonObject {
  readonly members: ReadonlyArray<readonly [name: string, value: JsonValue]>
  constructor(members: ReadonlyArray<readonly [name: string, value: JsonValue]>) {
    this.members = members
  }
}

/** What the parser makes of a text. */
export type JsonValue = null | boolean | JsonNumber | JsonText | JsonObject | ReadonlyArray<JsonValue>

/** Digits that an exact integer may have; all that SPDK's types hold fit into 20. */
const integerDigitsMax = 40

/** `digits` without the zeros at its end, and how many those were. Linear, whatever the text. */
const trimZeros = (digits: string): readonly [trimmed: string, zeros: number] => {
  let end = digits.length
  while (end > 0 && digits.charCodeAt(end - 1) === 0x30) end--
  return [digits.slice(0, end), digits.length - end]
}

/**
 * The exact value of a JSON number that is integral (`64`, `64.0` and `6.4e1` are all 64); undefined if it has a
 * fraction or more digits than any integer type holds. Never builds a number larger than that, whatever the exponent.
 */
export const exactInteger = (source: string): bigint | undefined => {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source)
  if (parts === null) return undefined
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts
  const [trimmed, zeros] = trimZeros(whole + fraction)
  const digits = trimmed.replace(/^0+/, "")
  if (digits === "") return 0n
  const scale = Number(exponent) - fraction.length + zeros
  if (scale < 0 || digits.length + scale > integerDigitsMax) return undefined
  const magnitude = BigInt(digits + "0".repeat(scale))
  return sign === "-" ? -magnitude : magnitude
}

/** Why a value has no plain form. `path` is the way to it, such as `params.luns[0].lun_id`. */
export interface NotPlain {
  readonly path: string
  readonly reason: string
}

const plainObject = (object: JsonObject, path: string): Result.Result<unknown, NotPlain> => {
  const names = new Set<string>()
  const entries: Array<[string, unknown]> = []
  for (const [name, member] of object.members) {
    if (names.has(name)) return Result.fail({ path: `${path}.${name}`, reason: "the name occurs twice" })
    names.add(name)
    const value = toPlain(member, `${path}.${name}`)
    if (Result.isFailure(value)) return Result.fail(value.failure)
    entries.push([name, value.success])
  }
  return Result.succeed(Object.fromEntries(entries))
}

/**
 * Objects as records, strings as strings, numbers as `JsonNumber` (the schema knows which integer it wants). Refuses
 * duplicate names and strings with an embedded NUL. Its depth is the parser's limit.
 */
export const toPlain = (value: JsonValue, path: string): Result.Result<unknown, NotPlain> => {
  if (value instanceof JsonText) {
    return value.value.includes("\0")
      ? Result.fail({ path, reason: "the string contains a NUL character" })
      : Result.succeed(value.value)
  }
  if (value instanceof JsonObject) return plainObject(value, path)
  if (value === null || typeof value === "boolean" || value instanceof JsonNumber) return Result.succeed(value)
  const items: Array<unknown> = []
  for (const [index, item] of value.entries()) {
    const plain = toPlain(item, `${path}[${index}]`)
    if (Result.isFailure(plain)) return Result.fail(plain.failure)
    items.push(plain.success)
  }
  return Result.succeed(items)
}
