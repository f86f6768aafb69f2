/** SCSI commands that the tests send, as CDBs and as calls that expect GOOD (SPC-4 section 6, SBC-3 section 5). */

import { outcomeText, type ScsiResult } from "./ScsiTask.ts"
import type { Session } from "./Session.ts"

const bytes = (...values: ReadonlyArray<number>): Buffer => Buffer.from(values)

const withBlocks = (opcode: number, logicalBlockAddress: number, blocks: number): Buffer => {
  const cdb = Buffer.alloc(16)
  cdb[0] = opcode
  cdb.writeBigUInt64BE(BigInt(logicalBlockAddress), 2)
  cdb.writeUInt32BE(blocks, 10)
  return cdb
}

/** CDBs by name; addresses and lengths in logical blocks, allocation lengths in bytes. */
export const cdb = {
  testUnitReady: (): Buffer => Buffer.alloc(6),
  requestSense: (length: number): Buffer => bytes(0x03, 0, 0, 0, length, 0),
  inquiry: (length: number): Buffer => bytes(0x12, 0, 0, length >> 8, length & 0xff, 0),
  inquiryPage: (page: number, length: number): Buffer => bytes(0x12, 1, page, length >> 8, length & 0xff, 0),
  reportLuns: (length: number): Buffer => {
    const command = Buffer.alloc(12)
    command[0] = 0xa0
    command.writeUInt32BE(length, 6)
    return command
  },
  readCapacity10: (): Buffer => Buffer.concat([bytes(0x25), Buffer.alloc(9)]),
  readCapacity16: (length: number): Buffer => {
    const command = Buffer.alloc(16)
    command[0] = 0x9e
    command[1] = 0x10
    command.writeUInt32BE(length, 10)
    return command
  },
  read10: (logicalBlockAddress: number, blocks: number): Buffer => {
    const command = Buffer.alloc(10)
    command[0] = 0x28
    command.writeUInt32BE(logicalBlockAddress, 2)
    command.writeUInt16BE(blocks, 7)
    return command
  },
  write10: (logicalBlockAddress: number, blocks: number): Buffer => {
    const command = cdb.read10(logicalBlockAddress, blocks)
    command[0] = 0x2a
    return command
  },
  read16: (logicalBlockAddress: number, blocks: number): Buffer => withBlocks(0x88, logicalBlockAddress, blocks),
  write16: (logicalBlockAddress: number, blocks: number): Buffer => withBlocks(0x8a, logicalBlockAddress, blocks)
} as const

/** A command ended otherwise than the test needs. */
export class UnexpectedOutcome extends Error {
  readonly outcome: string
  constructor(what: string, result: ScsiResult) {
    super(`${what} ended with ${outcomeText(result)}`)
    this.name = "UnexpectedOutcome"
    this.outcome = outcomeText(result)
  }
}

const good = (what: string, result: ScsiResult): ScsiResult => {
  if (outcomeText(result) !== "GOOD") throw new UnexpectedOutcome(what, result)
  return result
}

/** Unit attentions that a new session may find in turn; far above what any target queues. */
const unitAttentionsMax = 16

/** TEST UNIT READY until no unit attention is left; resolves with the outcomes that came before GOOD. */
export const clearUnitAttentions = async (session: Session, lun: number): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  while (found.length < unitAttentionsMax) {
    const outcome = outcomeText(await session.command({ lun, cdb: cdb.testUnitReady() }))
    if (outcome === "GOOD") return found
    if (!outcome.startsWith("6/")) throw new Error(`LUN ${lun} is not ready: ${outcome}`)
    found.push(outcome)
  }
  throw new Error(`LUN ${lun} reports unit attentions without end: ${found.join(", ")}`)
}

/** Reads whole blocks; rejects unless the status is GOOD. */
export const readBlocks = async (
  session: Session,
  lun: number,
  logicalBlockAddress: number,
  blocks: number,
  blockBytes = 512
): Promise<Buffer> => {
  const request = { lun, cdb: cdb.read16(logicalBlockAddress, blocks), readBytes: blocks * blockBytes }
  return good(`READ of ${blocks} blocks at ${logicalBlockAddress}`, await session.command(request)).data
}

/** Writes whole blocks; rejects unless the status is GOOD. */
export const writeBlocks = async (
  session: Session,
  lun: number,
  logicalBlockAddress: number,
  data: Buffer,
  blockBytes = 512
): Promise<ScsiResult> => {
  const blocks = data.length / blockBytes
  const request = { lun, cdb: cdb.write16(logicalBlockAddress, blocks), writeData: data }
  return good(`WRITE of ${blocks} blocks at ${logicalBlockAddress}`, await session.command(request))
}

/** Standard INQUIRY data. */
export const inquiry = async (session: Session, lun: number | bigint, length = 96): Promise<Buffer> =>
  good("INQUIRY", await session.command({ lun, cdb: cdb.inquiry(length), readBytes: length })).data

/** The LUN list: single-level LUN numbers, whichever addressing method the target uses (SAM-5 section 4.7). */
export const reportLuns = async (session: Session, lun = 0): Promise<ReadonlyArray<number>> => {
  const length = 8 + 256 * 8
  const request = { lun, cdb: cdb.reportLuns(length), readBytes: length }
  const list = good("REPORT LUNS", await session.command(request)).data
  const count = list.readUInt32BE(0) / 8
  return Array.from({ length: count }, (_, index) => list.readUInt16BE(8 + index * 8) & 0x3fff)
}

/** Capacity in blocks and the block length in bytes, from READ CAPACITY (16). */
export const readCapacity = async (session: Session, lun: number): Promise<{ blocks: number; blockBytes: number }> => {
  const request = { lun, cdb: cdb.readCapacity16(32), readBytes: 32 }
  const data = good("READ CAPACITY (16)", await session.command(request)).data
  return { blocks: Number(data.readBigUInt64BE(0)) + 1, blockBytes: data.readUInt32BE(8) }
}
