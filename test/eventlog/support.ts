/** Shared by the event log's tests: causes, entries, temporary directories. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope, Stream } from "effect"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import {
  type LogStore,
  type StoreEntry,
  StoreError,
  type StoreRange,
  type StoreWrite
} from "../../eventlog/LogStore.ts"
import { MemoryEventLog, MemoryStore } from "../../eventlog/MemoryEventLog.ts"
import type { LogOpenError } from "../../eventlog/open/open-errors.ts"
import type { ReadRange } from "../../eventlog/reading.ts"
import type { Cause, ControlEntry, ObservationEntry } from "../../eventlog/record.ts"
import { runCommand } from "../support/child-process.ts"

export const cause: Cause = { source: "rpc", actor: "local", method: "bdev_malloc_create", requestId: "1" }

export const entry = (n: number, type = "Tested"): ControlEntry => ({ type, v: 1, payload: { n, text: `entry ${n}` } })
export const observation = (n: number): ObservationEntry => ({ type: "Seen", v: 1, cause, payload: { n } })

/** A directory that goes away with the scope. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lunlog-eventlog-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

type Log = EventLog["Service"]

/** Appends one record on whatever is the tip. */
export const appendOne = (log: Log, n: number) =>
  Effect.suspend(() => log.append(log.tip().controlSeq, cause, [entry(n)]))

export const readAll = (log: Pick<Log, "read">, range?: ReadRange) => Stream.runCollect(log.read(range))

/** The payloads' numbers: what a test compares. */
export const numbersOf = (records: ReadonlyArray<{ readonly payload: unknown }>): ReadonlyArray<unknown> =>
  records.map(({ payload }) =>
    typeof payload === "object" && payload !== null && "n" in payload ? payload.n : undefined
  )

/** What a faulty store does with a write: do it, refuse it, or do it and then report failure (a sync that failed). */
export type Fault = "none" | "refuse" | "fail-after"

/** A store that misbehaves on demand, and counts. After a failure it refuses everything, as LevelDB does. */
export class FaultyStore implements LogStore {
  readonly #inner: LogStore
  readonly #faults: { next: (sync: boolean) => Fault; syncs: number; writes: number }
  #broken = false

  constructor(inner: LogStore, faults: { next: (sync: boolean) => Fault; syncs: number; writes: number }) {
    this.#inner = inner
    this.#faults = faults
  }

  async write(writes: ReadonlyArray<StoreWrite>, sync: boolean): Promise<void> {
    const full = new StoreError("ENOSPC", "No space left on device")
    if (this.#broken) throw full
    this.#faults.writes++
    if (sync) this.#faults.syncs++
    const fault = this.#faults.next(sync)
    this.#broken = fault !== "none"
    if (fault === "refuse") throw full
    await this.#inner.write(writes, sync)
    if (fault === "fail-after") throw full
  }
  get(keys: ReadonlyArray<string>): Promise<ReadonlyArray<Uint8Array | undefined>> {
    return this.#inner.get(keys)
  }
  range(range: StoreRange): Promise<ReadonlyArray<StoreEntry>> {
    return this.#inner.range(range)
  }
  close(): Promise<void> {
    return this.#inner.close()
  }
}

/** Faults that a test sets while the log runs. */
export const faultPlan = () => ({ next: (_sync: boolean): Fault => "none", syncs: 0, writes: 0 })
export type FaultPlan = ReturnType<typeof faultPlan>

/** Both implementations behind one set of faults: the suites run on each. */
export const implementations: ReadonlyArray<
  readonly [name: string, make: (plan: FaultPlan) => Effect.Effect<Log, LogOpenError, Scope.Scope>]
> = [
  [
    "MemoryEventLog",
    (plan) =>
      Effect.suspend(() => {
        const store = new MemoryStore()
        const open = () => new FaultyStore(store, plan)
        return MemoryEventLog.make({ store: open(), reopen: async () => open() })
      })
  ],
  [
    "LevelEventLog",
    (plan) =>
      Effect.flatMap(temporaryDirectory, (directory) =>
        LevelEventLog.make({ directory, ballastBytes: 0, wrapStore: (store) => new FaultyStore(store, plan) })
      )
  ]
]

/** Why this machine lets nobody mount a file system of his own, or `undefined` if it does. */
export const mountRefusal = async (): Promise<string | undefined> => {
  const trial = { command: "unshare", args: ["-Urm", "sh", "-c", "mount -t tmpfs tmpfs /tmp"] }
  const result = await runCommand(trial, 10_000).catch((error: unknown) => ({ code: 1, stderr: String(error) }))
  return result.code === 0 ? undefined : `no mounts in a user namespace here: ${result.stderr.slice(0, 200)}`
}
