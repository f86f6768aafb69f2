/**
 * Text of login and text PDUs: `key=value` pairs, each ended by a zero byte (RFC 7143 sections 6.1 and 6.2).
 */
import { isUtf8 } from "node:buffer"

/** Longest key name, RFC 7143 section 6.1. */
export const keyBytesMax = 63
/** Longest value that is not a large-binary-value. */
export const valueBytesMax = 255
/** Longest binary value (CHAP_C, CHAP_R), in characters. */
const binaryValueBytesMax = 8192
const binaryKeys: ReadonlySet<string> = new Set(["CHAP_C", "CHAP_R"])

/** Pairs in the order in which they came. */
export type TextPairs = ReadonlyArray<readonly [key: string, value: string]>

/** What is wrong with the text, as a sentence. */
export interface TextProblem {
  readonly problem: string
}

const keyPattern = /^[A-Za-z0-9.+@_-]+$/
/** Values are printed, logged and shown on terminals: control characters and line ends have no place in them. */
const controlCharacter = /[\p{Cc}\p{Zl}\p{Zp}]/u

const invalidPair = (key: string, value: string, valueBytes: number, seen: ReadonlySet<string>): string | undefined => {
  if (key.length === 0) return "an empty key"
  if (key.length > keyBytesMax) return `a key of ${key.length} bytes; at most ${keyBytesMax} are allowed`
  if (!keyPattern.test(key)) return `a key with a forbidden character: ${JSON.stringify(key)}`
  if (valueBytes > (binaryKeys.has(key) ? binaryValueBytesMax : valueBytesMax)) return `too long a value for ${key}`
  if (controlCharacter.test(value)) return `a control character in the value of ${key}`
  return seen.has(key) ? `${key} twice` : undefined
}

/** Reads all pairs of a text, or says why it can't. Never throws: the bytes are the peer's. */
export const parseTextPairs = (text: Buffer): TextPairs | TextProblem => {
  const pairs: Array<readonly [string, string]> = []
  const seen = new Set<string>()
  let start = 0
  while (start < text.length) {
    let end = text.indexOf(0, start)
    if (end < 0) end = text.length
    // Zero bytes between pairs: some initiators pad the text with them.
    if (end > start) {
      const equals = text.indexOf(0x3d, start)
      if (equals < 0 || equals > end) return { problem: "a key without =" }
      const key = text.toString("latin1", start, equals)
      const bytes = text.subarray(equals + 1, end)
      // Else two names that differ might be read as one.
      if (!isUtf8(bytes)) return { problem: "a value that is not UTF-8" }
      const value = bytes.toString("utf8")
      const problem = invalidPair(key, value, bytes.length, seen)
      if (problem !== undefined) return { problem }
      seen.add(key)
      pairs.push([key, value])
    }
    start = end + 1
  }
  return pairs
}

/** Writes pairs as text. */
export const formatTextPairs = (pairs: TextPairs): Buffer =>
  Buffer.from(pairs.map(([key, value]) => `${key}=${value}\0`).join(""), "utf8")

/** A numerical value in decimal or hexadecimal (0x) form, RFC 7143 section 6.1; undefined if it is none. */
export const parseNumber = (value: string): number | undefined => {
  if (!/^(?:0*\d{1,10}|0[xX]0*[0-9a-fA-F]{1,8})$/.test(value)) return undefined
  return Number(value)
}
