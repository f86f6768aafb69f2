/**
 * A file of control records that were compacted away, as they were stored: so their hashes still verify. Written once
 * and whole, never changed. It names the state that it begins at, and the one that it ends at, so that each file is of
 * use by itself.
 *
 *     `lunlog archive 1\n` | records | footer | length of the footer (4, BE) | `LUNLARCH`
 *
 * A record is `length (4, BE) | seq (8, BE) | stored bytes`. The footer is sealed MessagePack; its `blocks` say where
 * the first of some hundred records each lies.
 */
import { constants } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { basename } from "node:path"
import { controlKey } from "../key.ts"
import { type StoreEntry, StoreError, storeError } from "../LogStore.ts"
import { decodeRecord, pack, recordBytesMax, seal, unpack, unseal } from "../record-codec.ts"
import { decodeGenesis, encodeGenesis, type Genesis } from "./genesis.ts"

const head = Buffer.from("lunlog archive 1\n")
const magic = Buffer.from("LUNLARCH")
const trailerBytes = 4 + magic.length
const entryHeadBytes = 12
const format = 1
/** Of records, in one block: what a point read reads. */
const blockBytes = 128 * 1024
/** More than any footer has; a damaged length must not become an allocation. */
const footerBytesMax = 600 * 1024 * 1024

/** What to do about one that is damaged. */
export const archiveRemedy = "put it back from a copy, or move it away: the log can then be read from behind it on"

/** What a file says of itself. */
export interface ArchiveFooter {
  /** What its first record continues; `undefined` if that is control record 1. */
  readonly begins: Genesis | undefined
  /** The genesis that its records were put behind: the state as of its last one. */
  readonly ends: Genesis
  readonly records: number
  /** Where records end in the file. */
  readonly end: number
  /** Seq and offset of the first record of each block, in order. */
  readonly blocks: ReadonlyArray<readonly [seq: number, offset: number]>
}

/** Takes records in order; `finish` makes it a file that is on disk. */
export class ArchiveWriter {
  readonly #file: FileHandle
  #parts: Array<Uint8Array> = [head]
  #bytes = head.length
  #written = 0
  #records = 0
  #blocks: Array<readonly [seq: number, offset: number]> = []

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** Creates the file, or empties it. */
  static async create(path: string): Promise<ArchiveWriter> {
    return new ArchiveWriter(await open(path, "w", 0o600))
  }

