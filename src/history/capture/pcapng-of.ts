/**
 * What the recorder of PDUs has, as a pcapng file for Wireshark and tshark: each PDU in packets of its own, with a
 * comment that names the records of the log it led to.
 */

import type { ConnectionCapture } from "../../domain/capture/ConnectionCapture.ts"
import { type CaptureEntry, CaptureFlag, captureEntries } from "../../domain/capture/capture-entry.ts"
import { enhancedPacket, interfaceDescription, type Maker, type Packet, sectionHeader } from "./pcapng.ts"
import { TcpStream } from "./TcpStream.ts"

/** What the file says beside the PDUs. */
export interface CaptureWords extends Maker {
  /** A record as its comment has it, without its seq; undefined if it is not known. */
  readonly sentenceOf?: (seq: number) => string | undefined
}

const headerBytes = 48
const digestBytes = 4
const nanosPerMicro = 1000n

const paddingOf = (bytes: number): number => -bytes & 3

/** What a PDU has on the wire, and what of that is known from its beginning on. RFC 7143 section 11.1. */
const wireOf = ({ data, flags, header, headerDigest }: CaptureEntry): { known: Uint8Array; bytes: number } => {
  const hasDigest = (flags & CaptureFlag.headerDigest) !== 0
  const digest = hasDigest ? digestBytes : 0
  // What a damaged header says of lengths says nothing.
  if ((flags & CaptureFlag.badHeader) !== 0) return { known: header, bytes: headerBytes + digest }
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  const ahsBytes = view.getUint8(4) * 4
  const dataBytes = view.getUint32(4) & 0xff_ff_ff
  const dataEnd = dataBytes + paddingOf(dataBytes)
  const dataDigest = dataBytes > 0 && (flags & CaptureFlag.dataDigest) !== 0 ? digestBytes : 0
  const bytes = headerBytes + ahsBytes + digest + dataEnd + dataDigest
  if (ahsBytes > 0) return { known: header, bytes }
  const known = new Uint8Array(headerBytes + digest + (data.length === dataBytes ? dataEnd : data.length))
  known.set(header)
  if (hasDigest) new DataView(known.buffer).setUint32(headerBytes, headerDigest, true)
  known.set(data, headerBytes + digest)
  return { known, bytes }
}

/** Of whom it is, before all else. */
const aboutOf = (capture: ConnectionCapture, recorded: number): string => {
  const { connection, initiatorName, pduCount, targetName, tsih } = capture
  const who = initiatorName === "" ? "an initiator without a name" : initiatorName
  const session = tsih === undefined ? "no session" : `session ${tsih}`
  const missing = pduCount - recorded
  const lost = missing > 0 ? `; the first ${missing} PDUs are not recorded any more` : ""
  return `connection ${connection}, ${session}: ${who} at ${targetName === "" ? "(discovery)" : targetName}${lost}`
}

/** Wireshark's port of iSCSI; it takes no other for it by itself. */
const knownPort = 3260

const portHint = (port: number): ReadonlyArray<string> =>
  port === knownPort ? [] : [`to see iSCSI: tshark -d tcp.port==${port},iscsi, or Decode As in Wireshark`]

const remarksOf = ({ flags }: CaptureEntry): ReadonlyArray<string> => [
  ...((flags & CaptureFlag.badHeader) === 0 ? [] : ["its header digest is wrong"]),
  ...((flags & CaptureFlag.badData) === 0 ? [] : ["its data digest is wrong"])
]

const packetsOf = (capture: ConnectionCapture, { sentenceOf }: CaptureWords): ReadonlyArray<Packet> => {
  const { closedAt, closeReason = "", initiatorAddress, initiatorPort, targetAddress, targetPort } = capture
  const entries = captureEntries(capture.entries)
  const stream = new TcpStream(
    { address: initiatorAddress, port: initiatorPort },
    { address: targetAddress, port: targetPort }
  )
  const since = BigInt(Math.round(capture.openedAt)) * nanosPerMicro
  const about = [aboutOf(capture, entries.length), ...portHint(targetPort)]
  const isWhole = entries[0]?.ordinal === 0
  if (isWhole) stream.open(since, about)
  const seqs = Map.groupBy(capture.records, ({ ordinal }) => ordinal)
  for (const [index, entry] of entries.entries()) {
    const records = (seqs.get(entry.ordinal) ?? []).map(({ seq }) => {
      const sentence = sentenceOf?.(seq)
      return sentence === undefined ? `seq ${seq}` : `seq ${seq} ${sentence}`
    })
    stream.send({
      nanos: since + BigInt(Math.round(entry.nanos)),
      fromTarget: (entry.flags & CaptureFlag.sent) !== 0,
      ...wireOf(entry),
      comments: [...(index === 0 && !isWhole ? about : []), ...remarksOf(entry), ...records]
    })
  }
  if (closedAt !== undefined && entries.length > 0) {
    const byTarget = closeReason !== "the initiator closed it"
    stream.close(BigInt(Math.round(closedAt)) * nanosPerMicro, byTarget, [`closed: ${closeReason}`])
  }
  return stream.packets
}

/** The file. Packets of all connections are in the order of their times. */
export const pcapngOf = (captures: ReadonlyArray<ConnectionCapture>, words: CaptureWords): Uint8Array => {
  const packets = captures.flatMap((capture) => packetsOf(capture, words))
  const sorted = packets.sort((a, b) => (a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0))
  const blocks = [sectionHeader(words), interfaceDescription(), ...sorted.map(enhancedPacket)]
  const file = new Uint8Array(blocks.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const bytes of blocks) {
    file.set(bytes, at)
    at += bytes.length
  }
  return file
}
