/**
 * Opens the file of a disk, or says why it cannot be one. Operations on a file that hangs do not come back: so they are
 * bounded in number, and whoever waits can give up.
 */
import { constants } from "node:fs"
import { type AllowedPaths, PathRefused } from "../../../host/AllowedPaths.ts"
import { openAllowed, withAllowedPath } from "../../../host/open-allowed.ts"
import type { TellNews } from "../BdevNews.ts"
import type { AioSpec } from "../BdevSpec.ts"
import { type BdevFailure, failure, type OpenedBdev, opened } from "../OpenedBdev.ts"
import { AioBdev, type AioSurroundings } from "./AioBdev.ts"
import { type FileOperations, type FileStat, nodeFiles } from "./FileOperations.ts"
import { FileSlots, poolThreads } from "./FileSlots.ts"

/** How long a file waits for the descriptor of a bdev that is being closed, in milliseconds. */
const closingWaitMillis = 1_000

/** Parts of libuv's pool that IO and opening may have; the rest is for the event log. */
const ioShare = 9 / 16
const openShare = 1 / 16

const slotsOf = (threads: number, share: number): FileSlots => new FileSlots(Math.max(1, Math.floor(threads * share)))

interface Writer {
  readonly name: string
  /** Closed, but operations of it are not back. */
  closing: boolean
  readonly gone: Promise<void>
}

/** What the disks in files of one reactor share. */
export class OpenFiles {
  readonly files: FileOperations
  readonly slots: FileSlots
  readonly openSlots: FileSlots
  /** By device and inode. Two disks that write to one file would destroy each other's data. */
  readonly writers = new Map<string, Writer>()
  /** Undefined: all. */
  readonly allowed: AllowedPaths | undefined

  /** `threads` is the size of libuv's pool. */
  constructor(files: FileOperations = nodeFiles, threads: number = poolThreads(), allowed?: AllowedPaths) {
    this.files = files
    this.allowed = allowed
    this.slots = slotsOf(threads, ioShare)
    this.openSlots = slotsOf(threads, openShare)
  }

  /** Does something with a path that a bdev names; every path of a bdev goes through this, or `open`. */
  withPath<A>(path: string, use: (path: string) => Promise<A>): Promise<A> {
    return withAllowedPath(this.allowed, path, use)
  }

  /** Opens a path that a bdev names; with O_CREAT a new file, for the target's user alone unless `mode` says more. */
  open(path: string, flags: number, mode?: number): Promise<number> {
    return openAllowed(this.allowed, path, flags, mode, this.files.open)
  }
}

/** Tells of operations that failed. */
export type IoFailed = AioSurroundings["failed"]

/** What opening a file needs. */
export interface FileOpening {
  readonly openFiles: OpenFiles
  readonly ioFailed: IoFailed
  readonly tell: TellNews
}

/**
 * Errors that say that the device itself is gone: it was unplugged, or its driver has let go of it. Any other may pass.
 */
const goneCodes: ReadonlySet<string> = new Set(["ENODEV", "ENXIO", "ESHUTDOWN"])

const explanations: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file; create it first (truncate -s 64M FILE makes an empty one)",
  ENOTDIR: "a part of its path is no directory",
  EACCES: "the target's user may not open it; change its owner or mode, or use it read-only",
  EPERM: "the target's user may not open it; change its owner or mode, or use it read-only",
  EROFS: "its file system is read-only; use it read-only",
  EISDIR: "it is a directory; use a regular file",
  ELOOP: "its symbolic links lead in a circle",
  ENAMETOOLONG: "a part of its path is too long",
  EMFILE: "the target has as many files open as it may (ulimit -n); raise that"
}

const unopenable = (spec: AioSpec, code: string): BdevFailure =>
  failure(code, `${spec.filename} cannot be opened: ${explanations[code] ?? code}`)

const wrongKind = ({ filename }: AioSpec, kind: FileStat): BdevFailure | undefined => {
  if (kind.isFile()) return undefined
  if (kind.isDirectory()) return failure("EISDIR", `${filename} is a directory; use a regular file`)
  const what = kind.isBlockDevice() ? "a block device" : "no regular file"
  return failure("EOPNOTSUPP", `${filename} is ${what}; only regular files can be disks here`)
}

/** `truncate -s %SIZE` leaves an empty file empty. */
const wrongSize = ({ blockSize, filename }: AioSpec, size: number): BdevFailure => {
  const larger = size === 0 ? "truncate -s 64M FILE makes it larger" : `truncate -s %${blockSize} FILE rounds it up`
  const advice = `use one whose size is a multiple of that (${larger})`
  return failure("EINVAL", `${filename} has ${size} bytes, no whole blocks of ${blockSize} bytes; ${advice}`)
}