  async add(seq: number, value: Uint8Array): Promise<void> {
    const lastBlock = this.#blocks.at(-1)
    if (lastBlock === undefined || this.#bytes - lastBlock[1] >= blockBytes) this.#blocks.push([seq, this.#bytes])
    const entryHead = Buffer.alloc(entryHeadBytes)
    entryHead.writeUInt32BE(value.length, 0)
    entryHead.writeBigUInt64BE(BigInt(seq), 4)
    this.#parts.push(entryHead, value)
    this.#bytes += entryHead.length + value.length
    this.#records++
    if (this.#bytes - this.#written >= blockBytes) await this.#flush()
  }

  /** Bytes of the whole file. */
  async finish(begins: Genesis | undefined, ends: Genesis): Promise<number> {
    const map = {
      ...(begins === undefined ? {} : { begins: Buffer.from(encodeGenesis(begins)) }),
      ends: Buffer.from(encodeGenesis(ends)),
      records: this.#records,
      end: this.#bytes,
      blocks: this.#blocks
    }
    const footer = seal(format, pack(map)).value
    const length = Buffer.alloc(4)
    length.writeUInt32BE(footer.length, 0)
    this.#parts.push(footer, length, magic)
    this.#bytes += footer.length + trailerBytes
    await this.#flush()
    await this.#file.sync()
    await this.#file.close()
    return this.#bytes
  }

  /** Gives up; the file is left as it is. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined)
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#parts)
    this.#parts = []
    for (let at = 0; at < bytes.length; ) {
      at += (await this.#file.write(bytes, at, bytes.length - at, this.#written + at)).bytesWritten
    }
    this.#written += bytes.length
  }
}

/** A copied directory may hold anything under the name of an archive: to open a pipe must not mean to wait. */
const openToRead = (path: string): Promise<FileHandle> => open(path, constants.O_RDONLY | constants.O_NONBLOCK)

const readAt = async (file: FileHandle, offset: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.alloc(length)
  let at = 0
  while (at < length) {
    const { bytesRead } = await file.read(bytes, at, length - at, offset + at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return bytes.subarray(0, at)
}

const isBlocks = (value: unknown): value is ArchiveFooter["blocks"] =>
  Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2)

const decodeFooter = (bytes: Uint8Array): ArchiveFooter | string => {
  const body = unseal(format, bytes, true)
  if (typeof body === "string") return `its footer ${body}`
  const map: { readonly [name: string]: unknown } = Object(unpack(body))
  const { blocks, end, records } = map
  const begins = map["begins"] instanceof Uint8Array ? decodeGenesis(map["begins"]) : undefined
  const ends = map["ends"] instanceof Uint8Array ? decodeGenesis(map["ends"]) : "is missing"
  if (typeof ends === "string") return `the state at its end ${ends}`
  if (typeof begins === "string") return `the state at its beginning ${begins}`
  if (typeof records !== "number" || typeof end !== "number" || !isBlocks(blocks)) return "its footer lacks fields"
  return { begins, ends, records, end, blocks }
}

/** Blocks lie one behind the other in front of the footer, and none is longer than it was written. */
const isWithin = ({ blocks, end }: ArchiveFooter, size: number): boolean => {
  const bounds = [...blocks.map(([, offset]) => offset), end]
  const isBlock = (offset: number, index: number) => {
    const length = offset - (bounds[index - 1] ?? head.length)
    return length >= 0 && length <= blockBytes + entryHeadBytes + recordBytesMax
  }
  return end === size && bounds.every(isBlock)
}

const readFooter = async (file: FileHandle): Promise<ArchiveFooter | string> => {
  const stat = await file.stat()
  if (!stat.isFile()) return "it is no file"
  const { size } = stat
  if (!(await readAt(file, 0, head.length)).equals(head)) return "it is no archive of an event log"
  const trailer = await readAt(file, size - trailerBytes, trailerBytes)
  if (trailer.length < trailerBytes || !trailer.subarray(4).equals(magic)) return "its end is missing"
  const length = trailer.readUInt32BE(0)
  if (length > footerBytesMax || length > size - trailerBytes - head.length) return "its end is damaged"
  const footer = decodeFooter(await readAt(file, size - trailerBytes - length, length))
  if (typeof footer === "string") return footer
  return isWithin(footer, size - trailerBytes - length) ? footer : "its footer is of another file"
}

/** An archive that can be read. Holds no descriptor: each read opens the file. */
export class ArchiveFile {
  readonly path: string
  readonly footer: ArchiveFooter
  /** The block that was read last: records are mostly read in order. */
  #block: { readonly index: number; readonly entries: ReadonlyArray<StoreEntry> } | undefined

  private constructor(path: string, footer: ArchiveFooter) {
    this.path = path
    this.footer = footer
  }

  /** The file, or why it cannot be used. Does not read its records. */
  static async open(path: string): Promise<ArchiveFile | string> {
    let file: FileHandle
    try {
      file = await openToRead(path)
    } catch (error) {
      const { code, message } = storeError(error)
      return code === "ENOENT" ? "is missing" : `cannot be read: ${message}`
    }
    try {
      const footer = await readFooter(file)
      return typeof footer === "string" ? `is damaged: ${footer}` : new ArchiveFile(path, footer)
    } catch (error) {
      return `cannot be read: ${storeError(error).message}`
    } finally {
      await file.close()
    }
  }

  /** The file's name. */
  get name(): string {
    return basename(this.path)
  }

  /** The records with `from <= seq <= to`, at most `limit`, from the end if `reverse`; rejects with a `StoreError`. */
  async range(from: number, to: number, limit: number, reverse: boolean): Promise<ReadonlyArray<StoreEntry>> {
    const { blocks } = this.footer
    const low = controlKey(Math.max(0, from))
    const high = controlKey(Math.max(0, to))
    const found: Array<StoreEntry> = []
    let index = this.#blockOf(reverse ? to : from)
    for (; index >= 0 && index < blocks.length && found.length < limit; index += reverse ? -1 : 1) {
      const first = blocks[index]?.[0] ?? 0
      if (reverse ? false : first > to) break
      const entries = (await this.#read(index)).filter(([key]) => key >= low && key <= high)
      const ordered = reverse ? entries.toReversed() : entries
      found.push(...ordered.slice(0, limit - found.length))
      if (reverse && first < from) break
    }
    return found
  }

  /** Index of the last block that begins at or before `seq`; 0 if none does. */
  #blockOf(seq: number): number {
    const { blocks } = this.footer
    let low = 0
    let high = blocks.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if ((blocks[middle]?.[0] ?? 0) <= seq) low = middle
      else high = middle
    }
    return low
  }

  async #read(index: number): Promise<ReadonlyArray<StoreEntry>> {
    if (this.#block?.index === index) return this.#block.entries
    const { blocks, end } = this.footer
    const offset = blocks[index]?.[1] ?? end
    const next = blocks[index + 1]?.[1] ?? end
    let file: FileHandle | undefined
    try {
      file = await openToRead(this.path)
      const entries = this.#entriesIn(await readAt(file, offset, next - offset), offset)
      this.#block = { index, entries }
      return entries
    } catch (error) {
      const { code, message } = storeError(error)
      throw code === "ENOENT"
        ? new StoreError(code, `the archive ${this.path} is missing`)
        : new StoreError(code, message)
    } finally {
      await file?.close()
    }
  }

  #entriesIn(bytes: Buffer, offset: number): ReadonlyArray<StoreEntry> {
    const entries: Array<StoreEntry> = []
    for (let at = 0; at < bytes.length; ) {
      const length = at + entryHeadBytes <= bytes.length ? bytes.readUInt32BE(at) : recordBytesMax + 1
      const end = at + entryHeadBytes + length
      if (length > recordBytesMax || end > bytes.length) throw this.#damage(offset + at, "what lies there is no record")
      const seq = Number(bytes.readBigUInt64BE(at + 4))
      const value = bytes.subarray(at + entryHeadBytes, end)
      const record = decodeRecord(value, true)
      if (typeof record === "string") throw this.#damage(offset + at, `record ${seq} ${record}`)
      if (record.seq !== seq) throw this.#damage(offset + at, `record ${record.seq} lies at the place of ${seq}`)
      entries.push([controlKey(seq), value])
      at = end
    }
    return entries
  }

  #damage(offset: number, detail: string): StoreError {
    return new StoreError("EIO", `the archive ${this.path} is damaged at byte ${offset}: ${detail}; ${archiveRemedy}`)
  }
}
