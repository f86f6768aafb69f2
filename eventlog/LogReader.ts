/**
 * Reads stored records in windows of seq. No iterator lives longer than one window, so that a slow reader pins nothing
 * and a store that is reopened in between does not disturb it.
 */
import { Effect, Option, Result, Stream } from "effect"
import { ChainCheck, chainStart } from "./chain.ts"
import { controlKey, lastSeq, numberOfKey, observationKey } from "./key.ts"
import { type LogStore, type StoreEntry, storeError } from "./LogStore.ts"
import type { AcceptedLoss } from "./loss.ts"
import { LogReadFailed, type LogTail, lossRemedy, type ReadRange } from "./reading.ts"
import type { LogRecord } from "./record.ts"
import { decodeRecord } from "./record-codec.ts"
import type { Expired } from "./retain/expired.ts"
import type { Past } from "./retain/Past.ts"

/** Records per window: a few hundred KiB, enough to make the cost of a seek vanish. */
export const windowRecords = 2000

/** A file that is not as it should be; the detail goes on from its name. */
export interface FileDamage {
  readonly file: string
  readonly detail: string
}

/** The store as it is now, and a way to learn that it has changed. */
export interface StoreSource {
  readonly directory: string
  readonly store: () => LogStore
  readonly durable: () => LogTail
  /** Where control records begin. */
  readonly past: Past
  readonly closed: () => boolean
  /** Resolves when more is durable, the store was exchanged, or the log closed. */
  readonly moved: Effect.Effect<void>
  /** Whether another store has taken, or takes, the place of this one, once it has. */
  readonly exchanged: (old: LogStore) => Promise<boolean>
  readonly losses: () => ReadonlyArray<AcceptedLoss>
  /** What retention has dropped by now. */
  readonly expired: () => Expired | undefined
  /** The losses among them that somebody accepted; others come from mending what is read. */
  readonly knownLosses: () => ReadonlyArray<AcceptedLoss>
  /** What is wrong with the log's files: looked at before everything is read. */
  readonly fileDamages: () => Promise<ReadonlyArray<FileDamage>>
}

const failure = (source: StoreSource, detail: string, seq?: number): LogReadFailed =>
  new LogReadFailed({ directory: source.directory, detail, ...(seq === undefined ? {} : { seq }) })

/** Asks the store, again if it was closed meanwhile because a write failed and comes back. */
export const askStore = async <A>(
  source: StoreSource,
  ask: (store: LogStore) => Promise<A>,
  seq?: number
): Promise<A> => {
  for (;;) {
    const store = source.store()
    try {
      return await ask(store)
    } catch (error) {
      if (!(await source.exchanged(store))) throw failure(source, storeError(error).message, seq)
    }
  }
}

/** A failure of the records themselves, not of the reading. */
export const damage = (source: StoreSource, detail: string, seq?: number): LogReadFailed =>
  failure(source, `${detail}. What to do: ${lossRemedy}`, seq)

/** Both families in the order of seq: keys are the same behind their first letter. */
const merge = (a: ReadonlyArray<StoreEntry>, b: ReadonlyArray<StoreEntry>): ReadonlyArray<StoreEntry> => {
  if (b.length === 0) return a
  if (a.length === 0) return b
  return [...a, ...b].sort(([x], [y]) => (x.slice(1) < y.slice(1) ? -1 : 1))
}

/** What to read at once. */
export interface Window {
  readonly from: number
  readonly to: number
  readonly kind: ReadRange["kind"]
  /** No observation lies in front of it; what was deleted there takes long to pass over. */
  readonly observedFrom: number
  /** Control records in front of it are not to be read; default none. */
  readonly controlFrom?: number
}

/** The entries of a window, in the order of seq; rejects with a `StoreError`. */
export const fetchWindow = async (store: LogStore, window: Window) => {
  const { controlFrom = 0, from, kind, observedFrom, to } = window
  const limit = windowRecords
  const control = store.range({ gte: controlKey(Math.max(from, controlFrom)), lte: controlKey(to), limit })
  if (kind === "control" || observedFrom > to) return control
  const gte = observationKey(Math.max(from, observedFrom))
  const [controls, observations] = await Promise.all([control, store.range({ gte, lte: observationKey(to), limit })])
  return merge(controls, observations)
}

/** Seq of the first record at or after `from`: retention, and a genesis, leave long gaps. */
export const seekRecord = async (store: LogStore, from: number, observedFrom: number): Promise<number> => {
  const first = async (key: string, lte: string) => (await store.range({ gte: key, lte, limit: 1 }))[0]?.[0]
  const found = await Promise.all([
    first(controlKey(from), controlKey(lastSeq)),
    first(observationKey(Math.max(from, observedFrom)), observationKey(lastSeq))
  ])
  return Math.min(...found.map((key) => (key === undefined ? lastSeq : (numberOfKey(key) ?? from))))
}

/** One pass over a range; `next` gives windows until it gives `undefined`. */
export class LogReader {
  readonly #source: StoreSource
  readonly #range: ReadRange
  readonly #check: ChainCheck | undefined
  #end: LogTail
  #from: number

