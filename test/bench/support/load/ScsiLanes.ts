/**
 * READ(10) and WRITE(10) over a logged-in iSCSI session, as cheaply as this can be done in Node: headers are written in
 * place, everything that a chunk of input leads to leaves in one write, and what is read is skipped. It trusts the
 * target: what is checked is only that each command ends with GOOD.
 */
import { crc32cOf, digestBytes, putDigest } from "../../../../src/dataplane/iscsi/pdu/crc32c.ts"
import { cdb } from "../../../support/initiator/commands.ts"
import { defaultKeys, type LoginOutcome, login } from "../../../support/initiator/login.ts"
import { headerBytes, makeHeader, Opcode, Pdu, reservedTag } from "../../../support/initiator/pdu.ts"
import { type Endpoint, Wire } from "../../../support/initiator/Wire.ts"
import type { Histogram } from "./Histogram.ts"
import { connectShared, Lanes } from "./Lanes.ts"

/** What one session does. */
export interface ScsiLanesOptions {
  readonly endpoint: Endpoint
  readonly initiatorName: string
  readonly targetName: string
  readonly luns: ReadonlyArray<number>
  readonly queueDepth: number
  readonly kind: "read" | "write"
  readonly bytes: number
  readonly unitBytes: number
  readonly order: "random" | "sequential"
  readonly digests: boolean
  readonly keys: Readonly<Record<string, string>>
  /** Of the random order. */
  readonly seed: number
}

const sectorBytes = 512
/** Larger data is not copied together with its header. */
const copiedMax = 16 * 1024
const attentionsMax = 8
/** A login refused because there are too many at once, or a busy target, takes no longer than this to be noticed. */
const loginWaitMillis = 60_000

/** All that is ever written. */
const payload = Buffer.alloc(1024 * 1024, 0x5a)
const payloadDigests = new Map<number, number>()

const payloadDigest = (length: number): number => {
  const known = payloadDigests.get(length)
  if (known !== undefined) return known
  const digest = crc32cOf(payload, 0, length)
  payloadDigests.set(length, digest)
  return digest
}

const isLater = (a: number, b: number): boolean => ((a - b) | 0) > 0

/** A logged-in session's lanes; the lane's number is the command's initiator task tag. */
export class ScsiLanes extends Lanes {
  readonly #options: ScsiLanesOptions
  readonly #parameters: LoginOutcome["parameters"]
  readonly #slots: number
  readonly #immediateBytes: number
  #cmdSn: number
  #expStatSn: number
  #maxCmdSn: number
  #random: number
  #next = 0
  /** Bytes of the running PDU that are skipped, and the lane that is answered when they are. */
  #skip = 0
  #answeredLane = -1
  readonly #split = Buffer.alloc(headerBytes)
  #splitBytes = 0

  private constructor(wire: Wire, histogram: Histogram, options: ScsiLanesOptions, outcome: LoginOutcome) {
    super(wire.socket, options.queueDepth, histogram)
    this.#options = options
    this.#parameters = outcome.parameters
    this.#slots = Math.floor(options.unitBytes / options.bytes)
    const { firstBurstLength, immediateData, targetMaxRecvDataSegmentLength } = outcome.parameters
    const first = Math.min(firstBurstLength, targetMaxRecvDataSegmentLength, options.bytes)
    this.#immediateBytes = options.kind === "write" && immediateData ? first : 0
    this.#cmdSn = outcome.cmdSn
    this.#expStatSn = outcome.expStatSn
    this.#maxCmdSn = outcome.maxCmdSn
    this.#random = (options.seed * 2_654_435_761) >>> 0 || 1
  }

  /** Connects, logs in, and fetches the unit attentions of every LUN. */
  static async open(histogram: Histogram, options: ScsiLanesOptions): Promise<ScsiLanes> {
    let lanes: ScsiLanes | undefined
    const socket = await connectShared(options.endpoint, (bytes, length) => {
      if (lanes === undefined) socket.emit("data", Buffer.from(bytes.subarray(0, length)))
      else lanes.onBytes(bytes, length)
    })
    const wire = new Wire(socket)
    const digest = options.digests ? "CRC32C" : "None"
    const keys = { ...defaultKeys, HeaderDigest: digest, DataDigest: digest, ...options.keys }
    const { initiatorName, targetName } = options
    const outcome = await login(wire, { initiatorName, targetName, keys, waitMillis: loginWaitMillis })
    if (outcome.status !== 0) throw new Error(`the login was refused with status ${outcome.status.toString(16)}h`)
    const ready = await fetchAttentions(wire, options.luns, outcome)
    lanes = new ScsiLanes(wire, histogram, options, ready)
    return lanes
  }

