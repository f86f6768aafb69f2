/**
 * Finds where one JSON value ends in a stream of bytes that has no delimiters, as SPDK's JSON-RPC has none.
 *
 * A second opinion: it shares nothing with the server's parser. It only looks for the end of objects and arrays; what
 * is between is checked by `JSON.parse`.
 */

const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const quote = 0x22
const backslash = 0x5c

/** A scanner over one connection: `push` bytes, get the text of each value that became complete. */
export interface JsonScanner {
  readonly push: (chunk: Buffer) => ReadonlyArray<string>
  /** Bytes of a value that is not complete yet. */
  readonly pendingBytes: () => number
}

/** One per connection. */
export const makeJsonScanner = (): JsonScanner => {
  let pending = Buffer.alloc(0)
  let scanned = 0
  let start = -1
  let depth = 0
  let inString = false
  let escaped = false
  const step = (byte: number, index: number): boolean => {
    if (inString) {
      if (escaped) escaped = false
      else if (byte === backslash) escaped = true
      else if (byte === quote) inString = false
      return false
    }
    if (byte === quote) inString = true
    else if (byte === openBrace || byte === openBracket) {
      if (depth === 0) start = index
      depth++
    } else if (byte === closeBrace || byte === closeBracket) depth--
    return depth === 0 && start >= 0
  }
  const push = (chunk: Buffer): ReadonlyArray<string> => {
    pending = Buffer.concat([pending, chunk])
    const values: Array<string> = []
    let consumed = 0
    for (; scanned < pending.length; scanned++) {
      if (!step(pending.readUInt8(scanned), scanned)) continue
      values.push(pending.toString("utf8", start, scanned + 1))
      consumed = scanned + 1
      start = -1
    }
    pending = pending.subarray(consumed)
    scanned -= consumed
    if (start >= 0) start -= consumed
    return values
  }
  return { push, pendingBytes: () => (start < 0 ? 0 : pending.length - start) }
}
