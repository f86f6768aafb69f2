/** Binary values of text keys (RFC 7143 section 6.1): hexadecimal after `0x`, or base64 after `0b`. */

const hexadecimal = /^0[xX](?<digits>[0-9a-fA-F]+)$/
const base64 = /^0[bB](?<text>[A-Za-z0-9+/]+={0,2})$/

/**
 * The bytes of a value, at most `bytesMax` of them; undefined if it is none. An odd number of hexadecimal digits has
 * lost a leading zero.
 */
export const parseBinaryValue = (value: string, bytesMax: number): Buffer | undefined => {
  const digits = hexadecimal.exec(value)?.groups?.["digits"]
  if (digits !== undefined) {
    if (digits.length > 2 * bytesMax) return undefined
    return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex")
  }
  const text = base64.exec(value)?.groups?.["text"]
  if (text === undefined) return undefined
  const bytes = Buffer.from(text, "base64")
  // Base64 has one spelling, but for the padding, which some leave out.
  const isWhole = bytes.toString("base64").replace(/=+$/, "") === text.replace(/=+$/, "")
  return isWhole && bytes.length <= bytesMax ? bytes : undefined
}

/** In hexadecimal, which every implementation reads. */
export const formatBinaryValue = (bytes: Buffer): string => `0x${bytes.toString("hex")}`
