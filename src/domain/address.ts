/**
 * IP addresses as bytes, read from text. Pure, because the rules of `decide` and the data plane's access checks share
 * it.
 */

/** 4 bytes of IPv4 or 16 bytes of IPv6, in network order. */
export type AddressBytes = ReadonlyArray<number>

/** Longest text of an address: IPv6 with an IPv4 tail. */
const ADDRESS_LENGTH_MAX = 45

/** Dotted quad without leading zeroes, or undefined. */
export const parseIpv4 = (text: string): AddressBytes | undefined => {
  if (text.length > 15) return undefined
  const parts = text.split(".")
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/u.test(part))) return undefined
  const bytes = parts.map(Number)
  return bytes.every((byte) => byte <= 255) ? bytes : undefined
}

/** Groups of four hexadecimal digits, the last two perhaps as a dotted quad; undefined if malformed. */
const parseGroups = (text: string): AddressBytes | undefined => {
  if (text === "") return []
  const groups = text.split(":")
  const bytes: Array<number> = []
  for (const [position, group] of groups.entries()) {
    const tail = position === groups.length - 1 && group.includes(".") ? parseIpv4(group) : undefined
    if (tail !== undefined) bytes.push(...tail)
    else if (/^[0-9a-f]{1,4}$/iu.test(group)) {
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 0xff)
    } else return undefined
  }
  return bytes
}

/** RFC 4291 section 2.2, without brackets and without a zone; undefined if malformed. */
export const parseIpv6 = (text: string): AddressBytes | undefined => {
  if (text.length > ADDRESS_LENGTH_MAX) return undefined
  const halves = text.split("::")
  if (halves.length > 2) return undefined
  const [head = "", tail] = halves
  const left = tail !== undefined && head.includes(".") ? undefined : parseGroups(head)
  if (left === undefined) return undefined
  if (tail === undefined) return left.length === 16 ? left : undefined
  const right = parseGroups(tail)
  // "::" stands for at least one group
  if (right === undefined || left.length + right.length > 14) return undefined
  return [...left, ...new Array<number>(16 - left.length - right.length).fill(0), ...right]
}

const isIpv4Mapped = (bytes: AddressBytes): boolean =>
  bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff

/** IPv4 in an IPv6 socket (`::ffff:a.b.c.d`) is IPv4. */
export const unmapIpv4 = (bytes: AddressBytes): AddressBytes => (isIpv4Mapped(bytes) ? bytes.slice(12) : bytes)

/**
 * The address of a peer as the system prints it: IPv6 perhaps in brackets, perhaps with a zone; undefined if
 * malformed.
 */
export const parsePeerAddress = (text: string): AddressBytes | undefined => {
  const inner = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text
  const percent = inner.indexOf("%")
  const bare = percent < 0 ? inner : inner.slice(0, percent)
  const bytes = parseIpv4(bare) ?? parseIpv6(bare)
  return bytes === undefined ? undefined : unmapIpv4(bytes)
}
