/**
 * The event log without a disk, for tests and for a target that need not remember. The same writer, reader and codecs
 * as `LevelEventLog`, on a store that is a sorted array; so it passes the same tests.
 */

import { Effect, Layer } from "effect"
import { runningArchive } from "./archive-service.ts"
import { EventLog } from "./EventLog.ts"
import { type LogArchive, noTagging, type Tagging } from "./LogArchive.ts"
import type { LogStore, StoreEntry, StoreRange, StoreWrite } from "./LogStore.ts"
import { makeLogService } from "./log-service.ts"
import { type Genesis, genesisWrite, positionAt } from "./retain/genesis.ts"
import { Past } from "./retain/Past.ts"

/** Keys in order with their values. Keys come nearly always in order, so an insertion moves hardly anything. */
export class MemoryStore implements LogStore {
  readonly #keys: Array<string> = []
  readonly #values: Array<Uint8Array> = []

  async write(writes: ReadonlyArray<StoreWrite>): Promise<void> {
    for (const write of writes) {
      const at = this.#firstAtOrAfter(write.key)
      const found = this.#keys[at] === write.key ? 1 : 0
      if (write.type === "put") {
        this.#keys.splice(at, found, write.key)
        this.#values.splice(at, found, write.value)
      } else {
        this.#keys.splice(at, found)
        this.#values.splice(at, found)
      }
    }
  }

  async get(keys: ReadonlyArray<string>): Promise<ReadonlyArray<Uint8Array | undefined>> {
    return keys.map((key) => {
      const at = this.#firstAtOrAfter(key)
      return this.#keys[at] === key ? this.#values[at] : undefined
    })
  }

  async range({ gte, limit, lte, reverse = false }: StoreRange): Promise<ReadonlyArray<StoreEntry>> {
    const first = this.#firstAtOrAfter(gte)
    const end = this.#firstAtOrAfter(`${lte}\0`)
    const from = reverse ? Math.max(first, end - limit) : first
    const to = reverse ? end : Math.min(end, first + limit)
    const entries: Array<StoreEntry> = []
    for (let at = from; at < to; at++) {
      const key = this.#keys[at]
      const value = this.#values[at]
      if (key !== undefined && value !== undefined) entries.push([key, value])
    }
    return reverse ? entries.reverse() : entries
  }

  async close(): Promise<void> {}

  #firstAtOrAfter(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#keys[middle] ?? "") < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Options for tests: a store that fails, and the one that takes its place. */
export interface MemoryEventLogOptions {
  /** What `find` looks for records by; default nothing. */
  readonly tagging?: Tagging
  readonly store?: LogStore
  readonly reopen?: () => Promise<LogStore>
  /** Where it begins; default: empty. */
  readonly genesis?: Genesis
}

const make = (options: MemoryEventLogOptions = {}) =>
  Effect.gen(function* () {
    const { genesis } = options
    const store = options.store ?? new MemoryStore()
    const reopen = options.reopen ?? (() => Promise.resolve(store))
    const past = yield* Effect.promise(() => Past.open(undefined, genesis))
    if (genesis !== undefined) yield* Effect.promise(() => store.write([genesisWrite(genesis)], true))
    return yield* makeLogService({
      directory: "memory",
      store: past.around(store),
      start: positionAt(genesis),
      past,
      path: undefined,
      losses: [],
      expired: undefined,
      tagging: options.tagging ?? noTagging,
      reopen: async () => past.around(await reopen()),
      committed: () => undefined,
      suspect: () => Promise.resolve(),
      recovered: () => undefined,
      fileDamages: () => Promise.resolve([])
    })
  })

/** Empty at first; gone with the scope. */
export const MemoryEventLog = {
  make,
  layer: (options: MemoryEventLogOptions = {}): Layer.Layer<EventLog | LogArchive> =>
    Layer.provideMerge(runningArchive, Layer.effect(EventLog, make(options)))
}