  onBytes(bytes: Buffer, length: number): void {
    this.beginInput()
    let at = 0
    while (at < length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, length - at)
        this.#skip -= skipped
        at += skipped
        if (this.#skip === 0) this.#endPdu()
      } else if (this.#splitBytes === 0 && length - at >= headerBytes) {
        this.#onHeader(bytes, at)
        at += headerBytes
      } else {
        const taken = bytes.copy(
          this.#split,
          this.#splitBytes,
          at,
          Math.min(length, at + headerBytes - this.#splitBytes)
        )
        this.#splitBytes += taken
        at += taken
        if (this.#splitBytes < headerBytes) break
        this.#splitBytes = 0
        this.#onHeader(this.#split, 0)
      }
    }
    this.flush()
  }

  protected request(lane: number): boolean {
    if (isLater(this.#cmdSn, this.#maxCmdSn)) return false
    const { bytes, kind, luns } = this.#options
    const at = this.#beginPdu(Opcode.scsiCommand, kind === "read" ? 0xc1 : 0xa1, this.#immediateBytes, lane)
    const out = this.output()
    const lun = luns[this.#next % luns.length] ?? 0
    out[at + 8] = lun < 256 ? 0 : 0x40 | (lun >> 8)
    out[at + 9] = lun & 0xff
    out.writeUInt32BE(bytes, at + 20)
    out.writeUInt32BE(this.#cmdSn, at + 24)
    out[at + 32] = kind === "read" ? 0x28 : 0x2a
    out.writeUInt32BE((this.#place() * bytes) / sectorBytes, at + 34)
    out.writeUInt16BE(bytes / sectorBytes, at + 39)
    this.#cmdSn = (this.#cmdSn + 1) >>> 0
    this.#next++
    this.#endHeader(at, this.#immediateBytes)
    return true
  }

  #place(): number {
    if (this.#options.order === "sequential") return this.#next % this.#slots
    // xorshift32
    let random = this.#random
    random ^= random << 13
    random ^= random >>> 17
    random ^= random << 5
    this.#random = random >>> 0
    return this.#random % this.#slots
  }

  /** Reserves and zeroes a header; its ExpStatSN is set, its CmdSN is not. */
  #beginPdu(opcode: number, flags: number, dataBytes: number, tag: number): number {
    const copied = dataBytes <= copiedMax ? dataBytes + digestBytes : 0
    const at = this.reserve(headerBytes + digestBytes + copied)
    const out = this.output()
    out.fill(0, at, at + headerBytes)
    out[at] = opcode
    out[at + 1] = flags
    out.writeUIntBE(dataBytes, at + 5, 3)
    out.writeUInt32BE(tag, at + 16)
    out.writeUInt32BE(this.#expStatSn, at + 28)
    return at
  }

  /** Finishes the header with its digest, and sends `dataBytes` of the payload behind it. */
  #endHeader(at: number, dataBytes: number): void {
    const out = this.output()
    const { dataDigest, headerDigest } = this.#parameters
    let end = at + headerBytes
    if (headerDigest) {
      putDigest(out, end, crc32cOf(out, at, end))
      end += digestBytes
    }
    const isCopied = dataBytes <= copiedMax
    if (dataBytes > 0 && isCopied) {
      payload.copy(out, end, 0, dataBytes)
      end += dataBytes
    }
    if (dataBytes > 0 && !isCopied) {
      this.unreserve(end)
      this.send(payload.subarray(0, dataBytes))
      if (dataDigest) putDigest(this.output(), this.reserve(digestBytes), payloadDigest(dataBytes))
      return
    }
    if (dataBytes > 0 && dataDigest) {
      putDigest(out, end, payloadDigest(dataBytes))
      end += digestBytes
    }
    this.unreserve(end)
  }

  #onHeader(b: Buffer, at: number): void {
    const { dataDigest, headerDigest } = this.#parameters
    const opcode = (b[at] ?? 0) & 0x3f
    const dataBytes = b.readUIntBE(at + 5, 3)
    const data = dataBytes === 0 ? 0 : dataBytes + (-dataBytes & 3) + (dataDigest ? digestBytes : 0)
    this.#skip = (headerDigest ? digestBytes : 0) + (b[at + 4] ?? 0) * 4 + data
    const flags = b[at + 1] ?? 0
    const maxCmdSn = b.readUInt32BE(at + 32)
    const hasStatus = opcode === Opcode.scsiResponse || (opcode === Opcode.dataIn && (flags & 0x01) !== 0)
    if (hasStatus) {
      if (isLater(maxCmdSn, this.#maxCmdSn)) this.#maxCmdSn = maxCmdSn
      this.#expStatSn = (b.readUInt32BE(at + 24) + 1) >>> 0
      if (b[at + 3] !== 0 || (opcode === Opcode.scsiResponse && b[at + 2] !== 0)) this.errors++
      this.#answeredLane = b.readUInt32BE(at + 16)
    } else if (opcode === Opcode.readyToTransfer) this.#onReadyToTransfer(b, at)
    else if (opcode === Opcode.nopIn) this.#onPing(b, at)
    else if (opcode !== Opcode.dataIn) this.fail(new Error(`the target has sent a PDU with opcode ${opcode}`))
    if (this.#skip === 0) this.#endPdu()
  }

  #endPdu(): void {
    const lane = this.#answeredLane
    if (lane < 0) return
    this.#answeredLane = -1
    this.answered(lane)
  }

  #onReadyToTransfer(b: Buffer, at: number): void {
    const [tag, transferTag] = [b.readUInt32BE(at + 16), b.readUInt32BE(at + 20)]
    const [offset, length] = [b.readUInt32BE(at + 40), b.readUInt32BE(at + 44)]
    const segmentMax = Math.min(this.#parameters.targetMaxRecvDataSegmentLength, payload.length)
    for (let sent = 0, dataSn = 0; sent < length; dataSn++) {
      const bytes = Math.min(segmentMax, length - sent)
      const header = this.#beginPdu(Opcode.dataOut, sent + bytes === length ? 0x80 : 0, bytes, tag)
      const out = this.output()
      b.copy(out, header + 8, at + 8, at + 16)
      out.writeUInt32BE(transferTag, header + 20)
      out.writeUInt32BE(dataSn, header + 36)
      out.writeUInt32BE(offset + sent, header + 40)
      this.#endHeader(header, bytes)
      sent += bytes
    }
  }

  /** A ping that wants an answer, or the answer to one that nobody sent. */
  #onPing(b: Buffer, at: number): void {
    const transferTag = b.readUInt32BE(at + 20)
    if (transferTag === reservedTag) return
    const header = this.#beginPdu(0x40 | Opcode.nopOut, 0x80, 0, reservedTag)
    this.output().writeUInt32BE(transferTag, header + 20)
    this.output().writeUInt32BE(this.#cmdSn, header + 24)
    this.#endHeader(header, 0)
  }
}

/** TEST UNIT READY until each LUN says GOOD; the sequence numbers after that. */
const fetchAttentions = async (
  wire: Wire,
  luns: ReadonlyArray<number>,
  outcome: LoginOutcome
): Promise<LoginOutcome> => {
  let { cmdSn, expStatSn, maxCmdSn } = outcome
  for (const lun of luns) {
    let status = -1
    for (let round = 0; round < attentionsMax && status !== 0; round++) {
      const wireLun = BigInt(lun < 256 ? lun : 0x4000 | lun) << 48n
      const fields = { opcode: Opcode.scsiCommand, flags: 0x81, initiatorTaskTag: 1, lun: wireLun, cmdSn, expStatSn }
      const header = makeHeader(fields)
      cdb.testUnitReady().copy(header, 32)
      wire.send(new Pdu(header))
      const answer = await wire.receive(loginWaitMillis)
      cmdSn = (cmdSn + 1) >>> 0
      expStatSn = (answer.statSn + 1) >>> 0
      maxCmdSn = answer.maxCmdSn
      status = answer.status
    }
    if (status !== 0) throw new Error(`LUN ${lun} does not become ready: status ${status}`)
  }
  return { ...outcome, cmdSn, expStatSn, maxCmdSn }
}
