/** LevelDB's encodings that both of its file formats share: varints, and checksums. */
import { crc32c } from "@node-rs/crc32"

const maskDelta = 0xa282ead8

/** CRC-32C of `bytes` as LevelDB stores it: masked, since a CRC over bytes that contain CRCs is weak. */
export const maskedCrc = (bytes: Uint8Array): number => {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + maskDelta) >>> 0
}

/** Reads varints and byte strings off a buffer; `failed` once it has run out of them. */
export class Cursor {
  readonly bytes: Buffer
  at: number
  failed = false

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }

  get atEnd(): boolean {
    return this.failed || this.at >= this.bytes.length
  }

  /** A varint below 2^53. */
  varint(): number {
    let value = 0
    for (let scale = 1; scale < 2 ** 53; scale *= 128) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) break
      value += (byte & 0x7f) * scale
      if (byte < 0x80 && Number.isSafeInteger(value)) return value
    }
    this.failed = true
    return 0
  }

  /** A byte string with its length in front; empty if it fails. */
  string(): Buffer {
    const length = this.varint()
    const end = this.at + length
    if (end > this.bytes.length) this.failed = true
    if (this.failed) return Buffer.alloc(0)
    const string = this.bytes.subarray(this.at, end)
    this.at = end
    return string
  }
}
