/** PERSISTENT RESERVE IN and OUT as the tests send them (SPC-4 6.15 and 6.16), with data built and read by hand. */
import { outcomeText } from "./ScsiTask.ts"
import type { Session } from "./Session.ts"

/** Service actions of PERSISTENT RESERVE OUT. */
export const OutAction = {
  register: 0,
  reserve: 1,
  release: 2,
  clear: 3,
  preempt: 4,
  preemptAndAbort: 5,
  registerAndIgnore: 6,
  registerAndMove: 7
} as const

/** Types of reservation. */
export const ReservationType = {
  writeExclusive: 1,
  exclusiveAccess: 3,
  writeExclusiveRegistrants: 5,
  exclusiveAccessRegistrants: 6,
  writeExclusiveAll: 7,
  exclusiveAccessAll: 8
} as const

/** What stands in a PERSISTENT RESERVE OUT; everything is 0 if it is left out. */
export interface OutRequest {
  readonly lun: number
  readonly action: number
  readonly scope?: number
  readonly type?: number
  readonly key?: bigint
  readonly serviceKey?: bigint
  readonly aptpl?: boolean
  readonly allTargetPorts?: boolean
  /** SPEC_I_PT. */
  readonly transportIds?: ReadonlyArray<Buffer>
  /** REGISTER AND MOVE. */
  readonly moveTo?: { readonly transportId: Buffer; readonly relativePort: number; readonly unregister?: boolean }
  /** In the CDB, instead of the list's. */
  readonly listLength?: number
}

/** A TransportID of format 01b, or without an ISID (hexadecimal digits) of format 00b. */
export const transportId = (name: string, isid?: string): Buffer => {
  const text = isid === undefined ? name : `${name},i,0x${isid}`
  const length = Math.max(20, Math.ceil((Buffer.byteLength(text) + 1) / 4) * 4)
  const id = Buffer.alloc(4 + length)
  id[0] = isid === undefined ? 0x05 : 0x45
  id.writeUInt16BE(length, 2)
  id.write(text, 4)
  return id
}

/** The parameter list of a request. */
export const outList = (request: OutRequest): Buffer => {
  const list = Buffer.alloc(24)
  list.writeBigUInt64BE(request.key ?? 0n, 0)
  list.writeBigUInt64BE(request.serviceKey ?? 0n, 8)
  const { moveTo, transportIds } = request
  if (moveTo !== undefined) {
    list[17] = (moveTo.unregister ? 2 : 0) | (request.aptpl ? 1 : 0)
    list.writeUInt16BE(moveTo.relativePort, 18)
    list.writeUInt32BE(moveTo.transportId.length, 20)
    return Buffer.concat([list, moveTo.transportId])
  }
  list[20] = (transportIds === undefined ? 0 : 8) | (request.allTargetPorts ? 4 : 0) | (request.aptpl ? 1 : 0)
  if (transportIds === undefined) return list
  const ids = Buffer.concat(transportIds)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(ids.length)
  return Buffer.concat([list, length, ids])
}

/** Sends it; resolves with `GOOD`, another status, or sense as `6/2A/03`. */
export const reserveOut = async (session: Session, request: OutRequest): Promise<string> => {
  const list = outList(request)
  const cdb = Buffer.alloc(10)
  cdb[0] = 0x5f
  cdb[1] = request.action
  cdb[2] = ((request.scope ?? 0) << 4) | (request.type ?? 0)
  cdb.writeUInt32BE(request.listLength ?? list.length, 5)
  return outcomeText(await session.command({ lun: request.lun, cdb, writeData: list }))
}

/** Parameter data of PERSISTENT RESERVE IN. */
export const reserveIn = async (session: Session, lun: number, action: number, length = 8192): Promise<Buffer> => {
  const cdb = Buffer.alloc(10)
  cdb[0] = 0x5e
  cdb[1] = action
  cdb.writeUInt16BE(length, 7)
  const result = await session.command({ lun, cdb, readBytes: length })
  if (outcomeText(result) !== "GOOD") throw new Error(`PERSISTENT RESERVE IN ended with ${outcomeText(result)}`)
  return result.data
}

/** READ KEYS: the generation and the keys, in order. */
export const readKeys = async (session: Session, lun: number) => {
  const data = await reserveIn(session, lun, 0)
  const count = data.readUInt32BE(4) / 8
  const keys = Array.from({ length: count }, (_, index) => data.readBigUInt64BE(8 + index * 8))
  return { generation: data.readUInt32BE(0), keys }
}

/** READ RESERVATION: the holder's key and the type; undefined if there is none. */
export const readReservation = async (session: Session, lun: number) => {
  const data = await reserveIn(session, lun, 1)
  if (data.readUInt32BE(4) === 0) return undefined
  return { key: data.readBigUInt64BE(8), type: data.readUInt8(21) & 0x0f }
}

/** READ FULL STATUS: one line for each registration, `NAME,i,0xISID port key` and `holds TYPE` where it does. */
export const readFullStatus = async (session: Session, lun: number): Promise<ReadonlyArray<string>> => {
  const data = await reserveIn(session, lun, 3)
  const end = 8 + data.readUInt32BE(4)
  const lines: Array<string> = []
  for (let at = 8; at < end; ) {
    const idLength = data.readUInt32BE(at + 20)
    const name = data.toString("utf8", at + 28, at + 24 + idLength).replace(/\0+$/u, "")
    const holds = (data.readUInt8(at + 12) & 1) !== 0 ? ` holds ${data.readUInt8(at + 13) & 0x0f}` : ""
    lines.push(`${name} ${data.readUInt16BE(at + 18)} ${data.readBigUInt64BE(at)}${holds}`)
    at += 24 + idLength
  }
  return lines
}
