/**
 * What SPDK's parameters are made of, as schemas over the parser's values: integers in any notation that is integral
 * (`64`, `64.0`, `6.4e1`), exact up to 64 bits, never from a string; strings; UUIDs.
 */
import { Effect, Schema, SchemaGetter, SchemaIssue } from "effect"
import { exactInteger, JsonNumber } from "./json-value.ts"

const NumberText = Schema.instanceOf(JsonNumber, { expected: "a number" })
const neverEncoded = "parameters are only ever decoded"

const refused = (message: string) => Effect.fail(new SchemaIssue.InvalidValue({ message }))

/** An integer within `minimum..maximum` (inclusive, both safe integers) as a number. */
export const integerWithin = (minimum: number, maximum: number) =>
  NumberText.pipe(
    Schema.decodeTo(Schema.Number, {
      decode: SchemaGetter.transformEffect(({ source }: JsonNumber) => {
        const value = exactInteger(source)
        if (value !== undefined && value >= BigInt(minimum) && value <= BigInt(maximum))
          return Effect.succeed(Number(value))
        return refused(`Expected an integer from ${minimum} to ${maximum}`)
      }),
      encode: SchemaGetter.forbidden(() => neverEncoded)
    })
  )

/** 8 bits without sign. */
export const Uint8 = integerWithin(0, 255)
/** 32 bits with sign: tags, LUN ids, most numbers of `iscsi_*`. */
export const Int32 = integerWithin(-(2 ** 31), 2 ** 31 - 1)
/** 32 bits without sign. */
export const Uint32 = integerWithin(0, 2 ** 32 - 1)
/** A 64-bit integer of which lunlog only handles what a JavaScript number holds exactly (2^53 - 1: 8 PiB in bytes). */
export const SafeUint64 = integerWithin(0, Number.MAX_SAFE_INTEGER)

/** Any integer that a JavaScript number holds exactly. */
export const SafeInteger = integerWithin(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)

const uint64Max = 2n ** 64n - 1n

/** All 64 bits. */
export const Uint64 = NumberText.pipe(
  Schema.decodeTo(Schema.BigInt, {
    decode: SchemaGetter.transformEffect(({ source }: JsonNumber) => {
      const value = exactInteger(source)
      if (value !== undefined && value >= 0n && value <= uint64Max) return Effect.succeed(value)
      return refused(`Expected an integer from 0 to ${uint64Max}`)
    }),
    encode: SchemaGetter.forbidden(() => neverEncoded)
  })
)

/** A string of at most `lengthMax` characters. */
export const text = (lengthMax: number) => Schema.String.check(Schema.isMaxLength(lengthMax))

/** Any string that fits into a message; names are checked by the domain. */
export const Text = Schema.String

/** Dashed UUID in either case, given to the domain in lower case. */
export const UuidText = Schema.String.check(
  Schema.isPattern(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/iu, {
    message: "Expected a UUID such as 6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11"
  })
).pipe(
  Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.toLowerCase(),
    encode: SchemaGetter.forbidden(() => neverEncoded)
  })
)

/** An array of at most `countMax` items. */
export const list = <S extends Schema.Top>(item: S, countMax: number) =>
  Schema.Array(item).check(Schema.isMaxLength(countMax))

/** May be absent, but not null. */
export const optional = Schema.optionalKey
