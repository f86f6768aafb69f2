/** Login and text parameters: `key=value` pairs, each ended by a zero byte (RFC 7143 section 6.1). */

/** Keys in sending order; a key may come twice when a test wants to misbehave. */
export type KeyList = ReadonlyArray<readonly [key: string, value: string]>

/** Turns an object, or a list, into a list. */
export const keyList = (keys: KeyList | Readonly<Record<string, string>>): KeyList =>
  Array.isArray(keys) ? keys : Object.entries(keys)

/** The data segment for `keys`. */
export const encodeKeys = (keys: KeyList): Buffer =>
  Buffer.from(keys.map(([key, value]) => `${key}=${value}\0`).join(""), "utf8")

/** The pairs of a data segment. A pair without `=` keeps its text as the key and has an empty value. */
export const decodeKeys = (data: Buffer): KeyList =>
  data
    .toString("utf8")
    .split("\0")
    .filter((pair) => pair.length > 0)
    .map((pair) => {
      const at = pair.indexOf("=")
      return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)]
    })
