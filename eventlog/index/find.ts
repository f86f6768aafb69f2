/**
 * Finds records by their tags, in windows, so that the first answer does not wait for the last.
 */
import { Effect, Option, Stream } from "effect"
import type { LogReadFailed } from "../EventLog.ts"
import { controlKey, numberOfKey, observationKey } from "../key.ts"
import type { FindQuery, Tagging } from "../LogArchive.ts"
import { askStore, damage, reading, type StoreSource } from "../LogReader.ts"
import type { StoreEntry } from "../LogStore.ts"
import type { LogRecord } from "../record.ts"
import { decodeRecord } from "../record-codec.ts"

/** Seqs looked at in one turn: some milliseconds of decoding, between which IO goes on. */
const windowSeqs = 1024

/** The entries `from..to` of both kinds, in order of seq. */
const entriesOf = (source: StoreSource, from: number, to: number): Promise<ReadonlyArray<StoreEntry>> =>
  askStore(
    source,
    async (store) => {
      const limit = to - from + 1
      const [control, observed] = await Promise.all([
        store.range({ gte: controlKey(from), lte: controlKey(to), limit }),
        store.range({ gte: observationKey(from), lte: observationKey(to), limit })
      ])
      return [...control, ...observed].sort(([a], [b]) => (a.slice(1) < b.slice(1) ? -1 : 1))
    },
    from
  )

const decode = (source: StoreSource, [key, value]: StoreEntry): LogRecord => {
  const record = decodeRecord(value, true)
  if (typeof record === "string") throw damage(source, `what lies under ${key} ${record}`, numberOfKey(key))
  return record
}

/** Whether a record has, of each list, one of these tags. */
const carries = (tags: FindQuery["tags"], carried: ReadonlyArray<string>): boolean =>
  tags.every((any) => any.some((tag) => carried.includes(tag)))

/** One pass over a query's range; `next` gives what each window has until it gives `undefined`. */
class Finder {
  readonly #source: StoreSource
  readonly #tagging: Tagging
  readonly #query: FindQuery
  #from: number
  #to: number

  constructor(source: StoreSource, tagging: Tagging, query: FindQuery) {
    this.#source = source
    this.#tagging = tagging
    this.#query = query
    const { seq } = source.durable()
    this.#from = Math.max(1, query.from ?? 1)
    this.#to = Math.min(seq, query.to ?? seq)
  }

  async next(signal: AbortSignal): Promise<ReadonlyArray<LogRecord> | undefined> {
    const { reverse = false, tags } = this.#query
    while (this.#from <= this.#to && !signal.aborted) {
      const [from, to] = reverse
        ? [Math.max(this.#from, this.#to - windowSeqs + 1), this.#to]
        : [this.#from, Math.min(this.#to, this.#from + windowSeqs - 1)]
      if (reverse) this.#to = from - 1
      else this.#from = to + 1
      const records = (await entriesOf(this.#source, from, to)).map((entry) => decode(this.#source, entry))
      const found = records.filter((record) => carries(tags, this.#tagging.tagsOf(record)))
      if (found.length > 0) return reverse ? found.reverse() : found
    }
    return undefined
  }
}

type Page = readonly [ReadonlyArray<LogRecord>, Option.Option<Finder>]

/** The records that a query asks for, as durable when the stream starts. */
export const findIn = (
  source: StoreSource,
  tagging: Tagging,
  query: FindQuery
): Stream.Stream<LogRecord, LogReadFailed> =>
  Stream.suspend(() =>
    Stream.paginate(new Finder(source, tagging, query), (finder) =>
      Effect.map(
        reading((signal) => finder.next(signal)),
        (found): Page => (found === undefined ? [[], Option.none()] : [found, Option.some(finder)])
      )
    )
  )
