/**
 * A TCP connection made up around what was recorded of it: IP and TCP headers (RFC 791, 8200, 9293) with sequence
 * numbers that fit, so that programs that dissect packets find what was on the wire. What was not recorded is missing
 * at the end of a packet, which has its length all the same.
 */
import { parsePeerAddress } from "../../domain/address.ts"
import type { Packet } from "./pcapng.ts"

/** One end. */
export interface Endpoint {
  /** As text, without brackets; what is none is 0.0.0.0. */
  readonly address: string
  readonly port: number
}

/** What one end sends. */
export interface Segment {
  readonly nanos: bigint
  readonly fromTarget: boolean
  /** Its beginning, as far as it is known. */
  readonly known: Uint8Array
  /** All of it. */
  readonly bytes: number
  readonly comments: ReadonlyArray<string>
}

/** Bits of TCP's flags. */
const Flag = { fin: 0x01, syn: 0x02, push: 0x08, ack: 0x10 } as const

const tcpHeaderBytes = 20
/** Of a SYN: a window that nothing recorded fills (RFC 7323 section 2.2), padded to a word. */
const windowScale = Uint8Array.of(1, 3, 3, 14)
const protocolTcp = 6
const timeToLive = 64
const window = 0xffff
/** Of TCP's payload in one packet, in bytes: an IP packet has 65,535 with its headers. */
const payloadBytesMax = 65_480
const nothing = new Uint8Array(0)

/** First sequence numbers: any will do, as they are made up. */
const firstSequence = { initiator: 0x1000_0000, target: 0x2000_0000 } as const

const bytesOf = ({ address }: Endpoint): ReadonlyArray<number> => parsePeerAddress(address) ?? [0, 0, 0, 0]

const checksumOf = (header: DataView): number => {
  let sum = 0
  for (let at = 0; at < header.byteLength; at += 2) sum += header.getUint16(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

const mapped = (address: ReadonlyArray<number>): ReadonlyArray<number> =>
  address.length === 16 ? address : [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...address]

/** An IP header for so many bytes behind it. */
const ipHeader = (from: ReadonlyArray<number>, to: ReadonlyArray<number>, bytes: number): Uint8Array => {
  const isIpv4 = from.length === 4 && to.length === 4
  const header = new Uint8Array(isIpv4 ? 20 : 40)
  const view = new DataView(header.buffer)
  if (isIpv4) {
    view.setUint8(0, 0x45)
    view.setUint16(2, 20 + bytes)
    view.setUint16(6, 0x4000)
    view.setUint8(8, timeToLive)
    view.setUint8(9, protocolTcp)
    header.set(from, 12)
    header.set(to, 16)
    view.setUint16(10, checksumOf(view))
    return header
  }
  view.setUint8(0, 0x60)
  view.setUint16(4, bytes)
  view.setUint8(6, protocolTcp)
  view.setUint8(7, timeToLive)
  header.set(mapped(from), 8)
  header.set(mapped(to), 24)
  return header
}

/** One connection, from its first packet on. */
export class TcpStream {
  readonly packets: Array<Packet> = []
  readonly #initiator: Endpoint
  readonly #target: Endpoint
  /** What each end sends next. */
  readonly #sequence: { initiator: number; target: number } = { ...firstSequence }

  constructor(initiator: Endpoint, target: Endpoint) {
    this.#initiator = initiator
    this.#target = target
  }

  /** Opens the connection. */
  open(nanos: bigint, comments: ReadonlyArray<string>): void {
    this.#add({ nanos, fromTarget: false, known: nothing, bytes: 0, comments }, Flag.syn)
    this.#add({ nanos, fromTarget: true, known: nothing, bytes: 0, comments: [] }, Flag.syn | Flag.ack)
    this.#add({ nanos, fromTarget: false, known: nothing, bytes: 0, comments: [] }, Flag.ack)
  }

  /** One end sends something, in as many packets as it takes. */
  send({ bytes, comments, known, ...rest }: Segment): void {
    for (let at = 0; at < bytes; at += payloadBytesMax) {
      const length = Math.min(payloadBytesMax, bytes - at)
      const part = {
        ...rest,
        known: known.subarray(at, at + length),
        bytes: length,
        comments: at === 0 ? comments : []
      }
      this.#add(part, at + length === bytes ? Flag.push | Flag.ack : Flag.ack)
    }
  }

  /** One end closes it. */
  close(nanos: bigint, fromTarget: boolean, comments: ReadonlyArray<string>): void {
    this.#add({ nanos, fromTarget, known: nothing, bytes: 0, comments }, Flag.fin | Flag.ack)
  }

  #add({ bytes, comments, fromTarget, known, nanos }: Segment, flags: number): void {
    const [from, to] = fromTarget ? [this.#target, this.#initiator] : [this.#initiator, this.#target]
    const [own, other] = fromTarget ? (["target", "initiator"] as const) : (["initiator", "target"] as const)
    const options = (flags & Flag.syn) === 0 ? nothing : windowScale
    const headBytes = tcpHeaderBytes + options.length
    const ip = ipHeader(bytesOf(from), bytesOf(to), headBytes + bytes)
    const packet = new Uint8Array(ip.length + headBytes + known.length)
    packet.set(ip)
    packet.set(options, ip.length + tcpHeaderBytes)
    const tcp = new DataView(packet.buffer, ip.length)
    tcp.setUint16(0, from.port)
    tcp.setUint16(2, to.port)
    tcp.setUint32(4, this.#sequence[own])
    tcp.setUint32(8, (flags & Flag.ack) === 0 ? 0 : this.#sequence[other])
    tcp.setUint8(12, (headBytes / 4) << 4)
    tcp.setUint8(13, flags)
    tcp.setUint16(14, window)
    packet.set(known, ip.length + headBytes)
    const taken = bytes + ((flags & (Flag.syn | Flag.fin)) === 0 ? 0 : 1)
    this.#sequence[own] = (this.#sequence[own] + taken) >>> 0
    this.packets.push({ nanos, bytes: packet, wireBytes: ip.length + headBytes + bytes, comments })
  }
}
