/**
 * Readers of answers: each takes what JSON has given and returns it as a type, or throws `AnswerMismatch`. The page
 * knows nothing of an answer but what a reader has looked at. Members that no reader names are left where they are.
 */

/** An answer is not what this page was made for: the server is of another version. */
export class AnswerMismatch extends Error {
  constructor(path: string, expected: string) {
    super(`${path}: expected ${expected}`)
    this.name = "AnswerMismatch"
  }
}

/** `path` is where in the answer `value` stands. */
export type Reader<A> = (value: unknown, path: string) => A

/** What a reader returns. */
export type Read<R> = R extends Reader<infer A> ? A : never

/** Text. */
export const text: Reader<string> = (value, path) => {
  if (typeof value !== "string") throw new AnswerMismatch(path, "text")
  return value
}

/** A number. Counters above 2^53 lose their last digits, which no rate shows. */
export const number: Reader<number> = (value, path) => {
  if (typeof value !== "number") throw new AnswerMismatch(path, "a number")
  return value
}

/** True or false. */
export const flag: Reader<boolean> = (value, path) => {
  if (typeof value !== "boolean") throw new AnswerMismatch(path, "true or false")
  return value
}

/** Anything, for what is only shown. */
export const anything: Reader<unknown> = (value) => value

/** Either is taken; SPDK has ports as text. */
export const textOrNumber: Reader<string> = (value, path) =>
  typeof value === "number" ? String(value) : text(value, path)

/** A member that may be missing, or null: both are undefined. */
export const optional =
  <A>(reader: Reader<A>): Reader<A | undefined> =>
  (value, path) =>
    value === undefined || value === null ? undefined : reader(value, path)

/** A member that may be missing, with what stands for it then. */
export const orElse =
  <A>(reader: Reader<A>, otherwise: A): Reader<A> =>
  (value, path) =>
    value === undefined || value === null ? otherwise : reader(value, path)

/** A list. */
export const list =
  <A>(reader: Reader<A>): Reader<ReadonlyArray<A>> =>
  (value, path) => {
    if (!Array.isArray(value)) throw new AnswerMismatch(path, "a list")
    return value.map((item: unknown, index) => reader(item, `${path}[${index}]`))
  }

/** Whether a value has members. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** An object's members as they are. */
export const members: Reader<Readonly<Record<string, unknown>>> = (value, path) => {
  if (!isRecord(value)) throw new AnswerMismatch(path, "an object")
  return value
}

type Fields = Readonly<Record<string, Reader<unknown>>>
type Shape<F extends Fields> = { readonly [Name in keyof F]: Read<F[Name]> }

/** An object with these members. */
export const object = <F extends Fields>(fields: F): Reader<Shape<F>> => {
  const entries = Object.entries(fields)
  return (value, path) => {
    const source = members(value, path)
    const found: Record<string, unknown> = {}
    for (const [name, reader] of entries) found[name] = reader(source[name], `${path}.${name}`)
    return found as Shape<F>
  }
}
