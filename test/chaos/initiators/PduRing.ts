/**
 * The last bytes of a connection, both ways, for when something has gone wrong: as a file that Wireshark opens. The
 * TCP/IP around them is made up, the times are those at which the initiator has sent or received.
 */
import type { Wire } from "../../support/initiator/Wire.ts"

interface Piece {
  readonly at: number
  readonly isSent: boolean
  readonly bytes: Buffer
}

/** Bytes that are kept of each connection. */
const keptBytesMax = 512 * 1024
/** What an IPv4 packet carries here at most. */
const segmentBytesMax = 32 * 1024
/** Wireshark takes it for iSCSI. */
const targetPort = 3260
const headerBytes = 40
/** LINKTYPE_RAW: packets begin with the IP header. */
const linkTypeRaw = 101

/** One connection's. */
export class PduRing {
  readonly name: string
  readonly #pieces: Array<Piece> = []
  #bytes = 0

  constructor(name: string, wire: Wire) {
    this.name = name
    wire.onBytes = (isSent, bytes) => this.#keep({ at: Date.now(), isSent, bytes: Buffer.from(bytes) })
  }

  /** A capture file (pcap). */
  capture(): Buffer {
    const next = { sent: 1, received: 1 }
    const packets = this.#pieces.flatMap((piece) => {
      const parts: Array<Buffer> = []
      for (let at = 0; at < piece.bytes.length; at += segmentBytesMax) {
        const bytes = piece.bytes.subarray(at, at + segmentBytesMax)
        parts.push(packet(piece, bytes, next))
        if (piece.isSent) next.sent = (next.sent + bytes.length) >>> 0
        else next.received = (next.received + bytes.length) >>> 0
      }
      return parts
    })
    return Buffer.concat([fileHeader(), ...packets])
  }

  #keep(piece: Piece): void {
    this.#pieces.push(piece)
    this.#bytes += piece.bytes.length
    while (this.#bytes > keptBytesMax && this.#pieces.length > 1) {
      this.#bytes -= this.#pieces.shift()?.bytes.length ?? 0
    }
  }
}

const fileHeader = (): Buffer => {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(segmentBytesMax + headerBytes, 16)
  header.writeUInt32LE(linkTypeRaw, 20)
  return header
}

const packet = (
  { at, isSent }: Piece,
  bytes: Buffer,
  next: { readonly sent: number; readonly received: number }
): Buffer => {
  const head = Buffer.alloc(16 + headerBytes)
  const length = headerBytes + bytes.length
  head.writeUInt32LE(Math.floor(at / 1000), 0)
  head.writeUInt32LE((at % 1000) * 1000, 4)
  head.writeUInt32LE(length, 8)
  head.writeUInt32LE(length, 12)
  head[16] = 0x45
  head.writeUInt16BE(length, 18)
  head[24] = 64
  head[25] = 6
  const ends = isSent ? [1, 2] : [2, 1]
  head.writeUInt32BE(0x0a000000 + (ends[0] ?? 0), 28)
  head.writeUInt32BE(0x0a000000 + (ends[1] ?? 0), 32)
  head.writeUInt16BE(isSent ? 50_000 : targetPort, 36)
  head.writeUInt16BE(isSent ? targetPort : 50_000, 38)
  head.writeUInt32BE(isSent ? next.sent : next.received, 40)
  head.writeUInt32BE(isSent ? next.received : next.sent, 44)
  head[48] = 0x50
  head[49] = 0x18
  head.writeUInt16BE(0xffff, 50)
  return Buffer.concat([head, bytes])
}
