/**
 * Opens the file or block device of a disk, or says why it cannot be one. Operations on a file that hangs do not come
 * back: so they are bounded in number, and whoever waits can give up.
 *
 * A device that is written to is opened with O_EXCL: the kernel then refuses one that is mounted, is part of a volume,
 * or has partitions that are used, and keeps it from others for as long as it is open.
 */
import { constants } from "node:fs"
import { PathRefused } from "../../../host/AllowedPaths.ts"
import type { BdevNews, TellNews } from "../BdevNews.ts"
import type { AioSpec } from "../BdevSpec.ts"
import { errorCode } from "../error-code.ts"
import { type BdevFailure, failure, type OpenedBdev, opened } from "../OpenedBdev.ts"
import { AioBdev } from "./AioBdev.ts"
import type { AioSurroundings } from "./AioSurroundings.ts"
import { createFile } from "./create-file.ts"
import { type DeviceFacts, deviceByteLength, deviceNumberOf, mountPointOf, readDeviceFacts } from "./device-facts.ts"
import type { OpenedFile } from "./FileAccess.ts"
import { FileHealth } from "./FileHealth.ts"
import type { FileStat } from "./FileOperations.ts"
import type { FileSlots } from "./FileSlots.ts"
import type { FileShortcuts } from "./file-shortcuts.ts"
import type { OpenFiles } from "./OpenFiles.ts"
import {
  existsAlready,
  heldDevice,
  inUse,
  tooShort,
  undirectable,
  unknownDevice,
  unopenable,
  unpunchable,
  wrongKind,
  wrongSettings,
  wrongSize
} from "./opening-failures.ts"
import { probeDirect, probeHole } from "./probe-file.ts"

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

/** A slot for opening, as soon as one is free. */
export const takeSlot = (slots: FileSlots): Promise<void> =>
  new Promise((resolve) => {
    const user = { slotFree: () => (slots.take(user) ? resolve() : undefined) }
    user.slotFree()
  })

const isFailure = <A extends object>(value: A | BdevFailure): value is BdevFailure =>
  "_tag" in value && value._tag === "BdevFailure"

const nothingMade = async (): Promise<void> => {}

/** More than any file system or device gives back at once, in bytes. */
const granuleBytesMax = 64 * 1024 * 1024

/** Bytes that are given back together, of what is said from outside. */
const granuleOf = (blockSize: number, bytes: number): number =>
  bytes <= granuleBytesMax && bytes % blockSize === 0 ? Math.max(blockSize, bytes) : blockSize

/** SPDK's names. */
const productNameOf = ({ productName, uring }: AioSpec): string =>
  productName ?? (uring === true ? "URING bdev" : "AIO disk")

