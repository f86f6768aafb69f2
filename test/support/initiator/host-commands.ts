/**
 * Commands of hosts that share disks: what clusters, hypervisors and thin provisioning need (SBC-3 5, SPC-4 6). Each
 * is a whole request; addresses and lengths are logical blocks of 512 bytes.
 */
import type { ScsiRequest } from "./ScsiTask.ts"

/** Bytes of a block. */
export const blockBytes = 512

const bytes = (...values: ReadonlyArray<number>): Buffer => Buffer.from(values)

const in16 = (opcode: number, lba: number, blocks: number): Buffer => {
  const cdb = Buffer.alloc(16)
  cdb[0] = opcode
  cdb.writeBigUInt64BE(BigInt(lba), 2)
  cdb.writeUInt32BE(blocks, 10)
  return cdb
}

/** ATS: writes `next` where the disk still has `expected`. */
export const compareAndWrite = (lun: number, lba: number, expected: Buffer, next: Buffer): ScsiRequest => {
  const cdb = in16(0x89, lba, 0)
  cdb[13] = expected.length / blockBytes
  return { lun, cdb, writeData: Buffer.concat([expected, next]) }
}

/** WRITE SAME(16) of one block. */
export const writeSame = (lun: number, lba: number, blocks: number, block: Buffer, unmap = false): ScsiRequest => {
  const cdb = in16(0x93, lba, blocks)
  cdb[1] = unmap ? 0x08 : 0
  return { lun, cdb, writeData: block }
}

/** UNMAP of ranges, each an address and a number of blocks. */
export const unmap = (lun: number, ranges: ReadonlyArray<readonly [lba: number, blocks: number]>): ScsiRequest => {
  const list = Buffer.alloc(8 + 16 * ranges.length)
  list.writeUInt16BE(list.length - 2, 0)
  list.writeUInt16BE(list.length - 8, 2)
  ranges.forEach(([lba, blocks], index) => {
    list.writeBigUInt64BE(BigInt(lba), 8 + 16 * index)
    list.writeUInt32BE(blocks, 16 + 16 * index)
  })
  const cdb = Buffer.alloc(10)
  cdb[0] = 0x42
  cdb.writeUInt16BE(list.length, 7)
  return { lun, cdb, writeData: list }
}

/** GET LBA STATUS from a block on. */
export const getLbaStatus = (lun: number, lba: number, readBytes = 512): ScsiRequest => {
  const cdb = in16(0x9e, lba, readBytes)
  cdb[1] = 0x12
  return { lun, cdb, readBytes }
}

/** What GET LBA STATUS tells: runs of blocks, and whether they are mapped. */
export const lbaStatusOf = (
  data: Buffer
): ReadonlyArray<{ readonly lba: number; readonly blocks: number; readonly mapped: boolean }> =>
  Array.from({ length: Math.floor((data.length - 8) / 16) }, (_, index) => ({
    lba: Number(data.readBigUInt64BE(8 + 16 * index)),
    blocks: data.readUInt32BE(16 + 16 * index),
    mapped: ((data[20 + 16 * index] ?? 0) & 0x0f) === 0
  }))

/** RESERVE(6) and RELEASE(6), of SPC-2. */
export const reserve6 = (lun: number): ScsiRequest => ({ lun, cdb: bytes(0x16, 0, 0, 0, 0, 0) })
export const release6 = (lun: number): ScsiRequest => ({ lun, cdb: bytes(0x17, 0, 0, 0, 0, 0) })

/** Service actions of PERSISTENT RESERVE OUT. */
export const ReserveOut = {
  register: 0x00,
  reserve: 0x01,
  release: 0x02,
  clear: 0x03,
  preempt: 0x04,
  preemptAndAbort: 0x05,
  registerAndIgnore: 0x06
} as const

/** PERSISTENT RESERVE OUT; keys are 64-bit numbers. */
export const reserveOut = (
  lun: number,
  action: number,
  fields: { readonly key?: bigint; readonly serviceKey?: bigint; readonly type?: number; readonly aptpl?: boolean }
): ScsiRequest => {
  const list = Buffer.alloc(24)
  list.writeBigUInt64BE(fields.key ?? 0n, 0)
  list.writeBigUInt64BE(fields.serviceKey ?? 0n, 8)
  list[20] = fields.aptpl === true ? 0x01 : 0
  return { lun, cdb: bytes(0x5f, action, fields.type ?? 0, 0, 0, 0, 0, 0, list.length, 0), writeData: list }
}

/** PERSISTENT RESERVE IN: 0 the keys, 1 the reservation, 2 capabilities, 3 full status. */
export const reserveIn = (lun: number, action: number, readBytes = 1024): ScsiRequest => ({
  lun,
  cdb: bytes(0x5e, action, 0, 0, 0, 0, 0, readBytes >> 8, readBytes & 0xff, 0),
  readBytes
})

/** The keys that READ KEYS tells, in order. */
export const keysOf = (data: Buffer): ReadonlyArray<bigint> =>
  Array.from({ length: data.readUInt32BE(4) / 8 }, (_, index) => data.readBigUInt64BE(8 + 8 * index))

/** REPORT TARGET PORT GROUPS. */
export const reportTargetPortGroups = (lun: number, readBytes = 256): ScsiRequest => {
  const cdb = Buffer.alloc(12)
  cdb[0] = 0xa3
  cdb[1] = 0x0a
  cdb.writeUInt32BE(readBytes, 6)
  return { lun, cdb, readBytes }
}

/** MODE SENSE(6) of a page, with block descriptors off where `dbd`. */
export const modeSense6 = (lun: number, page: number, dbd = false, readBytes = 192): ScsiRequest => ({
  lun,
  cdb: bytes(0x1a, dbd ? 0x08 : 0, page, 0, readBytes, 0),
  readBytes
})

/** REPORT SUPPORTED OPERATION CODES about one command. */
export const supportedOpcode = (lun: number, opcode: number, serviceAction?: number): ScsiRequest => {
  const cdb = Buffer.alloc(12)
  cdb[0] = 0xa3
  cdb[1] = 0x0c
  cdb[2] = serviceAction === undefined ? 1 : 2
  cdb[3] = opcode
  cdb.writeUInt16BE(serviceAction ?? 0, 4)
  cdb.writeUInt32BE(64, 6)
  return { lun, cdb, readBytes: 64 }
}

/** LOG SENSE of a page. */
export const logSense = (lun: number, page: number, readBytes = 512): ScsiRequest => ({
  lun,
  cdb: bytes(0x4d, 0, 0x40 | page, 0, 0, 0, 0, readBytes >> 8, readBytes & 0xff, 0),
  readBytes
})

/** A designator of VPD page 83h. */
export interface Designator {
  readonly association: number
  readonly type: number
  readonly value: Buffer
}

/** The designators of VPD page 83h, in order. */
export const designatorsOf = (page: Buffer): ReadonlyArray<Designator> => {
  const found: Array<Designator> = []
  for (let at = 4; at + 4 <= page.length; at += 4 + (page[at + 3] ?? 0)) {
    const flags = page[at + 1] ?? 0
    const value = page.subarray(at + 4, at + 4 + (page[at + 3] ?? 0))
    found.push({ association: (flags >> 4) & 0x03, type: flags & 0x0f, value })
  }
  return found
}
