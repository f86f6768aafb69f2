/** Opens an overlay whose changes are in a file, which is made if it is not there. */
import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import { open, readFile, realpath, rename, unlink } from "node:fs/promises"
import { dirname } from "node:path"
import { PathRefused } from "../../../host/AllowedPaths.ts"
import type { Bdev } from "../Bdev.ts"
import type { AioSpec, OverlaySpec } from "../BdevSpec.ts"
import { errorCode } from "../error-code.ts"
import { AioBdev } from "../file/AioBdev.ts"
import { type FileOpening, openAioBdev } from "../file/open-aio-bdev.ts"
import { failure, type OpenedBdev, opened } from "../OpenedBdev.ts"
import type { FileStore } from "./FileStore.ts"
import { loadStore } from "./load-store.ts"
import { OverlayBdev, type RenewStore } from "./OverlayBdev.ts"
import { granuleBytesOf } from "./OverlayStore.ts"
import { headPage, noBoot, PageKind, pageBytes } from "./overlay-pages.ts"

const deviceBlockBytes = 512

/** Blocks that a file may grow to. */
const deviceBlocksMax = Math.floor(Number.MAX_SAFE_INTEGER / deviceBlockBytes)

const idBytes = 16

/** Of the machine's boot, 16 bytes; zeros where the system has none, and then the power is not reckoned with. */
const readBoot = async (): Promise<Buffer> => {
  const text = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")
  const boot = Buffer.from(text.replaceAll(/[^0-9a-f]/gu, ""), "hex")
  return boot.length === idBytes ? boot : noBoot
}

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** One overlay's file. */
class OverlayFile {
  readonly #name: string
  readonly #spec: AioSpec
  readonly #base: Bdev
  readonly #opening: FileOpening
  readonly #signal: AbortSignal
  readonly #boot: Buffer

  constructor(name: string, filename: string, base: Bdev, opening: FileOpening, signal: AbortSignal, boot: Buffer) {
    this.#name = name
    this.#spec = { _tag: "Aio", filename, blockSize: deviceBlockBytes, readOnly: false, wholeBlocks: false }
    this.#base = base
    this.#opening = opening
    this.#signal = signal
    this.#boot = boot
  }

  async open(): Promise<OpenedBdev> {
    const { filename } = this.#spec
    try {
      await this.#makeIfAbsent()
      const opened = await this.#openStore(this.#spec)
      if (opened._tag === "BdevFailure") return opened
      return this.#bdevOn(opened.store, opened.blockCount)
    } catch (error) {
      if (error instanceof PathRefused) return failure(error.code, error.message)
      return failure(errorCode(error), `${filename} cannot be used for an overlay: ${errorCode(error)}`)
    }
  }

  async #makeIfAbsent(): Promise<void> {
    const { openFiles } = this.#opening
    const { filename } = this.#spec
    const { O_CREAT, O_EXCL, O_RDWR } = constants
    const made = await openFiles.open(filename, O_CREAT | O_EXCL | O_RDWR).catch((error: unknown) => {
      if (errorCode(error) === "EEXIST") return undefined
      throw error
    })
    // One that is empty was made, and the process ended before it got its head.
    const descriptor = made ?? (await this.#openIfEmpty())
    if (descriptor === undefined) return
    await this.#writeHead(descriptor)
    await openFiles.withPath(dirname(filename), syncFolder)
  }