/** What is known of a file before it is opened. */
interface Looked {
  readonly stat: FileStat
  /** Of a block device. */
  readonly facts: DeviceFacts | undefined
  /** What identifies it, and what it is made of. */
  readonly keys: ReadonlyArray<string>
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
    const made = await this.#create()
    if (isFailure(made)) return made
    const result = await this.#openPath(made.remove, signal)
    if (result._tag === "BdevFailure") await made.remove()
    return result
  }

  /** The file of a new disk, if that was asked for. */
  async #create(): Promise<{ readonly remove: () => Promise<void> } | BdevFailure> {
    const { create, filename } = this.#spec
    if (create === undefined) return { remove: nothingMade }
    const made = await createFile(this.#of, filename, create.byteLength)
    if (made._tag !== "Exists") return made
    return create.mustBeNew ? existsAlready(filename) : { remove: nothingMade }
  }

  async #openPath(remove: () => Promise<void>, signal: AbortSignal): Promise<OpenedBdev> {
    try {
      return await this.#of.withPath(this.#spec.filename, (path) => this.#open(path, remove, signal))
    } catch (error) {
      if (error instanceof PathRefused) return failure(error.code, error.message)
      return unopenable(this.#spec, errorCode(error))
    }
  }

  async #open(path: string, remove: () => Promise<void>, signal: AbortSignal): Promise<OpenedBdev> {
    const { files } = this.#of
    // Looked at first: opening a device can do something, and that of a FIFO waits for its other end.
    const looked = await this.#look(await files.stat(path))
    if (isFailure(looked)) return looked
    if (signal.aborted) return unopenable(this.#spec, "ECANCELED")
    if (!this.#spec.readOnly) await this.#of.closingEnded(looked.keys)
    const descriptor = await this.#openDescriptor(path, looked)
    if (typeof descriptor !== "number") return descriptor
    const result = await this.#use(descriptor, looked, remove, signal)
    if (result._tag === "BdevFailure") files.close(descriptor, () => {})
    return result
  }

  async #look(stat: FileStat): Promise<Looked | BdevFailure> {
    const wrong = wrongKind(this.#spec, stat)
    if (wrong !== undefined) return wrong
    const { files, sysfsRoot } = this.#of
    const number = deviceNumberOf(stat.rdev)
    const isDevice = stat.isBlockDevice()
    const facts = isDevice ? await readDeviceFacts(files.readText, sysfsRoot, number) : undefined
    if (isDevice && facts === undefined) return unknownDevice(this.#spec, sysfsRoot)
    const own = isDevice ? `block ${number}` : `file ${stat.dev}:${stat.ino}`
    return (
      wrongSettings(this.#spec, facts) ?? { stat, facts, keys: [own, ...(await this.#backingKeys(facts?.backingFile))] }
    )
  }

  /** A loop device is its file, too. */
  async #backingKeys(path: string | undefined): Promise<ReadonlyArray<string>> {
    if (path === undefined) return []
    return this.#of.files.stat(path).then(
      ({ dev, ino }) => [`file ${dev}:${ino}`],
      () => []
    )
  }

  async #openDescriptor(path: string, { facts, keys }: Looked): Promise<number | BdevFailure> {
    const { direct, dsync, readOnly } = this.#spec
    const access = readOnly ? constants.O_RDONLY : constants.O_RDWR
    const exclusive = facts === undefined || readOnly ? 0 : constants.O_EXCL
    const cache = (direct === true ? constants.O_DIRECT : 0) | (dsync === true ? constants.O_DSYNC : 0)
    try {
      return await this.#of.files.open(path, access | exclusive | cache | constants.O_NONBLOCK)
    } catch (error) {
      const code = errorCode(error)
      if (code !== "EBUSY" || facts === undefined) return unopenable(this.#spec, code)
      const writer = this.#of.writerOf(keys)
      if (writer !== undefined) return inUse(this.#spec, writer)
      return heldDevice(this.#spec, await mountPointOf(this.#of.files.readText, facts.number))
    }
  }

  async #use(
    descriptor: number,
    { facts, keys, stat }: Looked,
    remove: () => Promise<void>,
    signal: AbortSignal
  ): Promise<OpenedBdev> {
    const now = await this.#of.files.fstat(descriptor)
    const isSame = now.dev === stat.dev && now.ino === stat.ino && now.rdev === stat.rdev
    if (!isSame) return failure("EAGAIN", `${this.#spec.filename} has become another file while it was opened`)
    const file = await this.#examine(descriptor, now, facts, keys[0] ?? "")
    if (isFailure(file)) return file
    // Nothing waits from here on until the file is this disk's: of two that open it at once, one comes first.
    const writer = this.#spec.readOnly ? undefined : this.#of.writerOf(keys)
    if (writer !== undefined) return inUse(this.#spec, writer)
    if (signal.aborted) return unopenable(this.#spec, "ECANCELED")
    return opened(new AioBdev(this.#spec, file, this.#surroundings(keys, remove)))
  }

  async #examine(
    descriptor: number,
    stat: FileStat,
    facts: DeviceFacts | undefined,
    identity: string
  ): Promise<OpenedFile | BdevFailure> {
    const { create, filename, wholeBlocks } = this.#spec
    const size = facts === undefined ? Number(stat.size) : facts.byteLength
    const blockSize = this.#spec.blockSize || (facts?.logicalBlockSize ?? 0)
    const blockCount = Math.floor(size / blockSize)
    if (create !== undefined && size < create.byteLength) return tooShort(filename, size, create.byteLength)
    if (blockCount === 0 || (wholeBlocks && size % blockSize !== 0)) {
      return wrongSize(filename, blockSize, size, facts !== undefined)
    }
    const thin = await this.#isThin(descriptor, size, facts)
    if (typeof thin !== "boolean") return thin
    const directly = this.#spec.direct === true ? await this.#directly(descriptor, blockSize, blockCount) : undefined
    if (directly !== undefined) return directly
    const physicalBlockSize = Math.max(blockSize, facts?.physicalBlockSize ?? 0)
    const measure = () => this.#measure(descriptor, facts)
    const shortcuts = await this.#shortcuts(descriptor, facts !== undefined)
    return {
      descriptor,
      productName: productNameOf(this.#spec),
      identity,
      blockCount,
      blockSize,
      physicalBlockSize,
      thin,
      granuleBytes: granuleOf(blockSize, facts === undefined ? Number(stat.blksize) : facts.discardGranularity),
      isDevice: facts !== undefined,
      measure,
      shortcuts
    }
  }

  /** Past the page cache everything waits, and so does a write that is to be on the medium when it ends. */
  async #shortcuts(descriptor: number, isDevice: boolean): Promise<FileShortcuts | undefined> {
    const { answersLater, direct, dsync } = this.#spec
    if (direct === true || answersLater === true) return undefined
    const operations = await this.#of.files.shortcuts(descriptor, isDevice)
    return operations?.inMemory === false && dsync === true
      ? { ...operations, write: undefined, takeWriteBatch: undefined }
      : operations
  }

  /** A new disk that cannot do what was asked is refused; one that is there already does without. */
  async #isThin(descriptor: number, size: number, facts: DeviceFacts | undefined): Promise<boolean | BdevFailure> {
    const { fallocate, readOnly, wholeBlocks } = this.#spec
    if (fallocate !== true || readOnly) return false
    const calls = this.#of.files.systemCalls()
    const can = typeof calls !== "string" && (facts?.writesZeroes ?? (await probeHole(calls, descriptor, size)))
    if (can || !wholeBlocks) return can
    return unpunchable(this.#spec, typeof calls === "string" ? calls : undefined)
  }

  async #directly(descriptor: number, blockSize: number, blockCount: number): Promise<BdevFailure | undefined> {
    const { bounces, files } = this.#of
    // The second block, if there is one: the first begins at a multiple of every size.
    const code = await probeDirect(files, bounces, descriptor, blockCount > 1 ? blockSize : 0, blockSize)
    return code === undefined ? undefined : undirectable(this.#spec, blockSize, code)
  }

  async #measure(descriptor: number, facts: DeviceFacts | undefined): Promise<number> {
    const { files, sysfsRoot } = this.#of
    if (facts === undefined) return Number((await files.fstat(descriptor)).size)
    const size = await deviceByteLength(files.readText, sysfsRoot, facts.number)
    if (size !== undefined) return size
    throw Object.assign(new Error(`${this.#spec.filename} is gone`), { code: "ENODEV" })
  }

  #surroundings(keys: ReadonlyArray<string>, remove: () => Promise<void>): AioSurroundings {
    const { bounces, budget, files, slots } = this.#of
    const claim = this.#spec.readOnly ? undefined : this.#of.claim(keys, this.#name)
    const health = new FileHealth(this.#spec.filename, this.#tell)
    return {
      files,
      slots,
      bounces,
      budget,
      failed: (operation, code, byteOffset) => {
        this.#failed(operation, code, byteOffset)
        if (operation === "close") return
        const news = newsOfFailure(this.#spec.filename, operation, code)
        if (news._tag !== "Gone") health.failed(operation, code)
        this.#tell(news)
      },
      closing: () => {
        health.stop()
        if (claim !== undefined) claim.writer.closing = true
      },
      closed: () => claim?.release(),
      remove
    }
  }
}

const newsOfFailure = (filename: string, operation: string, code: string): BdevNews =>
  goneCodes.has(code)
    ? { _tag: "Gone", detail: `${filename} is gone: a ${operation} ended with ${code}` }
    : { _tag: "Doubtful" }

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
