/**
 * The pages of an overlay's file that are no content: its head, and its map. All numbers have their lowest byte first.
 *
 * A page has 4096 bytes, and two places that are written in turn, so that one is always whole; of those whose checksum
 * is right the one with the higher sequence number counts.
 *
 *     0   4  "LUNO"
 *     4   2  version of the format: 1
 *     6   2  kind: 1 head, 2 map of this boot, 3 map on the medium
 *     8   8  sequence number
 *     16  4  segment; 0 in a head
 *     20  4  CRC-32 (IEEE 802.3) of the page with zeros here
 *     24  16 id of the overlay: a page of another file is none
 *     40  16 boot of the machine (maps of this boot; else zeros)
 *     56  8  zeros
 *     64     the states of 4032 granules, a byte each (0 base, 1 own, 2 zeros); in a head:
 *            4 bytes of a block, 4 of a granule, 8 how many blocks the disk has
 */
import { crc32 } from "node:zlib"
import { granulesPerSegment } from "./GranuleMap.ts"

/** Bytes of a page. */
export const pageBytes = 4096

/** What a page is. */
export const PageKind = { head: 1, bootMap: 2, mediumMap: 3 } as const
export type PageKind = (typeof PageKind)[keyof typeof PageKind]

/** What each page begins with. */
export interface PageLabel {
  readonly kind: PageKind
  readonly sequence: number
  readonly segment: number
  /** 16 bytes. */
  readonly id: Buffer
  /** 16 bytes. */
  readonly boot: Buffer
}

/** What a head says. */
export interface OverlayHead {
  readonly blockSize: number
  readonly granuleBytes: number
  readonly blockCount: number
}

const magic = Buffer.from("LUNO")
const version = 1
const contentAt = 64
const checksumAt = 20
const idBytes = 16

/** No boot: of pages that are on the medium. */
export const noBoot: Buffer = Buffer.alloc(idBytes)

const writePage = (label: PageLabel): Buffer => {
  const page = Buffer.alloc(pageBytes)
  magic.copy(page, 0)
  page.writeUInt16LE(version, 4)
  page.writeUInt16LE(label.kind, 6)
  page.writeBigUInt64LE(BigInt(label.sequence), 8)
  page.writeUInt32LE(label.segment, 16)
  label.id.copy(page, 24, 0, idBytes)
  label.boot.copy(page, 40, 0, idBytes)
  return page
}

const sealed = (page: Buffer): Buffer => {
  page.writeUInt32LE(crc32(page), checksumAt)
  return page
}

/** A page of a map. `states` may be shorter than a segment. */
export const mapPage = (label: PageLabel, states: Uint8Array): Buffer => {
  const page = writePage(label)
  page.set(states, contentAt)
  return sealed(page)
}

/** A head. */
export const headPage = (label: PageLabel, head: OverlayHead): Buffer => {
  const page = writePage(label)
  page.writeUInt32LE(head.blockSize, contentAt)
  page.writeUInt32LE(head.granuleBytes, contentAt + 4)
  page.writeBigUInt64LE(BigInt(head.blockCount), contentAt + 8)
  return sealed(page)
}

/** The label of a page that is whole; `newer` of one that only a later version of lunlog can read. */
export const labelOf = (page: Buffer): PageLabel | "newer" | undefined => {
  if (page.length !== pageBytes || page.compare(magic, 0, magic.length, 0, magic.length) !== 0) return undefined
  const unsealed = Buffer.from(page)
  unsealed.writeUInt32LE(0, checksumAt)
  if (crc32(unsealed) !== page.readUInt32LE(checksumAt)) return undefined
  if (page.readUInt16LE(4) !== version) return "newer"
  const kind = page.readUInt16LE(6)
  const sequence = Number(page.readBigUInt64LE(8))
  if (kind !== PageKind.head && kind !== PageKind.bootMap && kind !== PageKind.mediumMap) return undefined
  if (!Number.isSafeInteger(sequence)) return undefined
  const [id, boot] = [Buffer.from(page.subarray(24, 40)), Buffer.from(page.subarray(40, 56))]
  return { kind, sequence, segment: page.readUInt32LE(16), id, boot }
}

/** The states of a map's page. */
export const statesOf = (page: Buffer): Uint8Array => page.subarray(contentAt, contentAt + granulesPerSegment)

/** What a head's page says; undefined if it makes no sense. */
export const headOf = (page: Buffer): OverlayHead | undefined => {
  const blockSize = page.readUInt32LE(contentAt)
  const granuleBytes = page.readUInt32LE(contentAt + 4)
  const blockCount = Number(page.readBigUInt64LE(contentAt + 8))
  // The pages of a segment's maps have a granule to themselves.
  const isSense = blockSize > 0 && granuleBytes >= 4 * pageBytes && granuleBytes % blockSize === 0
  return isSense && Number.isSafeInteger(blockCount * blockSize) ? { blockSize, granuleBytes, blockCount } : undefined
}
