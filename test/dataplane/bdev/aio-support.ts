/** Files for tests of disks in files: real ones in a folder of their own, and operations that a test holds back. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import type { BdevNews } from "../../../src/dataplane/bdev/BdevNews.ts"
import type { AioSpec } from "../../../src/dataplane/bdev/BdevSpec.ts"
import type { AioBdev } from "../../../src/dataplane/bdev/file/AioBdev.ts"
import { AioBdev as Aio } from "../../../src/dataplane/bdev/file/AioBdev.ts"
import { type FileOperations, nodeFiles } from "../../../src/dataplane/bdev/file/FileOperations.ts"
import type { FileShortcuts } from "../../../src/dataplane/bdev/file/file-shortcuts.ts"
import type { WriteBatch } from "../../../src/dataplane/bdev/file/kernel-aio.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/OpenFiles.ts"
import { type IoFailed, openAioBdev } from "../../../src/dataplane/bdev/file/open-aio-bdev.ts"
import { systemCalls } from "../../../src/dataplane/bdev/file/system-calls.ts"
import type { OpenedBdev } from "../../../src/dataplane/bdev/OpenedBdev.ts"

const nothing = Buffer.alloc(0)

/** A folder that `dispose` removes. */
export class Folder {
  readonly path: string

  constructor(parent: string = tmpdir()) {
    this.path = mkdtempSync(join(parent, "lunlog-aio-"))
  }

  /** A sparse file. */
  file(name: string, bytes: number): string {
    const path = join(this.path, name)
    writeFileSync(path, "")
    truncateSync(path, bytes)
    return path
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** What an operation was, in the order in which it began. */
export interface Begun {
  readonly operation: "read" | "write" | "fdatasync" | "close" | "punchHole" | "zeroRange" | "writes"
  readonly byteOffset: number
  readonly byteLength: number
  /** Lets it happen, with at most so many bytes; or fail. */
  readonly go: (bytesMax?: number) => void
  readonly fail: (code: string) => void
}

/** Real operations that wait until the test lets them go. */
export class HeldFiles implements FileOperations {
  readonly stat = nodeFiles.stat
  readonly open = nodeFiles.open
  readonly fstat = nodeFiles.fstat
  readonly truncate = nodeFiles.truncate
  readonly fsync = nodeFiles.fsync
  readonly unlink = nodeFiles.unlink
  readonly readText = nodeFiles.readText
  /** What files that are opened from now on can do at once. */
  atOnce: FileShortcuts | undefined
  readonly shortcuts: FileOperations["shortcuts"] = async () => this.atOnce
  readonly begun: Array<Begun> = []
  /** From now on operations are held; those of the opening were not. */
  isOpen = false

  readonly read: FileOperations["read"] = (fd, buffer, start, length, at, done) =>
    this.#hold("read", at, length, done, (max) => nodeFiles.read(fd, buffer, start, Math.min(max, length), at, done))
  readonly write: FileOperations["write"] = (fd, buffer, start, length, at, done) =>
    this.#hold("write", at, length, done, (max) => nodeFiles.write(fd, buffer, start, Math.min(max, length), at, done))
  readonly fdatasync: FileOperations["fdatasync"] = (fd, done) =>
    this.#hold("fdatasync", 0, 0, done, () => nodeFiles.fdatasync(fd, done))
  readonly systemCalls: FileOperations["systemCalls"] = () => {
    const calls = systemCalls()
    if (typeof calls === "string") return calls
    const hold =
      (operation: "punchHole" | "zeroRange"): typeof calls.punchHole =>
      (fd, at, length, done) => {
        // What opening tries out is not a test's.
        if (!this.isOpen) calls[operation](fd, at, length, done)
        else this.#hold(operation, at, length, done, () => calls[operation](fd, at, length, done))
      }
    return { ...calls, punchHole: hold("punchHole"), zeroRange: hold("zeroRange") }
  }
  hasBatches = true
  /** Batches of writes, for `atOnce`: held as one operation. In part means each of them in part. */
  readonly takeWriteBatch = (): WriteBatch => {
    const writes: Array<Parameters<WriteBatch["add"]>> = []
    let results: ReadonlyArray<number> = []
    return {
      get count() {
        return writes.length
      },
      add: (...write) => void writes.push(write),
      submit: (done) => {
        const [, , , byteLength, byteOffset] = writes[0] ?? [0, nothing, 0, 0, 0]
        const ended = (error: NodeJS.ErrnoException | null): void => {
          if (error !== null) results = writes.map(() => -constants.errno.EIO)
          done()
        }
        this.#hold("writes", byteOffset, byteLength, ended, (max) => {
          results = writes.map(([fd, buffer, start, length, at]) =>
            writeSync(fd, buffer, start, Math.min(max, length), at)
          )
          ended(null)
        })
      },
      resultOf: (index) => results[index] ?? -constants.errno.EAGAIN,
      give: () => undefined
    }
  }
  readonly close: FileOperations["close"] = (fd, done) =>
    this.#hold("close", 0, 0, done, () => nodeFiles.close(fd, done))

  /** Takes the operations that have begun since. */
  take(): ReadonlyArray<Begun> {
    return this.begun.splice(0)
  }

  #hold(
    operation: Begun["operation"],
    byteOffset: number,
    byteLength: number,
    done: (error: NodeJS.ErrnoException | null, bytes: number) => void,
    run: (bytesMax: number) => void
  ): void {
    this.begun.push({
      operation,
      byteOffset,
      byteLength,
      go: (bytesMax = Number.MAX_SAFE_INTEGER) => run(bytesMax),
      fail: (code) => done(Object.assign(new Error(code), { code }), 0)
    })
  }
}

/** Failures that were told: `write EIO at 512`. */
export type Told = Array<string>

export const aioSpec = (filename: string, changes: Partial<AioSpec> = {}): AioSpec => ({
  _tag: "Aio",
  filename,
  blockSize: 512,
  readOnly: false,
  wholeBlocks: true,
  ...changes
})

export const open = (
  spec: AioSpec,
  openFiles: OpenFiles = new OpenFiles(),
  told: Told = [],
  signal: AbortSignal = new AbortController().signal,
  tell: (news: BdevNews) => void = () => undefined
): Promise<OpenedBdev> => {
  const ioFailed: IoFailed = (operation, code, at) => told.push(`${operation} ${code} at ${at}`)
  return openAioBdev("Aio0", spec, { openFiles, ioFailed, tell }, signal)
}

/** An open disk; throws where there is none. */
export const openDisk = async (...args: Parameters<typeof open>): Promise<AioBdev> => {
  const result = await open(...args)
  if (result._tag === "BdevOpened" && result.bdev instanceof Aio) return result.bdev
  throw new Error(result._tag === "BdevFailure" ? result.detail : "no file")
}