  async #openIfEmpty(): Promise<number | undefined> {
    const { files } = this.#opening.openFiles
    return this.#opening.openFiles.withPath(this.#spec.filename, async (path) => {
      const stat = await files.stat(path)
      return stat.isFile() && stat.size === 0n ? files.open(path, constants.O_RDWR) : undefined
    })
  }

  /** Closes the descriptor. */
  async #writeHead(descriptor: number): Promise<void> {
    const { blockCount, blockSize } = this.#base
    const { files } = this.#opening.openFiles
    const label = { kind: PageKind.head, sequence: 1, segment: 0, id: randomBytes(idBytes), boot: noBoot }
    const page = headPage(label, { blockSize, granuleBytes: granuleBytesOf(blockSize), blockCount })
    const done = (error: Error | null, resolve: () => void, reject: (error: Error) => void): void =>
      error === null ? resolve() : reject(error)
    try {
      // In the second place: the first stays free for the next.
      await new Promise<void>((resolve, reject) => {
        files.write(descriptor, page, 0, page.length, page.length, (error) => done(error, resolve, reject))
      })
      await new Promise<void>((resolve, reject) => {
        files.fdatasync(descriptor, (error) => done(error, resolve, reject))
      })
    } finally {
      await new Promise<void>((resolve) => {
        files.close(descriptor, () => resolve())
      })
    }
  }

  async #openStore(
    spec: AioSpec
  ): Promise<
    | { readonly _tag: "Store"; readonly store: FileStore; readonly blockCount: number }
    | Exclude<OpenedBdev, { readonly _tag: "BdevOpened" }>
  > {
    const result = await openAioBdev(this.#name, spec, this.#opening, this.#signal)
    if (result._tag === "BdevFailure") return result
    const { bdev } = result
    if (!(bdev instanceof AioBdev)) {
      bdev.close()
      return failure("EINVAL", `${spec.filename} is no file that an overlay could use`)
    }
    const loaded = await loadStore(bdev, this.#base.blockSize, this.#boot)
    if ("why" in loaded) {
      bdev.close()
      return failure(loaded.code, `${spec.filename} ${loaded.why}`)
    }
    bdev.resize(deviceBlocksMax)
    return { _tag: "Store", store: loaded.store, blockCount: loaded.head.blockCount }
  }

  #bdevOn(store: FileStore, blockCount: number): Promise<OpenedBdev> {
    const bdev = new OverlayBdev(this.#base, store, blockCount, this.#renew)
    return new Promise((resolve) => bdev.baseResized(() => resolve(opened(bdev))))
  }

  /** A new file beside the one that is there, which gets its name: there is always one whole. */
  readonly #renew: RenewStore = (_blockCount, done) => {
    void this.#replace().then(done, (error: unknown) => {
      done({
        code: errorCode(error),
        detail: `a new file, ${this.#spec.filename}.reset, cannot be made: ${errorCode(error)}`
      })
    })
  }

  /** What a reset has left whose process ended: nothing, or a head. Any other file there is somebody's, and stays. */
  async #removeLeftover(path: string): Promise<void> {
    const { openFiles } = this.#opening
    await openFiles
      .withEntry(path, async (entry) => {
        const { dev, ino, size } = await openFiles.files.stat(entry)
        const isUsed = openFiles.writerOf([`file ${dev}:${ino}`]) !== undefined
        if (!isUsed && (size === 0n || size === BigInt(2 * pageBytes))) await unlink(entry)
      })
      .catch(() => undefined)
  }

  async #replace(): Promise<FileStore | { readonly code: string; readonly detail: string }> {
    const { openFiles } = this.#opening
    const filename = await openFiles.withPath(this.#spec.filename, (path) => realpath(path))
    const fresh = `${filename}.reset`
    await this.#removeLeftover(fresh)
    const { O_CREAT, O_EXCL, O_RDWR } = constants
    await this.#writeHead(await openFiles.open(fresh, O_CREAT | O_EXCL | O_RDWR))
    const opened = await this.#openStore({ ...this.#spec, filename: fresh })
    if (opened._tag === "BdevFailure") return opened
    try {
      await openFiles.withEntry(filename, (entry) => rename(`${entry}.reset`, entry))
    } catch (error) {
      opened.store.discard()
      await openFiles.withEntry(fresh, unlink).catch(() => undefined)
      throw error
    }
    // The name leads to the new file now, whatever comes of this: power that fails may bring the old one back, whole.
    await syncFolder(dirname(filename)).catch(() => undefined)
    return opened.store
  }
}

/** The open overlay in a file, or why there is none. An aborted `signal` ends it without a descriptor. */
export const openOverlay = async (
  name: string,
  { filename = "" }: OverlaySpec,
  base: Bdev,
  opening: FileOpening,
  signal: AbortSignal
): Promise<OpenedBdev> => new OverlayFile(name, filename, base, opening, signal, await readBoot()).open()
