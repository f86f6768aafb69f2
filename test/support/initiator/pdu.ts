/**
 * iSCSI PDUs as the scripted initiator sees them: a 48-byte basic header segment, additional header segments and data,
 * with named accessors for the fields (RFC 7143 section 11). Written without a look at the target's codec, so that a
 * mistake has to be made twice to go unnoticed.
 */
import { crc32c, digestBytes } from "./crc32c.ts"

/** Length of a basic header segment in bytes. */
export const headerBytes = 48

/** The reserved tag: no task, no transfer (RFC 7143 section 11.1.1.8 and elsewhere). */
export const reservedTag = 0xffffffff

/** Opcodes of both directions, RFC 7143 section 11.1.1.2. */
export const Opcode = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagement: 0x02,
  login: 0x03,
  text: 0x04,
  dataOut: 0x05,
  logout: 0x06,
  snack: 0x10,
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagementResponse: 0x22,
  loginResponse: 0x23,
  textResponse: 0x24,
  dataIn: 0x25,
  logoutResponse: 0x26,
  readyToTransfer: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f
} as const

/** One PDU. The accessors read fixed offsets; which of them mean something depends on the opcode. */
export class Pdu {
  readonly header: Buffer
  readonly data: Buffer
  readonly additionalHeader: Buffer
  constructor(header: Buffer, data: Buffer = Buffer.alloc(0), additionalHeader: Buffer = Buffer.alloc(0)) {
    this.header = header
    this.data = data
    this.additionalHeader = additionalHeader
  }
  get opcode(): number {
    return (this.header[0] ?? 0) & 0x3f
  }
  /** Byte 1: F bit (80h) and what belongs to the opcode. */
  get flags(): number {
    return this.header[1] ?? 0
  }
  get final(): boolean {
    return (this.flags & 0x80) !== 0
  }
  /** Byte 2: iSCSI response, reject reason, or the highest version. */
  get response(): number {
    return this.header[2] ?? 0
  }
  /** Byte 3: SCSI status, or the active version. */
  get status(): number {
    return this.header[3] ?? 0
  }
  get lun(): bigint {
    return this.header.readBigUInt64BE(8)
  }
  get tsih(): number {
    return this.header.readUInt16BE(14)
  }
  get initiatorTaskTag(): number {
    return this.header.readUInt32BE(16)
  }
  get targetTransferTag(): number {
    return this.header.readUInt32BE(20)
  }
  get statSn(): number {
    return this.header.readUInt32BE(24)
  }
  get expCmdSn(): number {
    return this.header.readUInt32BE(28)
  }
  get maxCmdSn(): number {
    return this.header.readUInt32BE(32)
  }
  /** DataSN or R2TSN. */
  get dataSn(): number {
    return this.header.readUInt32BE(36)
  }
  get bufferOffset(): number {
    return this.header.readUInt32BE(40)
  }
  /** Residual count, or the desired data transfer length of an R2T. */
  get count(): number {
    return this.header.readUInt32BE(44)
  }
  /** Login: class in the high byte, detail in the low one. */
  get loginStatus(): number {
    return this.header.readUInt16BE(36)
  }
}

/** Header fields by name; what is left out is zero. */
export interface HeaderFields {
  readonly opcode: number
  /** Immediate delivery (I bit, 40h). */
  readonly immediate?: boolean
  readonly flags?: number
  readonly byte2?: number
  readonly byte3?: number
  readonly lun?: bigint
  readonly initiatorTaskTag?: number
  /** Bytes 20-23: TTT, expected data transfer length, referenced task tag, or CID in the high half. */
  readonly word20?: number
  /** Bytes 24-27: CmdSN. */
  readonly cmdSn?: number
  readonly expStatSn?: number
  /** Bytes 32-35, 36-39, 40-43, 44-47. */
  readonly word32?: number
  readonly word36?: number
  readonly word40?: number
  readonly word44?: number
}

