/** `eventlog_verify`: whether the whole log is what it should be, and all that is not. */
import { Clock, Effect, Schema } from "effect"
import { LogArchive, type LogArchiveShape } from "../../../../eventlog/LogArchive.ts"
import type { Finding } from "../../../../eventlog/LogCheck.ts"
import { Verification } from "../../../history/verify/Verification.ts"
import { optional, Uint32 } from "../../param.ts"
import { errnoError, type RpcError, rpcError } from "../../RpcError.ts"
import { anyState, defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { logError } from "../dispatch.ts"

/** Verifications of one log that are under way; the one that was asked for longest ago gives way to another. */
const jobsMax = 4

interface Jobs {
  next: number
  readonly running: Map<number, Verification>
}

/** By log, and gone with it. */
const jobsOf = new WeakMap<LogArchiveShape, Jobs>()

const jobsFor = (log: LogArchiveShape): Jobs => {
  const jobs = jobsOf.get(log) ?? { next: 1, running: new Map() }
  jobsOf.set(log, jobs)
  return jobs
}

const begin = (log: LogArchiveShape): number => {
  const jobs = jobsFor(log)
  const [oldest] = jobs.running.keys()
  if (jobs.running.size >= jobsMax && oldest !== undefined) jobs.running.delete(oldest)
  jobs.running.set(jobs.next, new Verification(log))
  return jobs.next++
}

const unknownJob = (job: number): RpcError =>
  rpcError(errnoError("ENODEV"), { reason: `there is no verification ${job} any more`, hint: "begin another" })

/** Steps until `millis` have passed, or to the end; between them the target does its other work. */
const work = (verification: Verification, millis: number, onProgress: (done: number, total: number) => void) =>
  Effect.gen(function* () {
    const until = (yield* Clock.currentTimeMillis) + millis
    do {
      yield* Effect.mapError(verification.step, logError)
      onProgress(verification.report.done, verification.report.total)
      yield* Effect.yieldNow
    } while (!verification.report.finished && (yield* Clock.currentTimeMillis) < until)
  })

const findingView = ({ detail, lastGood, remedy, severity, where }: Finding) => ({
  severity,
  where,
  detail,
  ...(lastGood === undefined ? {} : { last_good: lastGood }),
  remedy
})

/** All at once, or with `millis` so long at a time: then `job` goes on with it. */
const eventlogVerify = defineMethod({
  name: "eventlog_verify",
  states: anyState,
  kind: "wait",
  paramsOptional: true,
  params: Schema.Struct({ millis: optional(Uint32), job: optional(Uint32) }),
  handler: ({ job, millis }, { onProgress = () => undefined }) =>
    Effect.gen(function* () {
      const log = yield* LogArchive
      const id = job ?? begin(log)
      const { running } = jobsFor(log)
      const verification = running.get(id)
      if (verification === undefined) return yield* unknownJob(id)
      // Asked for last: the next to give way is another.
      running.delete(id)
      running.set(id, verification)
      yield* Effect.onError(work(verification, millis ?? Number.POSITIVE_INFINITY, onProgress), () =>
        Effect.sync(() => running.delete(id))
      )
      const { findings, ...report } = verification.report
      if (report.finished) running.delete(id)
      const { controlHash, seq } = verification.end
      const end = { last_seq: seq, control_hash: controlHash }
      return { ...report, ...end, findings: findings.map(findingView), ...(report.finished ? {} : { job: id }) }
    })
})

/** This file's methods. */
export const verifyMethods: ReadonlyArray<RpcMethod<LogArchive>> = [eventlogVerify]
