/** What an NBD server says, written by hand from the protocol's text: shares no code with the product. */

/** Numbers with their sizes in bytes, big-endian. */
const bytesOf = (...parts: ReadonlyArray<readonly [size: 2 | 4 | 8, value: bigint | number]>): Buffer =>
  Buffer.concat(
    parts.map(([size, value]) => {
      const part = Buffer.alloc(8)
      part.writeBigUInt64BE(BigInt(value))
      return part.subarray(8 - size)
    })
  )

export const greeting = (flags = 3): Buffer =>
  Buffer.concat([Buffer.from("NBDMAGIC"), Buffer.from("IHAVEOPT"), bytesOf([2, flags])])

/** To an option: 1 is done, 3 information, 4 a context; errors have bit 31. */
export const optionReply = (option: number, type: number, data: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([bytesOf([8, 0x0003e889045565a9n], [4, option], [4, type], [4, data.length]), data])

export const Option = { startTls: 5, go: 7, structuredReply: 8, setMetaContext: 10 } as const
export const ack = 1
export const errorReply = (error: number): number => 0x8000_0000 + error

export const exportInfo = (byteLength: bigint | number, flags: number): Buffer =>
  bytesOf([2, 0], [8, byteLength], [2, flags])
export const blockSizeInfo = (min: number, preferred: number, max: number): Buffer =>
  bytesOf([2, 3], [4, min], [4, preferred], [4, max])
export const contextInfo = (id: number, name: string): Buffer => Buffer.concat([bytesOf([4, id]), Buffer.from(name)])

/** Has flags, flush, FUA, trim, zeros. */
export const usualFlags = 0x1 | 0x4 | 0x8 | 0x20 | 0x40
export const multiConnFlag = 0x100
export const readOnlyFlag = 0x2

export const simpleReply = (handle: bigint, error = 0, data: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([bytesOf([4, 0x67446698], [4, error], [8, handle]), data])

/** Types: 0 none, 1 data, 2 hole, 5 extents, 32769 error, 32770 error with an offset. */
export const chunk = (handle: bigint, type: number, isDone: boolean, payload: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([bytesOf([4, 0x668e33ef], [2, isDone ? 1 : 0], [2, type], [8, handle], [4, payload.length]), payload])

export const dataChunk = (handle: bigint, offset: number, data: Buffer, isDone: boolean): Buffer =>
  chunk(handle, 1, isDone, Buffer.concat([bytesOf([8, offset]), data]))
export const holeChunk = (handle: bigint, offset: number, length: number, isDone: boolean): Buffer =>
  chunk(handle, 2, isDone, bytesOf([8, offset], [4, length]))
export const extentsChunk = (
  handle: bigint,
  context: number,
  extents: ReadonlyArray<readonly [length: number, flags: number]>
): Buffer =>
  chunk(
    handle,
    5,
    true,
    Buffer.concat([bytesOf([4, context]), ...extents.map(([length, flags]) => bytesOf([4, length], [4, flags]))])
  )
export const errorChunk = (handle: bigint, error: number, text = "", offset?: number, isDone = true): Buffer =>
  chunk(
    handle,
    offset === undefined ? 0x8001 : 0x8002,
    isDone,
    Buffer.concat([
      bytesOf([4, error], [2, Buffer.byteLength(text)]),
      Buffer.from(text),
      ...(offset === undefined ? [] : [bytesOf([8, offset])])
    ])
  )
