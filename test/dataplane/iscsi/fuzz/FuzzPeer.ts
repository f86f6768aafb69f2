/**
 * An initiator that means harm, on a connection without a network: what it sends is mostly valid and partly not, and
 * what it receives must be whole PDUs with right digests.
 */
import { Connection } from "../../../../src/dataplane/iscsi/Connection.ts"
import type { IscsiNode } from "../../../../src/dataplane/iscsi/IscsiNode.ts"
import { type Digests, encodePdu, Opcode, Pdu, PduReader } from "../../../support/initiator/pdu.ts"
import type { Random } from "../../../support/initiator/random.ts"
import { decodeKeys } from "../../../support/initiator/text-keys.ts"
import { TestSocket } from "../fixture.ts"
import type { Conversation } from "./corpus.ts"
import { mutateBytes, mutatePdu } from "./mutations.ts"
import { type LiveSession, loginPdu, type PeerView, randomPdu, type Transfer, testUnitReady } from "./random-pdus.ts"

const noDigests: Digests = { header: false, data: false }
const rememberedTags = 16
/** T bit and the next stage, in a login response. */
const transitToFullFeature = 0x83

/** One connection. */
export class FuzzPeer {
  readonly connection: Connection
  readonly socket = new TestSocket()
  readonly #random: Random
  readonly #reader = new PduReader()
  /** Recorded PDUs that are still to be sent. */
  readonly #script: Array<Pdu>
  #read = 0
  /** LUNs whose unit attention is still to be taken. */
  readonly #unready = [0, 1, 2]
  #agreed: Digests = noDigests
  #loggedIn = false
  #digests: Digests = noDigests
  #cmdSn = 1
  #expStatSn = 1
  readonly #transfers: Array<Transfer> = []
  readonly #tags: Array<number> = []

  constructor(node: IscsiNode, random: Random, script: Conversation = []) {
    this.#random = random
    this.#script = [...script]
    const addresses = { initiatorAddress: "127.0.0.1", initiatorPort: 40_000, targetAddress: "127.0.0.1" }
    this.connection = new Connection(node, this.socket, { portalGroupTag: 1, ...addresses, targetPort: 3260 })
  }

  get isOpen(): boolean {
    return this.connection.state !== "closed" && !this.socket.destroyed
  }

  get isLoggedIn(): boolean {
    return this.#loggedIn
  }

  /** Sends the next PDU, if the target reads. */
  step(): void {
    const random = this.#random
    this.#receive()
    if (!this.isOpen || this.socket.isPaused()) return
    const pdu = this.#next()
    if (random.chance(0.04)) this.#deliver(mutateBytes(random, pdu, this.#digests))
    else {
      const sent = random.chance(0.2) ? mutatePdu(random, pdu) : pdu
      this.#deliver(Buffer.concat(encodePdu(sent, this.#digests)))
    }
    this.#receive()
  }

  /** The peer goes away. */
  cut(): void {
    this.socket.destroy()
  }

  #next(): Pdu {
    const recorded = this.#script.shift()
    if (recorded !== undefined) return this.#renumbered(recorded)
    if (!this.#loggedIn) return loginPdu(this.#random, this.#random.chance(0.5), this.#toJoin())
    const view: PeerView = {
      expStatSn: this.#expStatSn,
      transfers: this.#transfers,
      tags: this.#tags,
      discovery: this.connection.session === undefined,
      nextCmdSn: () => this.#cmdSn
    }
    const quiet = this.#unready.shift()
    const greets = quiet !== undefined && !view.discovery && this.#random.chance(0.9)
    return this.#numbered(greets ? testUnitReady(quiet, view) : randomPdu(this.#random, view))
  }

  /** Now and then a session that is there already. */
  #toJoin(): LiveSession | undefined {
    const sessions = [...this.connection.node.sessions.values()]
    const session = sessions[this.#random.below(sessions.length * 2)]
    return session === undefined ? undefined : { tsih: session.tsih, isid: session.identity.isid }
  }

  /** A recorded PDU with the numbers of now, mostly. */
  #renumbered(recorded: Pdu): Pdu {
    const pdu = new Pdu(Buffer.from(recorded.header), Buffer.from(recorded.data), recorded.additionalHeader)
    if (!this.#loggedIn || this.#random.chance(0.05)) return pdu
    if (pdu.opcode !== Opcode.dataOut) pdu.header.writeUInt32BE(this.#cmdSn, 24)
    pdu.header.writeUInt32BE(this.#expStatSn, 28)
    return this.#numbered(pdu)
  }

  #numbered(pdu: Pdu): Pdu {
    const immediate = ((pdu.header[0] ?? 0) & 0x40) !== 0
    const numbered = pdu.opcode !== Opcode.dataOut && pdu.opcode !== Opcode.snack
    if (numbered && !immediate) this.#cmdSn = (this.#cmdSn + 1) >>> 0
    if (pdu.opcode === Opcode.dataOut) this.#transfers.shift()
    this.#tags.push(pdu.initiatorTaskTag)
    if (this.#tags.length > rememberedTags) this.#tags.shift()
    return pdu
  }

  /** In one chunk, or in pieces. */
  #deliver(bytes: Buffer): void {
    const pieceMax = this.#random.pick([bytes.length, bytes.length, 1000, 47, 3])
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + this.#random.between(1, Math.max(1, pieceMax)))
      this.connection.receive(piece, piece.length)
      at += piece.length
      if (!this.isOpen || this.socket.isPaused()) return
    }
  }

  #receive(): void {
    for (const chunk of this.socket.sent.slice(this.#read)) this.#reader.push(chunk)
    this.#read = this.socket.sent.length
    for (let pdu = this.#reader.next(); pdu !== undefined; pdu = this.#reader.next()) this.#take(pdu)
    if (this.#read > 0) this.socket.sent.length = 0
    this.#read = 0
  }

  #take(pdu: Pdu): void {
    this.#cmdSn = pdu.expCmdSn
    if (pdu.opcode === Opcode.readyToTransfer) {
      const { bufferOffset: offset, count: bytes, initiatorTaskTag, targetTransferTag } = pdu
      this.#transfers.push({ initiatorTaskTag, targetTransferTag, offset, bytes })
    } else {
      this.#expStatSn = (pdu.statSn + 1) >>> 0
    }
    if (pdu.opcode !== Opcode.loginResponse || pdu.loginStatus !== 0) return
    const keys = new Map(decodeKeys(pdu.data))
    if (keys.get("HeaderDigest") === "CRC32C") this.#agreed = { ...this.#agreed, header: true }
    if (keys.get("DataDigest") === "CRC32C") this.#agreed = { ...this.#agreed, data: true }
    if ((pdu.flags & transitToFullFeature) !== transitToFullFeature) return
    this.#loggedIn = true
    this.#digests = this.#agreed
    this.#reader.digests = this.#agreed
  }
}
