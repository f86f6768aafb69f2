/**
 * `LogArchive` over a store: the running log and a directory opened for reading share it.
 */
import { Effect, Layer } from "effect"
import { EventLog } from "./EventLog.ts"
import { findIn } from "./index/find.ts"
import { blockSeqs } from "./index/posting-codec.ts"
import { seqAtIn } from "./index/seq-at.ts"
import type { TagIndex } from "./index/TagIndex.ts"
import { listKept, readKept } from "./kept-snapshots.ts"
import { controlKey, observationKey } from "./key.ts"
import { LogArchive, type LogArchiveShape } from "./LogArchive.ts"
import { LogCheck } from "./LogCheck.ts"
import { askStore, foldOf, liveStreamOf, reading, type StoreSource, streamOf } from "./LogReader.ts"
import type { Snapshot } from "./reading.ts"
import { readNewest } from "./snapshots.ts"

const newestOf = (snapshots: ReadonlyArray<Snapshot | undefined>): Snapshot | undefined =>
  snapshots.reduce((best, next) => ((next?.controlSeq ?? -1) > (best?.controlSeq ?? -1) ? next : best), undefined)

/** The newest snapshot up to `controlSeq`, wherever it is kept. */
const snapshotUpTo = (source: StoreSource, foldVersion: number, controlSeq: number) =>
  reading(() =>
    askStore(source, async (store): Promise<Snapshot | undefined> => {
      // Where the log begins, or once did, a state is known that is never too old to be used.
      const known = source.past.geneses.find((genesis) => {
        return genesis.foldVersion === foldVersion && genesis.controlSeq <= controlSeq
      })
      const newest = await readNewest(store, { controlSeq }, foldVersion)
      const kept = await readKept(store, foldVersion, controlSeq)
      return newestOf([newest, kept, known])
    })
  )

/** All of it; who reads a directory adds what is wrong with it. */
export const archiveOf = (source: StoreSource, index: TagIndex): LogArchiveShape => ({
  durable: source.durable,
  beginning: () => source.past.beginning,
  missingArchive: () => source.past.missing,
  damage: () => undefined,
  check: () => new LogCheck(source),
  expired: source.expired,
  read: (range = {}) => streamOf(source, range),
  fold: (range, initial, step) => foldOf(source, range, initial, step),
  losses: source.losses,
  stored: (seq) =>
    reading(() =>
      askStore(source, async (store) => {
        const [control, observed] = await store.get([controlKey(seq), observationKey(seq)])
        return control ?? observed
      })
    ),
  subscribe: (from) => liveStreamOf(source, { from }),
  readSnapshot: (foldVersion) => Effect.suspend(() => snapshotUpTo(source, foldVersion, source.durable().controlSeq)),
  snapshotAtOrBefore: (foldVersion, controlSeq) =>
    Effect.suspend(() => snapshotUpTo(source, foldVersion, Math.min(controlSeq, source.durable().controlSeq))),
  keptSnapshots: reading(() => askStore(source, listKept)),
  seqAt: (atMicros) => reading(() => askStore(source, (store) => seqAtIn(store, source.durable().seq, atMicros))),
  indexedTo: () => Math.max(0, index.blocks * blockSeqs - 1),
  find: (query) => findIn(source, index, query)
})

/** The running log as something to read. */
export const runningArchive: Layer.Layer<LogArchive, never, EventLog> = Layer.effect(LogArchive, EventLog)
