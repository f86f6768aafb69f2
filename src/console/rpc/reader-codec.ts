/**
 * Readers of answers: each takes what JSON has given and returns it as a type, or throws `AnswerMismatch`. The page
 * knows nothing of an answer but what a reader has looked at. Members that no reader names are left where they are.
 */
import { printable } from "../printable.ts"

/** An answer is not what this page was made for: the server is of another version. */
export class AnswerMismatch extends Error {
  /** Where in the answer; from the inside out while it is thrown. */
  path = ""

  constructor(expected: string) {
    super(`expected ${expected}`)
    this.name = "AnswerMismatch"
  }

  /** Adds where it was found. */
  within(place: string): this {
    this.path = `${place}${this.path}`
    return this
  }
}

const foundAt = (error: unknown, place: string): unknown =>
  error instanceof AnswerMismatch ? error.within(place) : error

/** Reads one value. */
export type Reader<A> = (value: unknown) => A

/** What a reader returns. */
export type Read<R> = R extends Reader<infer A> ? A : never

/** Text. */
export const text: Reader<string> = (value) => {
  if (typeof value !== "string") throw new AnswerMismatch("text")
  return value
}

/** Text that is only shown, and may hold what somebody has made up: a name that no rule binds, a sentence with one. */
export const words: Reader<string> = (value) => printable(text(value))

/** A number. Counters above 2^53 lose their last digits, which no rate shows. */
export const number: Reader<number> = (value) => {
  if (typeof value !== "number") throw new AnswerMismatch("a number")
  return value
}

/** True or false. */
export const flag: Reader<boolean> = (value) => {
  if (typeof value !== "boolean") throw new AnswerMismatch("true or false")
  return value
}

/** Anything, for what is only shown. */
export const anything: Reader<unknown> = (value) => value

/** Either is taken; SPDK has ports as text. */
export const textOrNumber: Reader<string> = (value) => (typeof value === "number" ? String(value) : text(value))

/** A member that may be missing, or null: both are undefined. */
export const optional =
  <A>(reader: Reader<A>): Reader<A | undefined> =>
  (value) =>
    value === undefined || value === null ? undefined : reader(value)

/** A member that may be missing, with what stands for it then. */
export const orElse =
  <A>(reader: Reader<A>, otherwise: A): Reader<A> =>
  (value) =>
    value === undefined || value === null ? otherwise : reader(value)

/** A list. */
export const list =
  <A>(reader: Reader<A>): Reader<ReadonlyArray<A>> =>
  (value) => {
    if (!Array.isArray(value)) throw new AnswerMismatch("a list")
    let at = 0
    try {
      return value.map((item: unknown, index) => {
        at = index
        return reader(item)
      })
    } catch (error) {
      throw foundAt(error, `[${at}]`)
    }
  }

/** Whether a value has members. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** An object's members as they are. */
export const members: Reader<Readonly<Record<string, unknown>>> = (value) => {
  if (!isRecord(value)) throw new AnswerMismatch("an object")
  return value
}

type Fields = Readonly<Record<string, Reader<unknown>>>
type Shape<F extends Fields> = { readonly [Name in keyof F]: Read<F[Name]> }

/** An object with these members. */
export const object = <F extends Fields>(fields: F): Reader<Shape<F>> => {
  const entries = Object.entries(fields)
  return (value) => {
    const source = members(value)
    const found: Record<string, unknown> = {}
    let at = ""
    try {
      for (const [name, reader] of entries) {
        at = name
        found[name] = reader(source[name])
      }
    } catch (error) {
      throw foundAt(error, `.${at}`)
    }
    return found as Shape<F>
  }
}