/** The errno name of an error of a file operation. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "EIO"

/** A slot for opening, as soon as one is free. */
const takeSlot = (slots: FileSlots): Promise<void> =>
  new Promise((resolve) => {
    const user = { slotFree: () => (slots.take(user) ? resolve() : undefined) }
    user.slotFree()
  })

const inUse = (spec: AioSpec, { closing, name }: Writer): BdevFailure => {
  const why = closing
    ? `bdev ${name}, which was deleted, still has operations on it that hang`
    : `bdev ${name} writes to it; use it read-only, or through that bdev`
  return failure("EBUSY", `${spec.filename} is in use: ${why}`)
}

/** A disk that is being closed is waited for: deleted and created again, a file is used without a gap. */
const withinClosingWait = async (gone: Promise<void>): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, closingWaitMillis)
  await Promise.race([gone, promise])
  clearTimeout(timer)
}

/** One opening. */
class Opening {
  readonly #name: string
  readonly #spec: AioSpec
  readonly #of: OpenFiles
  readonly #failed: IoFailed
  readonly #tell: TellNews

  constructor(name: string, spec: AioSpec, { ioFailed, openFiles, tell }: FileOpening) {
    this.#name = name
    this.#spec = spec
    this.#of = openFiles
    this.#failed = ioFailed
    this.#tell = tell
  }

  async run(signal: AbortSignal): Promise<OpenedBdev> {
    try {
      return await this.#of.withPath(this.#spec.filename, (path) => this.#open(path, signal))
    } catch (error) {
      if (error instanceof PathRefused) return failure(error.code, error.message)
      return unopenable(this.#spec, codeOf(error))
    }
  }

  async #open(path: string, signal: AbortSignal): Promise<OpenedBdev> {
    const { files } = this.#of
    // Looked at first: opening a device can do something, and that of a FIFO waits for its other end.
    const wrong = wrongKind(this.#spec, await files.stat(path))
    if (wrong !== undefined || signal.aborted) return wrong ?? unopenable(this.#spec, "ECANCELED")
    const access = this.#spec.readOnly ? constants.O_RDONLY : constants.O_RDWR
    const descriptor = await files.open(path, access | constants.O_NONBLOCK)
    const result = await this.#use(descriptor, signal)
    if (result._tag === "BdevFailure") files.close(descriptor, () => {})
    return result
  }

  async #use(descriptor: number, signal: AbortSignal): Promise<OpenedBdev> {
    const { blockSize, readOnly, wholeBlocks } = this.#spec
    const stat = await this.#of.files.fstat(descriptor)
    const wrong = wrongKind(this.#spec, stat)
    if (wrong !== undefined) return wrong
    const size = Number(stat.size)
    const blockCount = Math.floor(size / blockSize)
    if (blockCount === 0 || (wholeBlocks && size % blockSize !== 0)) return wrongSize(this.#spec, size)
    const key = `${stat.dev}:${stat.ino}`
    const { writers } = this.#of
    const before = readOnly ? undefined : writers.get(key)
    if (before?.closing === true) await withinClosingWait(before.gone)
    // Nothing waits from here on until the file is this disk's: of two that open it at once, one comes first.
    const writer = readOnly ? undefined : writers.get(key)
    if (writer !== undefined) return inUse(this.#spec, writer)
    if (signal.aborted) return unopenable(this.#spec, "ECANCELED")
    return opened(new AioBdev(this.#spec, descriptor, blockCount, this.#surroundings(key)))
  }

  #surroundings(key: string): AioSurroundings {
    const { files, slots, writers } = this.#of
    const { promise, resolve } = Promise.withResolvers<void>()
    const writer: Writer = { name: this.#name, closing: false, gone: promise }
    if (!this.#spec.readOnly) writers.set(key, writer)
    return {
      files,
      slots,
      failed: (operation, code, byteOffset) => {
        this.#failed(operation, code, byteOffset)
        const isGone = goneCodes.has(code) && operation !== "close"
        if (isGone)
          this.#tell({ _tag: "Gone", detail: `${this.#spec.filename} is gone: a ${operation} ended with ${code}` })
      },
      closing: () => {
        writer.closing = true
      },
      closed: () => {
        if (writers.get(key) === writer) writers.delete(key)
        resolve()
      }
    }
  }
}

/** Opens the file. An aborted `signal` ends it without a descriptor, once the operation that runs is back. */
export const openAioBdev = async (
  name: string,
  spec: AioSpec,
  opening: FileOpening,
  signal: AbortSignal
): Promise<OpenedBdev> => {
  const { openFiles } = opening
  await takeSlot(openFiles.openSlots)
  try {
    if (signal.aborted) return unopenable(spec, "ECANCELED")
    return await new Opening(name, spec, opening).run(signal)
  } finally {
    openFiles.openSlots.give()
  }
}
