/**
 * A new log directory with records that another log has written, byte for byte: so its chains, its hashes and its seqs
 * are those of the other one. What comes in is not trusted: each record must continue the one before it.
 */
import { existsSync } from "node:fs"
import { Effect, Schema, type Scope, Stream } from "effect"
import { type ChainAnchor, ChainCheck, chainStart } from "./chain.ts"
import { controlKey, observationKey, probeKey } from "./key.ts"
import type { LogStore, StoreWrite } from "./LogStore.ts"
import { openLevelStore } from "./level/LevelStore.ts"
import { type AcceptedLoss, writeLosses } from "./loss.ts"
import { HeadFile } from "./open/HeadFile.ts"
import { openFailed } from "./open/log-directory.ts"
import { claimDirectory, tryOpen } from "./open/open-database.ts"
import { type LogOpenError, LogOpenFailed } from "./open/open-errors.ts"
import type { LogRecord } from "./record.ts"
import type { Restored } from "./record-json.ts"
import { type Expired, expiredWrite } from "./retain/expired.ts"
import { type Genesis, genesisWrite } from "./retain/genesis.ts"

/** Records in one write. */
const batchRecords = 500

/** What stands in front of the first record. */
export interface ImportOrigin {
  /** Absent: the log begins with control record 1. */
  readonly genesis?: Genesis
  /** Observations that the other log had dropped already. */
  readonly expired?: Expired
  /** Breaks in its chains that its owner had accepted. */
  readonly losses: ReadonlyArray<AcceptedLoss>
}

/** A record, and the line of the file that it is from, for messages. */
export interface ImportedRecord extends Restored {
  readonly line: number
}

/** A record that cannot be the next one. */
export class ImportRefused extends Schema.TaggedError<ImportRefused>()("ImportRefused", {
  line: Schema.Number,
  detail: Schema.String
}) {
  override get message() {
    return `line ${this.line}: ${this.detail}`
  }
}

/** What was imported. */
export interface Imported {
  readonly records: number
  readonly controlRecords: number
  /** 0 if there is none. */
  readonly firstSeq: number
  readonly lastSeq: number
  /** The last control record, or what the log begins with. */
  readonly head: ChainAnchor
}

const keyOf = ({ kind, seq }: LogRecord): string => (kind === "control" ? controlKey(seq) : observationKey(seq))

/** Takes records in order, and gives what to write. */
class Importer {
  readonly #check: ChainCheck
  readonly #origin: ImportOrigin
  #expired: Expired | undefined
  #at: number
  #hasObservation = false
  #imported: Imported

  constructor(origin: ImportOrigin) {
    this.#origin = origin
    const head = origin.genesis ?? chainStart
    this.#at = 0
    this.#expired = origin.expired
    const context = { accepted: origin.losses, expired: () => this.#expired, fromFirst: true }
    this.#check = new ChainCheck(head, context)
    this.#imported = { records: 0, controlRecords: 0, firstSeq: 0, lastSeq: 0, head }
  }

  get imported(): Imported {
    return { ...this.#imported, head: this.#check.control ?? chainStart }
  }

  /** In front of all records. */
  get beginning(): ReadonlyArray<StoreWrite> {
    const { genesis } = this.#origin
    const expired = this.#expired === undefined ? [] : [expiredWrite(this.#expired)]
    return genesis === undefined ? expired : [genesisWrite(genesis), ...expired]
  }

  next({ line, record, value }: ImportedRecord): ReadonlyArray<StoreWrite> | ImportRefused {
    const refused = (detail: string) => new ImportRefused({ line, detail })
    const { lastSeq, records } = this.#imported
    // Observations in front of a genesis may be left: only control records were compacted.
    const begins = record.kind === "control" ? (this.#origin.genesis?.controlSeq ?? 0) : 0
    const before = Math.max(lastSeq, begins)
    if (record.seq <= before) return refused(`record ${record.seq} cannot come after record ${before}`)
    if (record.at < this.#at) return refused(`record ${record.seq} is older than the one before it`)
    const opening = this.#openObservations(record)
    const key = keyOf(record)
    const broken = this.#check.next(key, record)
    if (broken !== undefined) return refused(`record ${record.seq} does not belong here: ${broken.detail}`)
    this.#at = record.at
    this.#imported = {
      ...this.#imported,
      records: records + 1,
      controlRecords: this.#imported.controlRecords + (record.kind === "control" ? 1 : 0),
      firstSeq: records === 0 ? record.seq : this.#imported.firstSeq,
      lastSeq: record.seq
    }
    return [...opening, { type: "put", key, value }]
  }

  /** The first observation of a part of a log continues one that is not there. */
  #openObservations(record: LogRecord): ReadonlyArray<StoreWrite> {
    if (record.kind === "control" || this.#hasObservation) return []
    this.#hasObservation = true
    const isWhole = this.#origin.genesis === undefined || this.#expired !== undefined
    if (isWhole || record.prevObservation === "") return []
    const { at } = record
    this.#expired = { through: record.seq - 1, count: 0, hash: record.prevObservation, firstAt: at, lastAt: at }
    return [expiredWrite(this.#expired)]
  }
}

const openNew = (directory: string): Effect.Effect<Opening, LogOpenError, Scope.Scope> =>
  Effect.gen(function* () {
    if (existsSync(`${directory}/FORMAT`) || existsSync(`${directory}/db`)) {
      return yield* new LogOpenFailed({ directory, path: directory, code: "EEXIST", detail: "File exists" })
    }
    const at = yield* claimDirectory(directory, { create: true, acceptLoss: false })
    const attempt = <A>(run: () => Promise<A>) => tryOpen(run, (error) => openFailed(directory, at.database, error))
    const store = yield* Effect.acquireRelease(
      attempt(() => openLevelStore(at.database, true)),
      (open) => Effect.promise(() => open.close())
    )
    return { store, path: at.path, attempt }
  })

interface Opening {
  readonly store: LogStore
  readonly path: string
  readonly attempt: <A>(run: () => Promise<A>) => Effect.Effect<A, LogOpenError>
}

/**
 * Makes a log in `directory`, which must not hold one (`LogOpenFailed` with `EEXIST`), of `records`. On disk when it
 * returns; if it fails, what is left of the directory is the caller's to remove. `onProgress` is told how many records
 * there are.
 */
export const importLog = <E>(
  directory: string,
  origin: ImportOrigin,
  records: Stream.Stream<ImportedRecord, E>,
  onProgress: (records: number) => void = () => undefined
): Effect.Effect<Imported, E | LogOpenError | ImportRefused> =>
  Effect.gen(function* () {
    const { attempt, path, store } = yield* openNew(directory)
    const importer = new Importer(origin)
    const write = (writes: ReadonlyArray<StoreWrite>) =>
      writes.length === 0 ? Effect.void : attempt(() => store.write(writes, false))
    yield* write(importer.beginning)
    yield* Stream.runForEach(Stream.grouped(records, batchRecords), (batch) =>
      Effect.gen(function* () {
        const writes: Array<StoreWrite> = []
        for (const record of batch) {
          const taken = importer.next(record)
          if (taken instanceof ImportRefused) return yield* taken
          writes.push(...taken)
        }
        yield* write(writes)
        onProgress(importer.imported.records)
      })
    )
    const { imported } = importer
    yield* attempt(async () => {
      if (origin.losses.length > 0) await writeLosses(store, origin.losses)
      await store.write([{ type: "put", key: probeKey, value: new Uint8Array(0) }], true)
      await (await HeadFile.open(path, imported.head)).close()
    })
    return imported
  }).pipe(Effect.scoped)
