/**
 * Looks at everything that a log consists of, in steps, and finds all that is wrong and not only the first of it:
 * the store's files, HEAD, archives, the digest, place and chain of each record, and snapshots' bytes.
 */

import { ChainCheck, chainStart } from "./chain.ts"
import { snapshotKey } from "./key.ts"
import { fetchWindow, type StoreSource, seekRecord, windowRecords } from "./LogReader.ts"
import { type LogStore, type StoreEntry, storeError } from "./LogStore.ts"
import { type LogTail, lossRemedy } from "./reading.ts"
import type { LogRecord } from "./record.ts"
import { decodeRecord } from "./record-codec.ts"
import { archiveRemedy } from "./retain/archive-file.ts"
import { decodeSnapshot } from "./snapshots.ts"

/** Something that is not as it should be. */
export interface Finding {
  /** `warning`: what is derived, or was taken away, and costs no more than time. */
  readonly severity: "damage" | "warning"
  /** A record, a key or a file. */
  readonly where: string
  /** What is there, and what was expected. */
  readonly detail: string
  /** The last record in front of it that is right, in its chain, if that is known. */
  readonly lastGood?: number
  /** What to do. */
  readonly remedy: string
}

/** What one step has looked at. */
export interface CheckStep {
  /** Those that are right, in order. */
  readonly records: ReadonlyArray<LogRecord>
  readonly findings: ReadonlyArray<Finding>
  /** Seq that is done, and the last one. */
  readonly done: number
  readonly total: number
}

const harmless = "nothing: it is derived, is not used, and will be made anew"
const snapshotsRead = 64

/** One pass over a log, to where it ended when the pass began. */
export class LogCheck {
  readonly #source: StoreSource
  readonly #end: LogTail
  readonly #check: ChainCheck
  #from = 1
  #phase: "files" | "records" | "end" | "done" = "files"
  /** A control record that could not be read explains that the chain breaks there. */
  #unreadable = { control: false, observation: false }
  #lastObservation = 0
  /** What has been told of archives: each block of them is asked for more than once. */
  readonly #told = new Set<string>()

