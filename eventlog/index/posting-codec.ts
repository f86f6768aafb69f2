/**
 * The index as it is stored. Records are indexed in blocks of 4096 seqs. For each block and tag there is a *posting*:
 * which records of the block have the tag; for each block a *summary*: by which tagging it was indexed, and the hashes
 * of all its tags, so that a posting that is missing is known to be missing, and one that is old can be deleted.
 *
 * Everything is `CRC-32C (4, LE) | format (1) | body`; the CRC is over the key, too. Derived data: what does not match
 * is as good as absent.
 */
import { hash } from "node:crypto"
import { Cursor, maskedCrc } from "../level/level-bytes.ts"

/** Seqs of one block: block n has the seqs `n * blockSeqs` and on. */
export const blockSeqs = 4096

const format = 1
const headBytes = 5

/** A record of a block that has a tag. */
export interface Posting {
  readonly seq: number
  readonly kind: "control" | "observation"
}

/** What a block was indexed by. */
export interface BlockSummary {
  readonly version: number
  /** Of all tags of the block's records. */
  readonly hashes: () => ReadonlyArray<string>
  readonly has: (tagHash: string) => boolean
}

/** How far the log is indexed by this tagging. */
export interface IndexedBlocks {
  readonly version: number
  /** All blocks before this one are indexed, but for those that are damaged. */
  readonly blocks: number
  /** All blocks before this one have been indexed again after retention dropped their observations. */
  readonly trimmed: number
}

/** What a tag is filed under: names can be long, and their writers hostile. Collisions cost time and no more. */
export const tagHash = (tag: string): string => hash("sha256", tag, "hex").slice(0, 16)

const checksum = (key: string, value: Buffer): number => maskedCrc(Buffer.concat([Buffer.from(key), value.subarray(4)]))

const seal = (key: string, body: Buffer): Buffer => {
  const value = Buffer.concat([Buffer.alloc(headBytes), body])
  value[4] = format
  value.writeUInt32LE(checksum(key, value), 0)
  return value
}

const unseal = (key: string, stored: Uint8Array): Buffer | undefined => {
  const value = Buffer.from(stored.buffer, stored.byteOffset, stored.length)
  if (value.length < headBytes || value[4] !== format) return undefined
  return value.readUInt32LE(0) === checksum(key, value) ? value.subarray(headBytes) : undefined
}

/** Writes varints into a buffer that grows. */
class Varints {
  #bytes = Buffer.allocUnsafe(64)
  #length = 0

  add(number: number): void {
    if (this.#length + 8 > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * this.#bytes.length)
    let rest = number
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[this.#length++] = (rest % 0x80) | 0x80
    this.#bytes[this.#length++] = rest
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}

/** `places` are `placeOf` each record, ascending. Stored as differences. */
export const encodePosting = (key: string, places: ReadonlyArray<number>): Buffer => {
  const varints = new Varints()
  let last = 0
  for (const place of places) {
    varints.add(place - last)
    last = place
  }
  return seal(key, varints.bytes)
}

/** Where a record is in its block, and of which kind it is, as one number. */
export const placeOf = ({ kind, seq }: Posting): number => 2 * (seq % blockSeqs) + (kind === "control" ? 1 : 0)

/** The inverse of `placeOf`. */
export const postingAt = (block: number, place: number): Posting => ({
  seq: block * blockSeqs + Math.floor(place / 2),
  kind: place % 2 === 1 ? "control" : "observation"
})

/** The places, ascending; undefined if these are not the bytes that were stored under this key. */
export const decodePosting = (key: string, value: Uint8Array): ReadonlyArray<number> | undefined => {
  const body = unseal(key, value)
  if (body === undefined) return undefined
  const cursor = new Cursor(body, 0)
  const places: Array<number> = []
  for (let last = 0; !cursor.atEnd; ) {
    last += cursor.varint()
    if (cursor.failed || last >= 2 * blockSeqs) return undefined
    places.push(last)
  }
  return places
}

const hashBytes = 8

/** Version, then the hashes of all tags, ascending. */
export const encodeSummary = (key: string, version: number, hashes: Iterable<string>): Buffer => {
  const sorted = [...new Set(hashes)].sort()
  const body = Buffer.alloc(4 + hashBytes * sorted.length)
  body.writeUInt32LE(version, 0)
  body.write(sorted.join(""), 4, "hex")
  return seal(key, body)
}

const isAmong = (sorted: Buffer, hash: string): boolean => {
  const wanted = Buffer.from(hash, "hex")
  let low = 0
  let high = sorted.length / hashBytes
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = sorted.compare(wanted, 0, hashBytes, hashBytes * middle, hashBytes * (middle + 1))
    if (order === 0) return true
    if (order < 0) low = middle + 1
    else high = middle
  }
  return false
}

const hashesIn = (sorted: Buffer): ReadonlyArray<string> =>
  Array.from({ length: sorted.length / hashBytes }, (_, n) =>
    sorted.toString("hex", hashBytes * n, hashBytes * (n + 1))
  )

/** Undefined if these are not the bytes that were stored under this key. */
export const decodeSummary = (key: string, value: Uint8Array): BlockSummary | undefined => {
  const body = unseal(key, value)
  if (body === undefined || body.length % hashBytes !== 4) return undefined
  const sorted = body.subarray(4)
  return {
    version: body.readUInt32LE(0),
    hashes: () => hashesIn(sorted),
    has: (tagHash) => isAmong(sorted, tagHash)
  }
}

/** Three varints. */
export const encodeIndexed = (key: string, { blocks, trimmed, version }: IndexedBlocks): Buffer => {
  const varints = new Varints()
  varints.add(version)
  varints.add(blocks)
  varints.add(trimmed)
  return seal(key, varints.bytes)
}

/** Undefined if these are not the bytes that were stored under this key. */
export const decodeIndexed = (key: string, value: Uint8Array): IndexedBlocks | undefined => {
  const body = unseal(key, value)
  if (body === undefined) return undefined
  const cursor = new Cursor(body, 0)
  const version = cursor.varint()
  const blocks = cursor.varint()
  const trimmed = cursor.varint()
  return cursor.failed ? undefined : { version, blocks, trimmed }
}
