/**
 * Parameter lists of PERSISTENT RESERVE OUT (SPC-4 6.16.3 and 6.16.4), as bytes come from an initiator: read wholly
 * before anything is done, and refused with the byte that is wrong.
 *
 * | byte   | all but REGISTER AND MOVE                            | REGISTER AND MOVE                       |
 * | ------ | ---------------------------------------------------- | --------------------------------------- |
 * | 0..7   | RESERVATION KEY                                      | the same                                |
 * | 8..15  | SERVICE ACTION RESERVATION KEY                       | the same                                |
 * | 17     |                                                      | UNREG (bit 1), APTPL (bit 0)            |
 * | 18..19 |                                                      | RELATIVE TARGET PORT IDENTIFIER         |
 * | 20     | SPEC_I_PT (bit 3), ALL_TG_PT (bit 2), APTPL (bit 0)  | 20..23: length of the TransportID       |
 * | 24..   | with SPEC_I_PT: 4 bytes of length, then TransportIDs | the TransportID                         |
 */
import { readTransportId, type TransportId } from "./transport-id.ts"

/** Bytes of a list without TransportIDs, and of the shortest one of REGISTER AND MOVE. */
export const reserveOutListLength = 24
/** Bytes of a list at most: as many TransportIDs as a unit has registrations. */
export const reserveOutListBytesMax = 64 * 1024

/** Service actions (SPC-4 table 219). */
export const ReserveOutAction = {
  register: 0x00,
  reserve: 0x01,
  release: 0x02,
  clear: 0x03,
  preempt: 0x04,
  preemptAndAbort: 0x05,
  registerAndIgnore: 0x06,
  registerAndMove: 0x07
} as const
export type ReserveOutAction = (typeof ReserveOutAction)[keyof typeof ReserveOutAction]

/** What a list says. Keys are 16 hexadecimal digits. */
export interface ReserveOutList {
  readonly key: string
  readonly serviceKey: string
  readonly persistent: boolean
  readonly allTargetPorts: boolean
  /** SPEC_I_PT: in the list's order. */
  readonly others?: ReadonlyArray<TransportId>
  readonly moveTo?: { readonly to: TransportId; readonly relativePort: number; readonly unregister: boolean }
}

/** PARAMETER LIST LENGTH ERROR, or INVALID FIELD IN PARAMETER LIST at a byte (and bit). */
export type WrongReserveOutList = { readonly wrongLength: true } | { readonly wrongByte: number; readonly bit?: number }

const wrongLength = { wrongLength: true } as const

const readTransportIds = (
  data: Buffer,
  at: number,
  limit: number
): ReadonlyArray<TransportId> | { readonly wrongByte: number } => {
  const ids: Array<TransportId> = []
  for (let next = at; next < limit; ) {
    const read = readTransportId(data, next, limit)
    if ("wrongByte" in read) return read
    ids.push(read.id)
    next = read.end
  }
  return ids
}

const readOthers = (data: Buffer, length: number): ReadonlyArray<TransportId> | WrongReserveOutList => {
  const at = reserveOutListLength + 4
  if (length < at) return wrongLength
  if (data.readUInt32BE(reserveOutListLength) !== length - at) return { wrongByte: reserveOutListLength }
  return readTransportIds(data, at, length)
}

const readMove = (data: Buffer, length: number): ReserveOutList["moveTo"] | WrongReserveOutList => {
  if (data.readUInt32BE(20) !== length - reserveOutListLength) return { wrongByte: 20 }
  const ids = readTransportIds(data, reserveOutListLength, length)
  if ("wrongByte" in ids) return ids
  const [to] = ids
  // It names one port, by name and ISID (SPC-4 7.6.4.6).
  if (to === undefined || ids.length > 1 || to.isid === undefined) return { wrongByte: reserveOutListLength }
  return { to, relativePort: data.readUInt16BE(18), unregister: (data.readUInt8(17) & 0x02) !== 0 }
}

/** Reads the first `length` bytes, all that have come. Never throws. */
export const readReserveOutList = (
  data: Buffer,
  length: number,
  action: ReserveOutAction
): ReserveOutList | WrongReserveOutList => {
  if (length < reserveOutListLength) return wrongLength
  const keys = { key: data.toString("hex", 0, 8), serviceKey: data.toString("hex", 8, 16) }
  if (action === ReserveOutAction.registerAndMove) {
    const moveTo = readMove(data, length)
    if (moveTo === undefined || "wrongByte" in moveTo || "wrongLength" in moveTo) return moveTo ?? wrongLength
    return { ...keys, persistent: (data.readUInt8(17) & 0x01) !== 0, allTargetPorts: false, moveTo }
  }
  const flags = data.readUInt8(20)
  const list = { ...keys, persistent: (flags & 0x01) !== 0, allTargetPorts: (flags & 0x04) !== 0 }
  if ((flags & 0x08) === 0) return length === reserveOutListLength ? list : wrongLength
  if (action !== ReserveOutAction.register) return { wrongByte: 20, bit: 3 }
  const others = readOthers(data, length)
  return "wrongByte" in others || "wrongLength" in others ? others : { ...list, others }
}
