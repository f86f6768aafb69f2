/**
 * Numbers of the NBD protocol (NetworkBlockDevice/nbd, doc/proto.md), all big-endian on the wire, and the two messages
 * that a client sends: options while it negotiates, requests afterwards.
 */

/** Eight bytes each: what a server begins with, what it and every option go on with, and what a reply begins with. */
export const nbdMagic = {
  server: 0x4e42444d41474943n,
  option: 0x49484156454f5054n,
  optionReply: 0x0003e889045565a9n
} as const

/** Four bytes each, of the transmission phase. */
export const NBD_REQUEST_MAGIC = 0x25609513
/** Of a reply without chunks: error (4), handle (8), and the data of a read behind it. */
export const NBD_SIMPLE_REPLY_MAGIC = 0x67446698
/** Of a chunk: flags (2), type (2), handle (8), length (4), and so many bytes. */
export const NBD_STRUCTURED_REPLY_MAGIC = 0x668e33ef

/** 16 bits that a server says before negotiation; a client answers with the same two. */
export const HandshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const

/** What a client may ask for before it names an export. */
export const NbdOption = { abort: 2, startTls: 5, go: 7, structuredReply: 8, setMetaContext: 10 } as const

/** How a server answers an option; errors have bit 31. */
export const OptionReply = { ack: 1, info: 3, metaContext: 4, isError: 0x8000_0000 } as const

/** What a server says of an export. */
export const ExportInfo = { export: 0, blockSize: 3 } as const

/** What an export can do: 16 bits. */
export const TransmissionFlag = {
  hasFlags: 1,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  rotational: 1 << 4,
  sendTrim: 1 << 5,
  sendWriteZeroes: 1 << 6,
  canMultiConn: 1 << 8
} as const

/** What is asked of an export. */
export const NbdCommand = { read: 0, write: 1, disconnect: 2, flush: 3, writeZeroes: 6, blockStatus: 7 } as const
export type NbdCommand = (typeof NbdCommand)[keyof typeof NbdCommand]

/** `reqOne`: one extent is enough. */
export const CommandFlag = { fua: 1, noHole: 1 << 1, reqOne: 1 << 3 } as const

/** Kinds of chunks; errors have bit 15. */
export const ChunkType = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorOffset: 0x8002
} as const

/** It is the last chunk of its reply. */
export const CHUNK_DONE = 1

/** Of an extent in `base:allocation`: it is not allocated, it reads as zeros. */
export const ExtentFlag = { hole: 1, zero: 2 } as const

/** The context that tells what is allocated. */
export const ALLOCATION_CONTEXT = "base:allocation"

/** Bytes of a request without its data. */
export const REQUEST_HEADER_BYTES = 28

/** Bytes of an export's name at most; the protocol's own limit of strings. */
export const EXPORT_NAME_BYTES_MAX = 4096

/** TCP port of servers that name no other. */
export const NBD_PORT = 10_809

/** The names of the errors that a reply can have; servers send nothing else, but they may. */
const errorNames: Readonly<Record<number, string>> = {
  1: "EPERM",
  5: "EIO",
  12: "ENOMEM",
  22: "EINVAL",
  28: "ENOSPC",
  75: "EOVERFLOW",
  95: "EOPNOTSUPP",
  108: "ESHUTDOWN"
}

/** The errno name of an error in a reply; any other number counts as EIO. */
export const nbdErrorName = (error: number): string => errorNames[error] ?? "EIO"

/** An option with its data: magic (8), option (4), length (4), data. */
export const optionMessage = (option: number, data: Buffer = Buffer.alloc(0)): Buffer => {
  const message = Buffer.alloc(16 + data.length)
  message.writeBigUInt64BE(nbdMagic.option, 0)
  message.writeUInt32BE(option, 8)
  message.writeUInt32BE(data.length, 12)
  data.copy(message, 16)
  return message
}

/** A text with its length (4) in front. */
const counted = (text: string): Buffer => {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** The data of NBD_OPT_GO: the export's name, and the kinds of information that are asked for (2 each). */
export const goData = (exportName: string, infos: ReadonlyArray<number>): Buffer => {
  const wanted = Buffer.alloc(2 + 2 * infos.length)
  wanted.writeUInt16BE(infos.length)
  for (const [index, info] of infos.entries()) wanted.writeUInt16BE(info, 2 + 2 * index)
  return Buffer.concat([counted(exportName), wanted])
}

/** The data of NBD_OPT_SET_META_CONTEXT: the export's name, and one context by its name. */
export const metaContextData = (exportName: string, context: string): Buffer => {
  const count = Buffer.alloc(4)
  count.writeUInt32BE(1)
  return Buffer.concat([counted(exportName), count, counted(context)])
}

/**
 * Writes a request into `header`: magic (4), flags (2), type (2), handle (4 + 4: any number and a place), offset (8),
 * length (4). `byteOffset` is below 2^53.
 */
export const writeRequestHeader = (
  header: Buffer,
  flags: number,
  command: NbdCommand,
  generation: number,
  place: number,
  byteOffset: number,
  byteLength: number
): void => {
  header.writeUInt32BE(NBD_REQUEST_MAGIC, 0)
  header.writeUInt16BE(flags, 4)
  header.writeUInt16BE(command, 6)
  header.writeUInt32BE(generation, 8)
  header.writeUInt32BE(place, 12)
  header.writeUInt32BE(Math.floor(byteOffset / 2 ** 32), 16)
  header.writeUInt32BE(byteOffset % 2 ** 32, 20)
  header.writeUInt32BE(byteLength, 24)
}
