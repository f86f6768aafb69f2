/** Shared by the event log's tests: causes, entries, temporary directories. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Stream } from "effect"
import type { ControlEntry, EventLog, ObservationEntry, ReadRange } from "../../eventlog/EventLog.ts"
import type { Cause } from "../../eventlog/record.ts"

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

export const readAll = (log: Log, range?: ReadRange) => Stream.runCollect(log.read(range))

/** The payloads' numbers: what a test compares. */
export const numbersOf = (records: ReadonlyArray<{ readonly payload: unknown }>): ReadonlyArray<unknown> =>
  records.map(({ payload }) =>
    typeof payload === "object" && payload !== null && "n" in payload ? payload.n : undefined
  )
