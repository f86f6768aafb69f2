/**
 * A file of a machine whose power fails: what a sync has confirmed is there afterwards. Of everything else each sector
 * may be as any write that came since has left it, or as before; so a write may be there in part, out of order, or not.
 * Operations end when the test says so, in any order.
 */
import type { FileOperations, FileStat } from "../../../src/dataplane/bdev/file/FileOperations.ts"
import type { Random } from "../../support/initiator/random.ts"

/** Bytes that are written wholly or not at all. */
export const sectorBytes = 512

interface Write {
  readonly byteOffset: number
  readonly data: Buffer
  /** It is in the cache of the system: a sync that begins from now on has it. */
  isCached: boolean
}

type Ended = (error: NodeJS.ErrnoException | null, bytes: number) => void

interface Running {
  readonly end: () => void
}

const coded = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })

/** One file. */
export class LosingFiles implements FileOperations {
  /** What the medium holds. */
  #medium: Buffer | undefined
  readonly #unsynced = new Set<Write>()
  /** What syncs that failed had to write: read as long as the machine runs. */
  readonly #lost: Array<Write> = []
  readonly #running: Array<Running> = []
  readonly #random: Random
  /** Syncs that fail from now on; what they had to write is dropped, and counts as written, as on Linux. */
  failingSyncs = 0
  syncs = 0

  constructor(random: Random, medium?: Buffer) {
    this.#random = random
    this.#medium = medium
  }

  get runningCount(): number {
    return this.#running.length
  }

  readonly systemCalls: FileOperations["systemCalls"] = () => "this file has none"

  readonly shortcuts: FileOperations["shortcuts"] = async () => undefined

  readonly stat: FileOperations["stat"] = async () => this.#stat()
  readonly fstat: FileOperations["fstat"] = async () => this.#stat()

  readonly open: FileOperations["open"] = async () => {
    if (this.#medium === undefined) throw coded("ENOENT")
    return 1000
  }

  readonly read: FileOperations["read"] = (_fd, buffer, start, byteLength, byteOffset, done) => {
    this.#run(() => {
      const content = this.content()
      const bytes = Math.max(0, Math.min(byteLength, content.length - byteOffset))
      content.copy(buffer, start, byteOffset, byteOffset + bytes)
      done(null, bytes)
    })
  }

  readonly write: FileOperations["write"] = (_fd, buffer, start, byteLength, byteOffset, done) => {
    const source = buffer.subarray(start, start + byteLength)
    // Half of the sectors are taken now, half at the end: a buffer that changes meanwhile is found out.
    const early = Buffer.from(source)
    const takenEarly = Array.from({ length: Math.ceil(byteLength / sectorBytes) }, () => this.#random.below(2) === 0)
    const write = { byteOffset, data: early, isCached: false }
    this.#unsynced.add(write)
    this.#end(done, () => {
      for (const [sector, isEarly] of takenEarly.entries()) {
        const at = sector * sectorBytes
        if (!isEarly) source.copy(early, at, at, at + sectorBytes)
      }
      write.isCached = true
      return byteLength
    })
  }

  readonly fdatasync: FileOperations["fdatasync"] = (_fd, done) => {
    const covered = [...this.#unsynced].filter(({ isCached }) => isCached)
    const fails = this.failingSyncs > 0
    if (fails) this.failingSyncs--
    this.syncs++
    this.#run(() => {
      for (const write of covered) {
        // Another sync may have had it.
        if (!this.#unsynced.delete(write)) continue
        if (fails) this.#lost.push(write)
        else write.data.copy(this.#medium ?? write.data, write.byteOffset)
      }
      done(fails ? coded("EIO") : null)
    })
  }

  // Of a new file, which has its length and its name before it is a disk.
  readonly truncate: FileOperations["truncate"] = async (_fd, byteLength) => {
    this.#medium = Buffer.alloc(byteLength)
  }
  readonly fsync: FileOperations["fsync"] = async () => {}
  readonly unlink: FileOperations["unlink"] = async () => {
    this.#medium = undefined
  }
  readonly readText: FileOperations["readText"] = async () => {
    throw coded("ENOENT")
  }

  readonly close: FileOperations["close"] = (_fd, done) => this.#run(() => done(null))

  /** One of the running operations ends; false: none runs. */
  step(): boolean {
    const [running] = this.#running.splice(this.#random.below(Math.max(1, this.#running.length)), 1)
    running?.end()
    return running !== undefined
  }

  /** As the file reads now. */
  content(): Buffer {
    const content = Buffer.from(this.#medium ?? [])
    for (const { byteOffset, data, isCached } of [...this.#lost, ...this.#unsynced]) {
      if (isCached) data.copy(content, byteOffset)
    }
    return content
  }

  /** The power fails: what is left of the file. */
  crash(): Buffer {
    const left = Buffer.from(this.#medium ?? [])
    const sectors = [...this.#unsynced].flatMap(({ byteOffset, data }) =>
      Array.from({ length: Math.ceil(data.length / sectorBytes) }, (_, sector) => ({
        at: byteOffset + sector * sectorBytes,
        data: data.subarray(sector * sectorBytes, (sector + 1) * sectorBytes)
      }))
    )
    for (let count = sectors.length; count > 0; count--) {
      const [sector] = sectors.splice(this.#random.below(count), 1)
      if (sector !== undefined && this.#random.below(2) === 0) sector.data.copy(left, sector.at)
    }
    return left
  }

  #stat(): FileStat {
    if (this.#medium === undefined) throw coded("ENOENT")
    const size = BigInt(this.#medium.length)
    return {
      dev: 1n,
      ino: 1n,
      rdev: 0n,
      blksize: 4096n,
      size,
      isFile: () => true,
      isDirectory: () => false,
      isBlockDevice: () => false
    }
  }

  #run(end: () => void): void {
    this.#running.push({ end })
  }

  #end(done: Ended, act: () => number): void {
    this.#run(() => done(null, act()))
  }
}
