/** What the disks in files of one reactor share: who writes to what, and how much of libuv's pool they may have. */
import type { AllowedPaths } from "../../../host/AllowedPaths.ts"
import { openAllowed, withAllowedEntry, withAllowedPath } from "../../../host/open-allowed.ts"
import { BounceBuffers } from "./BounceBuffers.ts"
import { defaultSysfsRoot } from "./device-facts.ts"
import { type FileOperations, nodeFiles } from "./FileOperations.ts"
import { FileSlots, poolThreads } from "./FileSlots.ts"
import { TurnBudget } from "./TurnBudget.ts"

/** How long a file waits for the descriptor of a bdev that is being closed, in milliseconds. */
const closingWaitMillis = 1_000

/** Parts of libuv's pool that IO and opening may have; the rest is for the event log. */
const ioShare = 9 / 16
const openShare = 1 / 16

const shareOf = (threads: number, share: number): number => Math.max(1, Math.floor(threads * share))

/** A bdev that writes to a file or device. */
export interface Writer {
  readonly name: string
  /** Closed, but operations of it are not back. */
  closing: boolean
  readonly gone: Promise<void>
}

/** A disk that is being closed is waited for: deleted and created again, a file is used without a gap. */
const withinClosingWait = async (gone: Promise<void>): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, closingWaitMillis)
  await Promise.race([gone, promise])
  clearTimeout(timer)
}

/** One per reactor. */
export class OpenFiles {
  readonly files: FileOperations
  readonly slots: FileSlots
  readonly openSlots: FileSlots
  /** One for every operation that there can be at once. */
  readonly bounces: BounceBuffers
  readonly budget = new TurnBudget()
  readonly sysfsRoot: string
  /** Undefined: all. */
  readonly allowed: AllowedPaths | undefined
  /**
   * By what identifies a file or device, of which one disk may have several: a loop device is its file, too. Two disks
   * that write to the same would destroy each other's data.
   */
  readonly #writers = new Map<string, Writer>()
  readonly #keysByName = new Map<string, ReadonlyArray<string>>()

  /** `threads` is the size of libuv's pool. */
  constructor(
    files: FileOperations = nodeFiles,
    threads: number = poolThreads(),
    allowed?: AllowedPaths,
    sysfsRoot = defaultSysfsRoot
  ) {
    const ioSlots = shareOf(threads, ioShare)
    this.files = files
    this.allowed = allowed
    this.sysfsRoot = sysfsRoot
    this.slots = new FileSlots(ioSlots)
    const openSlots = shareOf(threads, openShare)
    this.openSlots = new FileSlots(openSlots)
    this.bounces = new BounceBuffers(ioSlots + openSlots)
  }

  /** Does something with a path that a bdev names; every path of a bdev goes through this, or `open`. */
  withPath<A>(path: string, use: (path: string) => Promise<A>): Promise<A> {
    return withAllowedPath(this.allowed, path, use)
  }

  /** Opens a path that a bdev names; with O_CREAT a new file, for the target's user alone unless `mode` says more. */
  open(path: string, flags: number, mode?: number): Promise<number> {
    return openAllowed(this.allowed, path, flags, mode, this.files.open)
  }

  /** Does something with a name in its folder: to remove what was made at a path. */
  withEntry<A>(path: string, use: (path: string) => Promise<A>): Promise<A> {
    return withAllowedEntry(this.allowed, path, use)
  }

  /** Who writes to one of these. */
  writerOf(keys: ReadonlyArray<string>): Writer | undefined {
    for (const key of keys) {
      const writer = this.#writers.get(key)
      if (writer !== undefined) return writer
    }
    return undefined
  }

  /** What the bdev of a name writes to. */
  keysOf(name: string): ReadonlyArray<string> {
    return this.#keysByName.get(name) ?? []
  }

  /** Waits, but not for long, for the one who is just being closed. */
  async closingEnded(keys: ReadonlyArray<string>): Promise<void> {
    const writer = this.writerOf(keys)
    if (writer?.closing === true) await withinClosingWait(writer.gone)
  }

  /** From now on `name` writes to these; the result ends that. */
  claim(keys: ReadonlyArray<string>, name: string): { readonly writer: Writer; readonly release: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>()
    const writer: Writer = { name, closing: false, gone: promise }
    for (const key of keys) this.#writers.set(key, writer)
    this.#keysByName.set(name, keys)
    const release = (): void => {
      for (const key of keys) if (this.#writers.get(key) === writer) this.#writers.delete(key)
      if (this.#keysByName.get(name) === keys) this.#keysByName.delete(name)
      resolve()
    }
    return { writer, release }
  }
}