/** Builds a header; the data segment length is filled in when the PDU is encoded. */
export const makeHeader = (fields: HeaderFields): Buffer => {
  const header = Buffer.alloc(headerBytes)
  header[0] = fields.opcode | (fields.immediate === true ? 0x40 : 0)
  header[1] = fields.flags ?? 0x80
  header[2] = fields.byte2 ?? 0
  header[3] = fields.byte3 ?? 0
  header.writeBigUInt64BE(fields.lun ?? 0n, 8)
  header.writeUInt32BE(fields.initiatorTaskTag ?? reservedTag, 16)
  header.writeUInt32BE((fields.word20 ?? 0) >>> 0, 20)
  header.writeUInt32BE((fields.cmdSn ?? 0) >>> 0, 24)
  header.writeUInt32BE((fields.expStatSn ?? 0) >>> 0, 28)
  header.writeUInt32BE((fields.word32 ?? 0) >>> 0, 32)
  header.writeUInt32BE((fields.word36 ?? 0) >>> 0, 36)
  header.writeUInt32BE((fields.word40 ?? 0) >>> 0, 40)
  header.writeUInt32BE((fields.word44 ?? 0) >>> 0, 44)
  return header
}

/** Which digests a connection uses, as negotiated. */
export interface Digests {
  readonly header: boolean
  readonly data: boolean
}

const noPadding = Buffer.alloc(0)
const padding = (bytes: number): Buffer => (bytes % 4 === 0 ? noPadding : Buffer.alloc(4 - (bytes % 4)))

/** A PDU's bytes on the wire in sending order. Sets both length fields of the header from what the PDU carries. */
export const encodePdu = (pdu: Pdu, digests: Digests): ReadonlyArray<Buffer> => {
  pdu.header[4] = pdu.additionalHeader.length / 4
  pdu.header.writeUIntBE(pdu.data.length, 5, 3)
  const parts = [pdu.header]
  if (pdu.additionalHeader.length > 0) parts.push(pdu.additionalHeader)
  if (digests.header) parts.push(digestBytes(pdu.header, pdu.additionalHeader))
  if (pdu.data.length === 0) return parts
  const pad = padding(pdu.data.length)
  parts.push(pdu.data)
  if (pad.length > 0) parts.push(pad)
  if (digests.data) parts.push(digestBytes(pdu.data, pad))
  return parts
}

/** What the target sent is not a PDU, or its digest is wrong. */
export class PduCorrupt extends Error {
  constructor(detail: string) {
    super(`the target sent a corrupt PDU: ${detail}`)
    this.name = "PduCorrupt"
  }
}

/** Longest data segment that the tests accept, bytes; beyond it the target's length field is taken as garbage. */
const dataSegmentBytesMax = 16 * 1024 * 1024

const checkDigest = (what: string, covered: Buffer, digest: Buffer): void => {
  const expected = crc32c(covered)
  const received = digest.readUInt32LE(0)
  if (expected !== received) {
    throw new PduCorrupt(`${what} digest is ${received.toString(16)}, the bytes give ${expected.toString(16)}`)
  }
}

/** Cuts a byte stream into PDUs. */
export class PduReader {
  digests: Digests = { header: false, data: false }
  #pending: Buffer = Buffer.alloc(0)

  /** Bytes that wait for the rest of their PDU. */
  get pendingBytes(): number {
    return this.#pending.length
  }

  /** Adds received bytes. */
  push(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
  }

  /** The next whole PDU, if it is there. Digests may change between two calls, as they do when login ends. */
  next(): Pdu | undefined {
    const bytes = this.#pending
    if (bytes.length < headerBytes) return undefined
    const headerDigest = this.digests.header ? 4 : 0
    const additional = (bytes[4] ?? 0) * 4
    const dataLength = bytes.readUIntBE(5, 3)
    if (dataLength > dataSegmentBytesMax) throw new PduCorrupt(`a data segment of ${dataLength} bytes`)
    const dataStart = headerBytes + additional + headerDigest
    const padded = Math.ceil(dataLength / 4) * 4
    const dataDigest = this.digests.data && dataLength > 0 ? 4 : 0
    const end = dataStart + padded + dataDigest
    if (bytes.length < end) return undefined
    if (headerDigest > 0) checkDigest("header", bytes.subarray(0, dataStart - 4), bytes.subarray(dataStart - 4))
    if (dataDigest > 0) checkDigest("data", bytes.subarray(dataStart, end - 4), bytes.subarray(end - 4))
    this.#pending = bytes.subarray(end)
    return new Pdu(
      bytes.subarray(0, headerBytes),
      bytes.subarray(dataStart, dataStart + dataLength),
      bytes.subarray(headerBytes, headerBytes + additional)
    )
  }
}
