/**
 * CRC32C (Castagnoli) as iSCSI digests use it, RFC 7143 section 13.1: a plain table, so that the tests do not depend on
 * the library that the target uses.
 */
const polynomial = 0x82f63b78

const tableEntry = (index: number): number => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
  return value >>> 0
}

const table = Uint32Array.from({ length: 256 }, (_, index) => tableEntry(index))

/** The CRC32C of `parts` one after the other, as an unsigned 32-bit number. */
export const crc32c = (...parts: ReadonlyArray<Uint8Array>): number => {
  let crc = 0xffffffff
  for (const part of parts) {
    for (const byte of part) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}

/** The digest as it stands behind a header or a data segment: 4 bytes, the CRC's least significant first. */
export const digestBytes = (...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const digest = Buffer.alloc(4)
  digest.writeUInt32LE(crc32c(...parts))
  return digest
}
