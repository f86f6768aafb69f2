/**
 * LevelDB's log format (leveldb/doc/log_format.md), which its journals and its MANIFEST share: blocks of 32 KiB with
 * fragments `CRC (4, LE) | length (2, LE) | type (1) | data`, type 1 whole, 2 first, 3 middle, 4 last.
 */
import { maskedCrc } from "./level-bytes.ts"

const blockBytes = 32 * 1024
const headerBytes = 7
const fragment = { whole: 1, first: 2, middle: 3, last: 4 } as const

/** What can be read of a log file. */
export interface LevelLog {
  readonly records: ReadonlyArray<{ readonly offset: number; readonly data: Buffer }>
  /** Where the first fragment lies that does not match its checksum, if one does not. The unfinished end is none. */
  readonly firstBad: number | undefined
}

/** Length of the data of the fragment at `at`; `undefined` if it cannot be one, `"end"` if the file ends in it. */
const lengthAt = (log: Buffer, at: number): number | "end" | undefined => {
  const left = blockBytes - (at % blockBytes) - headerBytes
  const length = log.readUInt16LE(at + 4)
  if (length > left || log[at + 6] === 0) return undefined
  return at + headerBytes + length > log.length ? "end" : length
}

/** Puts fragments together. A record that misses one is dropped. */
class Assembly {
  readonly records: Array<{ readonly offset: number; readonly data: Buffer }> = []
  #parts: Array<Buffer> = []
  #offset = 0

  take(type: number | undefined, offset: number, data: Buffer): void {
    if (type === fragment.whole || type === fragment.first) {
      this.#parts = []
      this.#offset = offset
    } else if (this.#parts.length === 0) return
    this.#parts.push(data)
    if (type !== fragment.whole && type !== fragment.last) return
    this.records.push({ offset: this.#offset, data: Buffer.concat(this.#parts) })
    this.#parts = []
  }

  interrupt(): void {
    this.#parts = []
  }
}

/**
 * Reads on behind what is damaged: at the next fragment, where LevelDB goes to the next block. A block that ends in
 * zeros is what a crash leaves of a file that had grown, and no damage.
 */
export const readLevelLog = (log: Buffer): LevelLog => {
  const assembly = new Assembly()
  let firstBad: number | undefined
  for (let at = 0; at + headerBytes <= log.length; ) {
    const nextBlock = at - (at % blockBytes) + blockBytes
    if (nextBlock - at < headerBytes) {
      at = nextBlock
      continue
    }
    const length = lengthAt(log, at)
    if (length === "end") break
    if (length === undefined) {
      if (log.subarray(at, at + headerBytes).some((byte) => byte !== 0)) firstBad ??= at
      assembly.interrupt()
      at = nextBlock
      continue
    }
    const end = at + headerBytes + length
    if (maskedCrc(log.subarray(at + 6, end)) === log.readUInt32LE(at)) {
      assembly.take(log[at + 6], at, log.subarray(at + headerBytes, end))
    } else {
      firstBad ??= at
      assembly.interrupt()
    }
    at = end
  }
  return { records: assembly.records, firstBad }
}
