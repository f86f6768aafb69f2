/** What really went over a connection of the scripted initiator, to compare a capture with. */
import type { Digests } from "../initiator/pdu.ts"
import { Opcode } from "../initiator/pdu.ts"
import type { Wire } from "../initiator/Wire.ts"

/** A PDU on the wire. */
export interface WirePdu {
  readonly fromTarget: boolean
  readonly opcode: number
  /** Of a Reject, that of the PDU that it refuses. */
  readonly initiatorTaskTag: number
  readonly dataBytes: number
}

const headerBytes = 48
const digestBytes = 4

/** The PDUs of one direction; those of the login have no digests. */
const pdusOf = (bytes: Buffer, digests: Digests, fromTarget: boolean): ReadonlyArray<WirePdu> => {
  const pdus: Array<WirePdu> = []
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const opcode = bytes.readUInt8(at) & 0x3f
    const dataBytes = bytes.readUIntBE(at + 5, 3)
    const tagAt = opcode === Opcode.reject ? at + headerBytes + 16 : at + 16
    pdus.push({ fromTarget, opcode, initiatorTaskTag: bytes.readUInt32BE(tagAt), dataBytes })
    const isLogin = opcode === Opcode.login || opcode === Opcode.loginResponse
    const headerDigest = digests.header && !isLogin ? digestBytes : 0
    const dataDigest = digests.data && !isLogin && dataBytes > 0 ? digestBytes : 0
    at += headerBytes + bytes.readUInt8(at + 4) * 4 + headerDigest + Math.ceil(dataBytes / 4) * 4 + dataDigest
  }
  return pdus
}

/** Listens to one connection: `onConnect` of a session. */
export class Tap {
  readonly #sent: Array<Buffer> = []
  readonly #received: Array<Buffer> = []

  /** See `SessionOptions.onConnect`. */
  readonly listen = (wire: Wire): void => {
    wire.onBytes = (isSent, bytes) => void (isSent ? this.#sent : this.#received).push(Buffer.from(bytes))
  }

  /** All PDUs: what the initiator sent, then what it received. */
  pdus(digests: Digests = { header: false, data: false }): ReadonlyArray<WirePdu> {
    return [
      ...pdusOf(Buffer.concat(this.#sent), digests, false),
      ...pdusOf(Buffer.concat(this.#received), digests, true)
    ]
  }
}
