/**
 * What one word of a command line can mean, as rpc.py of SPDK 26.05 reads it: integers, lists in quotes
 * (`"Malloc0:0 Malloc1:1"`), lists with commas, secrets. Each says what it takes when a word is not that.
 */
import { Result } from "effect"
import { parseSize } from "../../../config/size.ts"

/** Reads a word; a failure says what is expected. */
export interface ValueKind {
  /** How usage texts call it. */
  readonly metavar: string
  readonly parse: (text: string) => Result.Result<unknown, string>
  /** All that is allowed, if it can be listed. */
  readonly choices?: ReadonlyArray<string>
}

/** Members of a request's `params`. */
export type Params = Readonly<Record<string, unknown>>

/** Any text. */
export const text = (metavar: string): ValueKind => ({ metavar, parse: Result.succeed })

/** Exact, whatever its size. */
const toInteger = (source: string): number | bigint | undefined => {
  if (!/^[+-]?\d{1,20}$/.test(source)) return undefined
  const value = BigInt(source.replace("+", ""))
  const isSafe = value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER
  return isSafe ? Number(value) : value
}

/** A decimal integer. */
export const integer = (metavar: string): ValueKind => ({
  metavar,
  parse: (source) => Result.fromNullishOr(toInteger(source.trim()), () => "a whole number is expected")
})

/** A mask in hexadecimal, with or without `0x`. */
export const hexadecimal = (metavar: string): ValueKind => ({
  metavar,
  parse: (source) => {
    const digits = /^(?:0[xX])?([0-9a-fA-F]{1,16})$/.exec(source.trim())?.[1]
    return Result.fromNullishOr(
      digits === undefined ? undefined : toInteger(BigInt(`0x${digits}`).toString()),
      () => "a hexadecimal number is expected, such as 0x3"
    )
  }
})

/** Bytes from a number of MiB, which may have a fraction, or from a size with its unit. */
export const mebibytes: ValueKind = {
  metavar: "SIZE_MB",
  parse: (source) => {
    const bare = /^\d+(?:\.\d+)?$/.test(source.trim())
    const bytes = bare ? Math.floor(Number(source) * 1024 * 1024) : parseSize(source)
    const isSize = bytes !== undefined && bytes > 0 && Number.isSafeInteger(bytes)
    return isSize ? Result.succeed(bytes) : Result.fail("a size in MiB is expected (64), or one with its unit (1GiB)")
  }
}

/** One of a few words. */
export const choice = (...choices: ReadonlyArray<string>): ValueKind => ({
  metavar: choices.join("|"),
  choices,
  parse: (source) =>
    choices.includes(source) ? Result.succeed(source) : Result.fail(`one of ${choices.join(", ")} is expected`)
})

/** The items of a list, or the first one's failure. */
const each = <A>(
  words: ReadonlyArray<string>,
  read: (word: string) => Result.Result<A, string>
): Result.Result<ReadonlyArray<A>, string> => {
  const items: Array<A> = []
  for (const word of words) {
    const item = read(word)
    if (Result.isFailure(item)) return Result.fail(`${JSON.stringify(word)} in it: ${item.failure}`)
    items.push(item.success)
  }
  return Result.succeed(items)
}

const wordsOf = (source: string): ReadonlyArray<string> => source.split(/\s+/u).filter((word) => word !== "")

/** Words in quotes: `"iqn.a iqn.b"`. */
export const words = (metavar: string): ValueKind => ({
  metavar: `"${metavar} ..."`,
  parse: (source) => Result.succeed(wordsOf(source))
})

/** Words with commas between them. */
export const commaList = (metavar: string): ValueKind => ({
  metavar: `${metavar},...`,
  parse: (source) => Result.succeed(source.split(","))
})

/** Integers with commas or spaces between them. */
export const integerList = (metavar: string): ValueKind => ({
  metavar: `${metavar},...`,
  parse: (source) =>
    each(
      source.split(/[\s,]+/u).filter((word) => word !== ""),
      (word) => Result.fromNullishOr(toInteger(word), () => "a whole number is expected")
    )
})

/** `"HOST:PORT ..."`. The core mask that old versions took behind an `@` is left out. */
export const portalList: ValueKind = {
  metavar: '"HOST:PORT ..."',
  parse: (source) =>
    each(wordsOf(source), (word) => {
      const colon = word.lastIndexOf(":")
      const port = word.slice(colon + 1).split("@")[0] ?? ""
      return colon > 0 && /^\d+$/.test(port)
        ? Result.succeed({ host: word.slice(0, colon), port })
        : Result.fail("HOST:PORT is expected, such as 127.0.0.1:3260 or [::1]:3260")
    })
}

/** Two parts at the last colon, of which the second is an integer. */
const pair = (word: string): readonly [string, number | bigint] | undefined => {
  const colon = word.lastIndexOf(":")
  const second = toInteger(word.slice(colon + 1))
  return colon > 0 && second !== undefined ? [word.slice(0, colon), second] : undefined
}

/** `"BDEV:LUN ..."`. */
export const lunList: ValueKind = {
  metavar: '"BDEV:LUN ..."',
  parse: (source) =>
    each(wordsOf(source), (word) => {
      const parts = pair(word)
      return parts === undefined
        ? Result.fail("BDEV:LUN is expected, such as Malloc0:0")
        : Result.succeed({ bdev_name: parts[0], lun_id: parts[1] })
    })
}

/** A portal group and an initiator group, as `1:2`. */
const parseMap = (
  word: string
): Result.Result<{ readonly pg_tag: number | bigint; readonly ig_tag: number | bigint }, string> => {
  const parts = pair(word)
  const first = parts === undefined ? undefined : toInteger(parts[0])
  return parts === undefined || first === undefined
    ? Result.fail("PORTAL_GROUP:INITIATOR_GROUP is expected, such as 1:2")
    : Result.succeed({ pg_tag: first, ig_tag: parts[1] })
}

/** `"PG:IG ..."`. */
export const mapList: ValueKind = {
  metavar: '"PG:IG ..."',
  parse: (source) => each(wordsOf(source), parseMap)
}

const secretKeys = ["user", "secret", "muser", "msecret"]

/** `"user:U secret:S [muser:MU msecret:MS],..."`; only the first colon of a part divides it. */
export const secretList: ValueKind = {
  metavar: '"user:U secret:S [muser:MU msecret:MS],..."',
  parse: (source) => {
    const secrets: Array<Params> = []
    for (const [index, entry] of source.split(",").entries()) {
      const parts = wordsOf(entry).map((part) => [part.split(":", 1)[0] ?? "", part] as const)
      const wrong = parts.some(([key, part]) => !secretKeys.includes(key) || part.length <= key.length + 1)
      // The text holds secrets, so a message must not repeat it.
      if (wrong || parts.length === 0) return Result.fail(`entry ${index + 1} is not "user:NAME secret:SECRET"`)
      secrets.push(Object.fromEntries(parts.map(([key, part]) => [key, part.slice(key.length + 1)])))
    }
    return Result.succeed(secrets)
  }
}
