/**
 * `LogArchive` over a store: the running log and a directory opened for reading share it.
 */
import { Effect } from "effect"
import { LogReadFailed, type Snapshot } from "./EventLog.ts"
import { findIn } from "./index/find.ts"
import { blockSeqs } from "./index/posting-codec.ts"
import { seqAtIn } from "./index/seq-at.ts"
import type { TagIndex } from "./index/TagIndex.ts"
import type { LogArchiveShape } from "./LogArchive.ts"
import { askStore, foldOf, liveStreamOf, reading, type StoreSource, streamOf } from "./LogReader.ts"
import { storeError } from "./LogStore.ts"
import { readNewest } from "./snapshots.ts"

const snapshotOf = (source: StoreSource, foldVersion: number, controlSeq: number) =>
  Effect.tryPromise({
    try: async (): Promise<Snapshot | undefined> => {
      const stored = await readNewest(source.store(), { controlSeq }, foldVersion)
      // Where the log begins, or once did, a state is known that is never too old to be used.
      const known = source.past.geneses.find((genesis) => {
        return genesis.foldVersion === foldVersion && genesis.controlSeq <= controlSeq
      })
      return known !== undefined && known.controlSeq > (stored?.controlSeq ?? -1) ? known : stored
    },
    catch: (error) => new LogReadFailed({ directory: source.directory, detail: storeError(error).message })
  })

/** Everything but `verify`, which its owner adds. */
export const archiveOf = (source: StoreSource, index: TagIndex): Omit<LogArchiveShape, "verify"> => ({
  durable: source.durable,
  beginning: () => source.past.beginning,
  missingArchive: () => source.past.missing,
  expired: source.expired,
  read: (range = {}) => streamOf(source, range),
  fold: (range, initial, step) => foldOf(source, range, initial, step),
  subscribe: (from) => liveStreamOf(source, { from }),
  readSnapshot: (foldVersion) => Effect.suspend(() => snapshotOf(source, foldVersion, source.durable().controlSeq)),
  snapshotAtOrBefore: (foldVersion, controlSeq) =>
    Effect.suspend(() => snapshotOf(source, foldVersion, Math.min(controlSeq, source.durable().controlSeq))),
  seqAt: (atMicros) => reading(() => askStore(source, (store) => seqAtIn(store, source.durable().seq, atMicros))),
  indexedTo: () => Math.max(0, index.blocks * blockSeqs - 1),
  find: (query) => findIn(source, index, query)
})
