/**
 * CRC32C (Castagnoli) as header and data digests use it, RFC 7143 sections 13.1 and appendix A of RFC 3720. Headers go
 * through a table: calling the native library costs more than its work on so few bytes.
 */
import { crc32c as native } from "@node-rs/crc32"

/** Length of a digest in bytes. */
export const digestBytes = 4

/** Bytes from which the native library is the faster one. */
const nativeFrom = 128

const polynomial = 0x82_f6_3b_78

/** Eight tables of 256: entry 256 * n + x is the CRC of byte x followed by n zero bytes. */
const table = new Int32Array(8 * 256)
for (let index = 0; index < 256; index++) {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
  table[index] = value
}
for (let index = 256; index < table.length; index++) {
  const before = table[index - 256] ?? 0
  table[index] = (before >>> 8) ^ (table[before & 0xff] ?? 0)
}

const word = (b: Buffer, at: number): number =>
  (b[at] ?? 0) | ((b[at + 1] ?? 0) << 8) | ((b[at + 2] ?? 0) << 16) | ((b[at + 3] ?? 0) << 24)

const byTable = (b: Buffer, start: number, end: number, before: number): number => {
  let crc = ~before
  let at = start
  for (; at + 8 <= end; at += 8) {
    const first = crc ^ word(b, at)
    const second = word(b, at + 4)
    crc =
      (table[1792 + (first & 0xff)] ?? 0) ^
      (table[1536 + ((first >>> 8) & 0xff)] ?? 0) ^
      (table[1280 + ((first >>> 16) & 0xff)] ?? 0) ^
      (table[1024 + (first >>> 24)] ?? 0) ^
      (table[768 + (second & 0xff)] ?? 0) ^
      (table[512 + ((second >>> 8) & 0xff)] ?? 0) ^
      (table[256 + ((second >>> 16) & 0xff)] ?? 0) ^
      (table[second >>> 24] ?? 0)
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (table[(crc ^ (b[at] ?? 0)) & 0xff] ?? 0)
  return ~crc >>> 0
}

/** The CRC32C of `b` from `start` to `end`, as if what has the CRC `before` stood before it; an unsigned number. */
export const crc32cOf = (b: Buffer, start: number, end: number, before = 0): number =>
  end - start < nativeFrom ? byTable(b, start, end, before) : native(b.subarray(start, end), before)

/** Writes a digest: the least significant byte of the CRC first. */
export const putDigest = (b: Buffer, at: number, crc: number): void => {
  b[at] = crc & 0xff
  b[at + 1] = (crc >>> 8) & 0xff
  b[at + 2] = (crc >>> 16) & 0xff
  b[at + 3] = crc >>> 24
}

/** Reads a digest. */
export const digestOf = (b: Buffer, at: number): number => word(b, at) >>> 0