  constructor(source: StoreSource) {
    this.#source = source
    this.#end = source.durable()
    this.#check = new ChainCheck(source.past.beginning ?? chainStart, {
      accepted: source.knownLosses(),
      expired: source.expired,
      fromFirst: true
    })
  }

  /** The next step; `undefined` when all is done. Rejects with a `StoreError` only if nothing can be read at all. */
  async next(): Promise<CheckStep | undefined> {
    switch (this.#phase) {
      case "files":
        this.#phase = "records"
        return this.#step([], await this.#checkFiles())
      case "records":
        return this.#checkRecords()
      case "end":
        this.#phase = "done"
        return this.#step([], this.#checkEnd())
      case "done":
        return undefined
    }
  }

  #step(records: ReadonlyArray<LogRecord>, findings: ReadonlyArray<Finding>): CheckStep {
    const total = this.#end.seq
    return { records, findings, done: Math.min(total, this.#from - 1), total }
  }

  async #checkFiles(): Promise<ReadonlyArray<Finding>> {
    const { past, store } = this.#source
    const files = (await this.#source.fileDamages()).map(
      ({ detail, file }): Finding => ({ severity: "damage", where: file, detail, remedy: lossRemedy })
    )
    // A directory is read from what was saved of it; LevelDB itself could end the process over a damaged table.
    if (files.length > 0 && !this.#source.closed()) {
      this.#phase = "done"
      const detail = "were not read, as that could end the target"
      const remedy = "copy the directory while the target is stopped, and verify the copy with --state"
      return [...files, { severity: "warning", where: "the records", detail, remedy }]
    }
    const remedy = "put it back beside the log to read what is in front; else nothing"
    const missing: ReadonlyArray<Finding> =
      past.missing === undefined
        ? []
        : [{ severity: "warning", where: "the log's beginning", detail: past.missing, remedy }]
    const range = { gte: snapshotKey(0), lte: snapshotKey(Number.MAX_SAFE_INTEGER), limit: snapshotsRead }
    const snapshots = (await store().range({ ...range, reverse: true })).flatMap(([key, value]): Array<Finding> => {
      if (decodeSnapshot(value) !== undefined) return []
      const detail = "is not the bytes that were written"
      return [{ severity: "warning", where: `the snapshot under ${key}`, detail, remedy: harmless }]
    })
    return [...files, ...missing, ...snapshots]
  }

  async #checkRecords(): Promise<CheckStep> {
    const { seq: last } = this.#end
    const observedFrom = (this.#source.expired()?.through ?? 0) + 1
    const to = Math.min(last, this.#from + windowRecords - 1)
    const records: Array<LogRecord> = []
    const findings: Array<Finding> = []
    for (const entry of await this.#fetch(to, observedFrom, findings)) this.#take(entry, records, findings)
    this.#from = to + 1
    if (records.length === 0 && this.#from <= last) {
      this.#from = Math.min(last + 1, await this.#seek(observedFrom))
    }
    if (this.#from > last) this.#phase = "end"
    return this.#step(records, findings)
  }

  /** The window's entries; of an archive that cannot be read, none. */
  async #fetch(to: number, observedFrom: number, findings: Array<Finding>): Promise<ReadonlyArray<StoreEntry>> {
    const window = { from: this.#from, to, kind: undefined, observedFrom }
    try {
      return await fetchWindow(this.#source.store(), window)
    } catch (error) {
      const boundary = this.#source.past.genesis?.controlSeq ?? 0
      const { message } = storeError(error)
      if (this.#from > boundary) throw error
      this.#unreadable.control = true
      if (!this.#told.has(message)) {
        const where = `the archive of records up to ${boundary}`
        const detail = message.replace(`; ${archiveRemedy}`, "")
        findings.push({ severity: "damage", where, detail, ...this.#lastGoodControl(), remedy: archiveRemedy })
      }
      this.#told.add(message)
      return fetchWindow(this.#source.store(), { ...window, controlFrom: boundary + 1 })
    }
  }

  async #seek(observedFrom: number): Promise<number> {
    const store: LogStore = this.#source.store()
    return seekRecord(store, this.#from, observedFrom).catch(() => this.#from)
  }

  #take([key, value]: StoreEntry, records: Array<LogRecord>, findings: Array<Finding>): void {
    const record = decodeRecord(value, true)
    const kind = key.startsWith("c") ? "control" : "observation"
    if (typeof record === "string") {
      this.#unreadable[kind] = true
      const where = `record ${Number.parseInt(key.slice(1), 16)} (key ${key})`
      findings.push({ severity: "damage", where, detail: record, ...this.#lastGood(kind), remedy: lossRemedy })
      return
    }
    const lastGood = this.#lastGood(kind)
    const broken = this.#check.next(key, record)
    if (broken !== undefined) {
      this.#check.resume(record)
      const where = `record ${record.seq} (key ${key})`
      const finding = { severity: "damage", where, detail: broken.detail, remedy: lossRemedy } as const
      if (!this.#unreadable[kind]) findings.push({ ...finding, ...lastGood })
    }
    this.#unreadable[kind] = false
    if (kind === "observation") this.#lastObservation = record.seq
    records.push(record)
  }

  #lastGood(kind: "control" | "observation"): { readonly lastGood?: number } {
    if (kind === "control") return this.#lastGoodControl()
    return this.#lastObservation === 0 ? {} : { lastGood: this.#lastObservation }
  }

  #lastGoodControl(): { readonly lastGood?: number } {
    const seq = this.#check.control?.controlSeq ?? 0
    return seq === 0 ? {} : { lastGood: seq }
  }

  /** Records missing at the end leave no gap: only the end that the log knows of tells. */
  #checkEnd(): ReadonlyArray<Finding> {
    const { controlHash, controlSeq } = this.#end
    const read = this.#check.control
    if (read === undefined || read.controlHash === controlHash) return []
    const where = `the end, control record ${controlSeq}`
    const detail = `the control records after ${read.controlSeq} are gone`
    return [{ severity: "damage", where, detail, ...this.#lastGoodControl(), remedy: lossRemedy }]
  }
}
