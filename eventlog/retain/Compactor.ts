/**
 * Puts the oldest control records behind a genesis, and into an archive unless nobody wants them.
 *
 * Whatever stops it, the log is readable: first the archive is on disk under its name, then one synced batch sets the
 * genesis, then records are deleted, a bounded batch at a time between the writer's. What a crash leaves of them is not
 * read, and deleted after the next start.
 */
import { mkdir, open, readdir, rename, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import { ChainCheck, chainStart } from "../chain.ts"
import { controlKey } from "../key.ts"
import { type LogStore, type StoreEntry, type StoreWrite, storeError } from "../LogStore.ts"
import type { AcceptedLoss } from "../loss.ts"
import type { Snapshot } from "../reading.ts"
import type { Cause, ControlRecord } from "../record.ts"
import { decodeRecord } from "../record-codec.ts"
import type { LogWriter } from "../write/LogWriter.ts"
import { ArchiveWriter } from "./archive-file.ts"
import { CompactFailed, type Compaction, type CompactOptions } from "./compaction.ts"
import { type Genesis, genesisWrite, readGenesis } from "./genesis.ts"
import { archiveDirectory, type Past } from "./Past.ts"

/** Records read, and deleted, at a time. */
const windowRecords = 1000

/** Who may compact, and where. */
export interface CompactorOptions {
  /** As the user named it. */
  readonly directory: string
  /** Where archives may be made; `undefined` if nowhere. */
  readonly path: string | undefined
  /** Microseconds since the epoch. */
  readonly now: () => number
  readonly losses: ReadonlyArray<AcceptedLoss>
}

const verifyTells = "lunlog log verify says what is damaged"

const logCause: Cause = { source: "log", actor: "local" }

const syncDirectory = async (path: string): Promise<void> => {
  const directory = await open(path, "r")
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Makes it, or removes archives that were never finished: their names will not come again. */
const clearDirectory = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true, mode: 0o700 })
  for (const name of await readdir(path)) {
    if (/^\d+-\d+\.new$/u.test(name)) await unlink(join(path, name))
  }
}

/** One per open log. */
export class Compactor {
  readonly #options: CompactorOptions
  readonly #writer: LogWriter
  readonly #past: Past
  #running = false

  constructor(options: CompactorOptions, writer: LogWriter, past: Past) {
    this.#options = options
    this.#writer = writer
    this.#past = past
  }

