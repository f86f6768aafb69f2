/** Checks a whole log as `lunlog log verify` does, and reads it all: if it is not whole, fails with what is wrong. */
import { Effect } from "effect"
import type { LogArchiveShape } from "../../eventlog/LogArchive.ts"
import { LogDamaged } from "../../eventlog/open/open-errors.ts"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import { LogReadFailed } from "../../eventlog/reading.ts"

type OnProgress = (done: number, total: number) => void

const failed = (detail: string): LogReadFailed => new LogReadFailed({ directory: "the log", detail })

/** What is in the log; fails with the first damage, or if checking and reading do not find the same records. */
export const verify = (log: LogArchiveShape, onProgress: OnProgress = () => undefined) =>
  Effect.gen(function* () {
    const check = log.check()
    const tail = log.durable()
    const counts = { records: 0, controlRecords: 0, observations: 0, firstObservationSeq: 0 }
    for (let step = yield* Effect.promise(() => check.next()); step !== undefined; ) {
      const damage = step.findings.find(({ severity }) => severity === "damage")
      if (damage !== undefined) return yield* failed(`${damage.where}: ${damage.detail}; ${damage.remedy}`)
      for (const { kind, seq } of step.records) {
        counts.records++
        if (kind === "control") counts.controlRecords++
        else if (counts.observations++ === 0) counts.firstObservationSeq = seq
      }
      onProgress(step.done, step.total)
      step = yield* Effect.promise(() => check.next())
    }
    const read = yield* log.fold({ to: tail.seq }, 0, (count) => count + 1)
    if (read !== counts.records) return yield* failed(`${counts.records} records were checked, ${read} can be read`)
    return { ...counts, tail, acceptedLosses: log.losses().length }
  })

/** The same for a directory that nobody has open. */
export const verifyLog = (directory: string, onProgress?: OnProgress) =>
  Effect.scoped(
    Effect.gen(function* () {
      const log = yield* openForReading(directory)
      const detail = log.damage()
      if (detail !== undefined) return yield* new LogDamaged({ directory, detail, lastControlSeq: 0 })
      return yield* verify(log, onProgress)
    })
  )