  /** Reads to `end`, which is durable, or to `range.to` if that comes first. */
  constructor(source: StoreSource, range: ReadRange, end: LogTail) {
    this.#source = source
    this.#range = range
    this.#end = end
    this.#from = Math.max(1, range.from ?? 1)
    const beginning = source.past.beginning ?? chainStart
    const anchor = range.after ?? (this.#from <= beginning.controlSeq + 1 ? beginning : undefined)
    const fromFirst = this.#from <= (source.expired()?.through ?? 0) + 1
    const context = { accepted: source.losses(), expired: source.expired, fromFirst }
    this.#check = range.verify === false ? undefined : new ChainCheck(anchor, context)
  }

  /** Something durable has not been read. */
  isBehind(end: LogTail): boolean {
    return this.#from <= end.seq
  }

  /** More has become durable. */
  extend(end: LogTail): void {
    this.#end = end
  }

  async next(): Promise<ReadonlyArray<LogRecord> | undefined> {
    const last = Math.min(this.#end.seq, this.#range.to ?? this.#end.seq)
    while (this.#from <= last) {
      const controlOnly = this.#range.kind === "control"
      const to = controlOnly ? last : Math.min(last, this.#from + windowRecords - 1)
      const observedFrom = (this.#source.expired()?.through ?? 0) + 1
      const window = { from: this.#from, to, kind: this.#range.kind, observedFrom }
      const entries = await this.#fetch((store) => fetchWindow(store, window))
      const records = entries.map((entry) => this.#decode(entry))
      const final = records.at(-1)
      // Seqs are dense over both kinds, so a window is whole; of control records alone it is whole if it is not full.
      this.#from = controlOnly && final !== undefined && entries.length >= windowRecords ? final.seq + 1 : to + 1
      if (records.length > 0) return records
      if (controlOnly) continue
      const there = await this.#fetch((store) => seekRecord(store, this.#from, observedFrom))
      this.#from = Math.min(last + 1, there)
    }
    this.#checkEnd(last)
    return undefined
  }

  /** Records missing at the end leave no gap: only the tail that the log knows of tells. */
  #checkEnd(last: number): void {
    const { controlHash, controlSeq } = this.#end
    const read = this.#check?.control
    if (read === undefined || last < controlSeq || read.controlSeq > controlSeq) return
    if (read.controlHash === controlHash) return
    const detail = `the control records after ${read.controlSeq} are gone, up to ${controlSeq}`
    throw damage(this.#source, detail, read.controlSeq)
  }

  #fetch<A>(ask: (store: LogStore) => Promise<A>): Promise<A> {
    return askStore(this.#source, ask, this.#from)
  }

  #decode([key, value]: StoreEntry): LogRecord {
    const record = decodeRecord(value, this.#check !== undefined)
    if (typeof record === "string") throw damage(this.#source, `what lies under ${key} ${record}`, numberOfKey(key))
    const broken = this.#check?.next(key, record)
    if (broken !== undefined) throw damage(this.#source, broken.detail, broken.seq)
    return record
  }
}

/** A reader's failures are `LogReadFailed`; whatever else is thrown is a mistake in the program. */
export const reading = <A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, LogReadFailed> =>
  Effect.tryPromise({ try: run, catch: (error) => error }).pipe(
    Effect.catch((error) => (error instanceof LogReadFailed ? Effect.fail(error) : Effect.die(error)))
  )

type Page = readonly [ReadonlyArray<LogRecord>, Option.Option<LogReader>]
const lastPage: Page = [[], Option.none()]

/** All windows as a stream of records. */
export const streamOf = (source: StoreSource, range: ReadRange): Stream.Stream<LogRecord, LogReadFailed> =>
  Stream.suspend(() =>
    Stream.paginate(new LogReader(source, range, source.durable()), (reader) =>
      Effect.map(
        reading(() => reader.next()),
        (records): Page => (records === undefined ? lastPage : [records, Option.some(reader)])
      )
    )
  )

/** The next records that are there, waiting for them if need be. */
const livePage = (source: StoreSource, reader: LogReader): Effect.Effect<Page, LogReadFailed> =>
  Effect.flatMap(Effect.result(reading(() => reader.next())), (result) => {
    if (Result.isFailure(result)) return source.closed() ? Effect.succeed(lastPage) : Effect.fail(result.failure)
    if (result.success !== undefined) return Effect.succeed<Page>([result.success, Option.some(reader)])
    const end = source.durable()
    if (reader.isBehind(end)) {
      reader.extend(end)
      return livePage(source, reader)
    }
    if (source.closed()) return Effect.succeed(lastPage)
    return Effect.flatMap(source.moved, () => livePage(source, reader))
  })

/** `streamOf`, then on with what becomes durable. Ends when the log closes, perhaps before its newest records. */
export const liveStreamOf = (source: StoreSource, range: ReadRange): Stream.Stream<LogRecord, LogReadFailed> =>
  Stream.suspend(() =>
    Stream.paginate(new LogReader(source, range, source.durable()), (reader) => livePage(source, reader))
  )

/** A left fold over all windows: one Promise per window and nothing of Effect per record. */
export const foldOf = <S>(
  source: StoreSource,
  range: ReadRange,
  initial: S,
  step: (state: S, record: LogRecord) => S
): Effect.Effect<S, LogReadFailed> =>
  reading(async (signal) => {
    const reader = new LogReader(source, range, source.durable())
    let state = initial
    for (;;) {
      const records = await reader.next()
      if (records === undefined || signal.aborted) return state
      for (const record of records) state = step(state, record)
    }
  })
