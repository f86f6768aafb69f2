/** The records that one request has written, or one start of the process. */
import { Effect, Stream } from "effect"
import type { LogArchiveShape } from "../../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../../eventlog/reading.ts"
import type { ControlRecord, LogRecord } from "../../../eventlog/record.ts"

/** How far around a record its request is looked for, in seqs; a long application of a file is cut there. */
const reach = 512

const isSameCause = (a: LogRecord, b: LogRecord): boolean => {
  const [x, y] = [a.cause, b.cause]
  return (
    x.source === y.source &&
    x.actor === y.actor &&
    x.method === y.method &&
    x.requestId === y.requestId &&
    x.correlationId === y.correlationId
  )
}

/**
 * Clients number their requests from 1 on each connection, so that two neighbours may look like one: what one dispatch
 * has written has one time. Only a configuration and a start take several.
 */
const isSameRequest = (a: LogRecord, b: LogRecord): boolean =>
  isSameCause(a, b) && (a.at === b.at || a.cause.source === "config" || a.cause.source === "boot")

/** What a request or a start ends or begins with. */
const isBorder = ({ type }: LogRecord): boolean => type === "ConfigApplied" || type === "EpochStarted"

/** The neighbours of `record` that came with it, before and after it, in order. */
export const sameRequest = (
  log: Pick<LogArchiveShape, "read">,
  record: LogRecord
): Effect.Effect<
  { readonly before: ReadonlyArray<ControlRecord>; readonly after: ReadonlyArray<ControlRecord> },
  LogReadFailed
> =>
  Effect.gen(function* () {
    const { method, source } = record.cause
    if (record.kind !== "control" || (method === undefined && source !== "boot")) return { before: [], after: [] }
    const range = { from: Math.max(1, record.seq - reach), to: record.seq + reach, kind: "control" } as const
    const near = (yield* Stream.runCollect(log.read(range))).filter((one) => one.kind === "control")
    const at = near.findIndex(({ seq }) => seq === record.seq)
    const [before, after]: [Array<ControlRecord>, Array<ControlRecord>] = [[], []]
    for (let i = at - 1; i >= 0; i--) {
      const one = near[i]
      if (one === undefined || !isSameRequest(one, record) || one.type === "ConfigApplied") break
      before.unshift(one)
      if (isBorder(one)) break
    }
    for (let i = at + 1; i < near.length; i++) {
      const one = near[i]
      if (one === undefined || !isSameRequest(one, record) || one.type === "EpochStarted") break
      after.push(one)
      if (isBorder(one)) break
    }
    return {
      before: record.type === "EpochStarted" ? [] : before,
      after: record.type === "ConfigApplied" ? [] : after
    }
  })