  /** The log begins at `snapshot` from now on. Rejects with `CompactFailed`. */
  async run(snapshot: Snapshot, options: CompactOptions): Promise<Compaction> {
    if (this.#running) throw this.#failed("another compaction is running; wait for its end")
    this.#running = true
    try {
      return await this.#compact(snapshot, options)
    } catch (error) {
      throw error instanceof CompactFailed ? error : this.#failed(storeError(error).message)
    } finally {
      this.#running = false
    }
  }

  /** Deletes what an earlier compaction has left over. Rejects with a `StoreError`. */
  async sweep(): Promise<void> {
    for (;;) {
      const keys = (await this.#writer.store.leftovers?.(windowRecords)) ?? []
      if (keys.length === 0) return
      const writes = keys.map((key): StoreWrite => ({ type: "del", key }))
      await this.#writer.exclusively((store) => store.write(writes, false))
    }
  }

  #failed(detail: string): CompactFailed {
    return new CompactFailed({ directory: this.#options.directory, detail })
  }

  async #compact(snapshot: Snapshot, options: CompactOptions): Promise<Compaction> {
    const { controlHash, controlNo, controlSeq, foldVersion, state } = snapshot
    const before = this.#past.genesis
    if (controlSeq <= (before?.controlSeq ?? 0)) return { records: 0, bytes: 0, through: before?.controlSeq ?? 0 }
    const last = await this.#recordAt(controlSeq)
    if (last === undefined || last.hash !== controlHash || last.controlNo !== controlNo) {
      throw this.#failed(`it has no control record ${controlSeq} that could be its new beginning`)
    }
    const { dryRun = false, keepArchive = true } = options
    const name = `${(before?.controlSeq ?? 0) + 1}-${controlSeq}`
    const path =
      keepArchive && this.#options.path !== undefined ? join(archiveDirectory(this.#options.path), name) : undefined
    const origin = { at: last.at, origin: "compacted", madeAt: this.#options.now() } as const
    const archives = path === undefined ? [] : [...(before?.archives ?? []), name]
    const genesis: Genesis = { controlSeq, controlNo, controlHash, foldVersion, state, ...origin, archives }
    const counted = await this.#archive(dryRun ? undefined : path, before, genesis, options.onProgress)
    if (!dryRun) {
      await this.#begin(genesis)
      await this.sweep()
      await this.#writer.store.reclaim?.(controlKey(0), controlKey(controlSeq)).catch(() => undefined)
    }
    const compaction = { ...counted, through: controlSeq, ...(path === undefined ? {} : { archive: path }) }
    if (!dryRun)
      this.#writer.observe({ type: "LogCompacted", v: 1, cause: options.cause ?? logCause, payload: compaction })
    return compaction
  }

  async #recordAt(seq: number): Promise<ControlRecord | undefined> {
    const key = controlKey(seq)
    const [entry] = await this.#writer.store.range({ gte: key, lte: key, limit: 1 })
    const record = entry === undefined ? undefined : decodeRecord(entry[1], true)
    return typeof record === "object" && record.kind === "control" ? record : undefined
  }

  /** Reads what is to go, checks it, and writes it to `path` if there is one. */
  async #archive(
    path: string | undefined,
    begins: Genesis | undefined,
    ends: Genesis,
    onProgress: CompactOptions["onProgress"]
  ): Promise<{ readonly records: number; readonly bytes: number }> {
    if (path !== undefined) await clearDirectory(dirname(path))
    const file = path === undefined ? undefined : await ArchiveWriter.create(`${path}.new`)
    try {
      const counted = await this.#copy(file, begins, ends, onProgress)
      if (file === undefined || path === undefined) return counted
      await file.finish(begins, ends)
      await rename(`${path}.new`, path)
      await syncDirectory(dirname(path))
      await syncDirectory(dirname(dirname(path)))
      return counted
    } catch (error) {
      await file?.abandon()
      if (path !== undefined) await unlink(`${path}.new`).catch(() => undefined)
      throw error
    }
  }

  async #copy(
    file: ArchiveWriter | undefined,
    begins: Genesis | undefined,
    ends: Genesis,
    onProgress: CompactOptions["onProgress"]
  ): Promise<{ readonly records: number; readonly bytes: number }> {
    const counted = { records: 0, bytes: 0 }
    const lte = controlKey(ends.controlSeq)
    const check = new ChainCheck(begins ?? chainStart, {
      accepted: this.#options.losses,
      expired: () => undefined,
      fromFirst: false
    })
    let from = begins?.controlSeq ?? 0
    for (;;) {
      const entries = await this.#writer.store.range({ gte: controlKey(from + 1), lte, limit: windowRecords })
      for (const [key, value] of entries) {
        from = this.#checked(check, [key, value])
        counted.records++
        counted.bytes += key.length + value.length
        await file?.add(from, value)
      }
      onProgress?.(from, ends.controlSeq)
      if (entries.length < windowRecords) break
    }
    if (check.control?.controlHash !== ends.controlHash) {
      throw this.#failed(`the control records after ${from} are gone; ${verifyTells}`)
    }
    return counted
  }

  /** Seq of a record that is whole and in its place. */
  #checked(check: ChainCheck, [key, value]: StoreEntry): number {
    const record = decodeRecord(value, true)
    if (typeof record === "string") throw this.#failed(`what lies under ${key} ${record}; ${verifyTells}`)
    const broken = check.next(key, record)
    if (broken !== undefined) throw this.#failed(`${broken.detail}; ${verifyTells}`)
    return record.seq
  }

  /** From here on the log begins there, also after a crash. */
  async #begin(genesis: Genesis): Promise<void> {
    try {
      await this.#writer.exclusively((store: LogStore) => store.write([genesisWrite(genesis)], true))
      await this.#past.move(genesis)
    } catch (error) {
      // The write that failed may have happened all the same: the store says, once it is back.
      const found = await readGenesis(this.#writer.store).catch(() => undefined)
      if (typeof found === "object") await this.#past.move(found)
      throw error
    }
  }
}
