/**
 * HEAD: the last control record that was confirmed, kept outside of LevelDB. A log that ends before it has silently
 * lost records: one flipped bit in LevelDB's own log does that, at the end without leaving a gap.
 *
 * Two slots of 512 bytes are written in turn, so that a torn write leaves the other. It is written after each sync and
 * not synced itself: behind the log after a power failure it only detects less, and ahead of it it can never be.
 *
 * Slot: `length (2 bytes, big endian) | digest (32) | format (1) | MessagePack {controlSeq, controlNo, controlHash}`.
 */
import { constants } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { join } from "node:path"
import type { ChainAnchor } from "../chain.ts"
import { pack, seal, unpack, unseal } from "../record-codec.ts"

const slotBytes = 512
const format = 1

const decodeSlot = (slot: Buffer): ChainAnchor | undefined => {
  if (slot.length < slotBytes) return undefined
  const length = slot.readUInt16BE(0)
  if (length > slotBytes - 2) return undefined
  const body = unseal(format, slot.subarray(2, 2 + length), true)
  const map = typeof body === "string" ? undefined : unpack(body)
  if (typeof map !== "object" || map === null) return undefined
  if (!("controlSeq" in map && "controlNo" in map && "controlHash" in map)) return undefined
  const { controlHash, controlNo, controlSeq } = map
  if (typeof controlSeq !== "number" || typeof controlNo !== "number" || typeof controlHash !== "string")
    return undefined
  return { controlSeq, controlNo, controlHash }
}

const encodeSlot = ({ controlHash, controlNo, controlSeq }: ChainAnchor): Buffer => {
  const { value } = seal(format, pack({ controlSeq, controlNo, controlHash }))
  const slot = Buffer.alloc(slotBytes)
  slot.writeUInt16BE(value.length, 0)
  slot.set(value, 2)
  return slot
}

/** The open file; its owner also has the directory. */
export class HeadFile {
  readonly #file: FileHandle
  #slot = 0
  #next: ChainAnchor | undefined
  #writing: Promise<void> | undefined

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** What it says; `missing` if there is no file, `damaged` if neither slot can be read. Changes nothing. */
  static async read(directory: string): Promise<ChainAnchor | "missing" | "damaged"> {
    let file: FileHandle
    try {
      file = await open(join(directory, "HEAD"), "r")
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return "missing"
      throw error
    }
    try {
      const bytes = Buffer.alloc(2 * slotBytes)
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
      const slots = [
        bytes.subarray(0, Math.min(slotBytes, bytesRead)),
        bytes.subarray(slotBytes, Math.max(slotBytes, bytesRead))
      ]
      const heads = slots.map(decodeSlot).filter((head) => head !== undefined)
      return heads.sort((a, b) => b.controlNo - a.controlNo)[0] ?? "damaged"
    } finally {
      await file.close()
    }
  }

  /** Opens it for writing and sets it to `head`, on disk. */
  static async open(directory: string, head: ChainAnchor): Promise<HeadFile> {
    const file = await open(join(directory, "HEAD"), constants.O_RDWR | constants.O_CREAT, 0o600)
    const self = new HeadFile(file)
    try {
      const slot = encodeSlot(head)
      await file.write(Buffer.concat([slot, slot]), 0, 2 * slotBytes, 0)
      await file.sync()
      return self
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** The newest wins; at most one write is on its way. A failing write is left to the next one. */
  set(head: ChainAnchor): void {
    this.#next = head
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
  }

  /** Waits for what was set, on disk. */
  async close(): Promise<void> {
    await this.#writing
    await this.#file.sync().catch(() => undefined)
    await this.#file.close()
  }

  async #write(): Promise<void> {
    for (let head = this.#next; head !== undefined; head = this.#next) {
      this.#next = undefined
      this.#slot = 1 - this.#slot
      await this.#file.write(encodeSlot(head), 0, slotBytes, this.#slot * slotBytes).catch(() => undefined)
    }
  }
}
