/**
 * Blocks of the pcapng format (draft-ietf-opsawg-pcapng), little-endian: a section, one interface of bare IP packets
 * with times in nanoseconds, and packets with comments.
 *
 *   0      uint32  type
 *   4      uint32  length of the block, with both of these
 *   8      body, then options, each padded with zeros to whole words
 *   end-4  uint32  the length again
 *
 *   option: uint16 code, uint16 length, value, padding; the last is 0, 0
 */

/** What made the file. */
export interface Maker {
  readonly version: string
}

/** A packet, or its beginning. */
export interface Packet {
  /** Since the epoch. */
  readonly nanos: bigint
  /** What is known of it, from its IP header on. */
  readonly bytes: Uint8Array
  /** What it would have on the wire. */
  readonly wireBytes: number
  readonly comments: ReadonlyArray<string>
}

const blockType = { sectionHeader: 0x0a0d0d0a, interfaceDescription: 1, enhancedPacket: 6 } as const
const optionCode = { end: 0, comment: 1, hardware: 2, system: 3, application: 4, name: 2, resolution: 9 } as const
/** LINKTYPE_RAW: each packet begins with its IP header, of either version. */
const linkTypeRaw = 101
/** Ten to the minus ninth. */
const nanoseconds = 9
const byteOrderMagic = 0x1a2b3c4d
const unknownLength = 0xffffffffffffffffn

const utf8 = new TextEncoder()

/** Longest option value, in bytes: its length has 16 bits; longer texts are cut. */
const optionBytesMax = 0xffff

const padded = (bytes: number): number => Math.ceil(bytes / 4) * 4

type Option = readonly [code: number, value: Uint8Array]

const textOption = (code: number, text: string): Option => [code, utf8.encode(text).subarray(0, optionBytesMax)]

const optionsBytes = (options: ReadonlyArray<Option>): number =>
  options.length === 0 ? 0 : options.reduce((sum, [, value]) => sum + 4 + padded(value.length), 4)

/** A block with a body of so many bytes, which `fill` writes at 0 of what it is given. */
const block = (
  type: number,
  bodyBytes: number,
  options: ReadonlyArray<Option>,
  fill: (body: DataView, bytes: Uint8Array) => void
): Uint8Array => {
  const length = 12 + padded(bodyBytes) + optionsBytes(options)
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, type, true)
  view.setUint32(4, length, true)
  view.setUint32(length - 4, length, true)
  fill(new DataView(bytes.buffer, 8, bodyBytes), bytes.subarray(8, 8 + bodyBytes))
  let at = 8 + padded(bodyBytes)
  for (const [code, value] of options) {
    view.setUint16(at, code, true)
    view.setUint16(at + 2, value.length, true)
    bytes.set(value, at + 4)
    at += 4 + padded(value.length)
  }
  return bytes
}

/** Begins a file. */
export const sectionHeader = ({ version }: Maker): Uint8Array => {
  const name = `lunlog ${version}`
  const options = [
    textOption(optionCode.hardware, name),
    textOption(optionCode.system, name),
    textOption(optionCode.application, name)
  ]
  return block(blockType.sectionHeader, 16, options, (body) => {
    body.setUint32(0, byteOrderMagic, true)
    body.setUint16(4, 1, true)
    body.setUint16(6, 0, true)
    body.setBigUint64(8, unknownLength, true)
  })
}

/** The interface that all packets are of. */
export const interfaceDescription = (): Uint8Array => {
  const options = [
    textOption(optionCode.name, "lunlog"),
    textOption(optionCode.comment, "TCP is made up: what is recorded are iSCSI PDUs, without most of their data"),
    [optionCode.resolution, Uint8Array.of(nanoseconds)] as const
  ]
  return block(blockType.interfaceDescription, 8, options, (body) => {
    body.setUint16(0, linkTypeRaw, true)
    body.setUint32(4, 0, true)
  })
}

/** One packet of it. */
export const enhancedPacket = ({ bytes, comments, nanos, wireBytes }: Packet): Uint8Array => {
  const options = comments.map((comment) => textOption(optionCode.comment, comment))
  return block(blockType.enhancedPacket, 20 + bytes.length, options, (body, into) => {
    body.setUint32(0, 0, true)
    body.setUint32(4, Number(nanos >> 32n), true)
    body.setUint32(8, Number(nanos & 0xffffffffn), true)
    body.setUint32(12, bytes.length, true)
    body.setUint32(16, wireBytes, true)
    into.set(bytes, 20)
  })
}
