/** `eventlog_export_begin` and `eventlog_export_lines`: the log as lines of a file that can be imported. */
import { Effect, Option, Schema, Stream } from "effect"
import { LogArchive } from "../../../../eventlog/LogArchive.ts"
import type { LogRecord } from "../../../../eventlog/record.ts"
import { isReproducible } from "../../../../eventlog/record-json.ts"
import { Secrets, type SecretUnreadable, type SecretWithheld } from "../../../domain/Secrets.ts"
import { exportHeader } from "../../../history/transfer/export-header.ts"
import { recordText } from "../../../history/transfer/log-file.ts"
import { secretsInRecord } from "../../../history/transfer/opened-secrets.ts"
import { optional, SafeUint64 } from "../../param.ts"
import { errnoError, invalidParameters, type RpcError, rpcError } from "../../RpcError.ts"
import { anyState, defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { logError } from "../dispatch.ts"
import { firstSeqOf, historyError, lastSeqOf, Place } from "./place.ts"
import { pageItemsMax, takePage } from "./record-page.ts"

const withSecrets = optional(Schema.Boolean)

const secretError = (error: SecretUnreadable | SecretWithheld): RpcError =>
  rpcError(errnoError(error._tag === "SecretWithheld" ? "EPERM" : "EIO"), {
    reason: error.message,
    object: "secrets",
    hint: "put the secret-key of this log back beside it, or export without secrets"
  })

/** The first line, and the seqs of the range: the places are looked up once, so that all pages are of one range. */
const eventlogExportBegin = defineMethod({
  name: "eventlog_export_begin",
  states: anyState,
  kind: "wait",
  paramsOptional: true,
  params: Schema.Struct({ from: optional(Place), to: optional(Place), with_secrets: withSecrets }),
  handler: ({ from, to, with_secrets = false }) =>
    Effect.gen(function* () {
      const log = yield* LogArchive
      const range = { from: yield* firstSeqOf("from", from), to: yield* lastSeqOf("to", to) }
      if (range.from > range.to) {
        const reason = `there is no record from ${range.from} to ${range.to}`
        return yield* rpcError(invalidParameters, { reason, allowed: `records up to ${log.durable().seq}` })
      }
      const secrets = with_secrets ? yield* Secrets : undefined
      const header = yield* exportHeader(log, range, secrets).pipe(
        Effect.mapError((error) =>
          error._tag === "SecretUnreadable" || error._tag === "SecretWithheld"
            ? secretError(error)
            : historyError(error)
        )
      )
      return { header: JSON.stringify(header), from: range.from, to: range.to }
    })
})

/** What the bytes of a line must hold beyond what was decoded. */
const completeText = (record: LogRecord, opens: boolean): Effect.Effect<string, RpcError, LogArchive | Secrets> =>
  Effect.gen(function* () {
    const log = yield* LogArchive
    const stored = isReproducible(record) ? undefined : yield* Effect.mapError(log.stored(record.seq), logError)
    if (!opens || record.kind !== "control") return recordText(record, stored, [])
    const opened = yield* Effect.mapError(secretsInRecord(yield* Secrets, record), secretError)
    return recordText(record, stored, opened)
  })

/** Retention leaves long gaps: a page without records says where the next ones are. */
const firstSeqIn = (from: number, to: number): Effect.Effect<number | undefined, RpcError, LogArchive> =>
  Effect.gen(function* () {
    if (from > to) return undefined
    const log = yield* LogArchive
    const first = Stream.runHead(log.find({ tags: [], from, to }))
    return Option.getOrUndefined(yield* Effect.mapError(first, logError))?.seq
  })

/** Lines of records, and where to go on; `control_hash` is of the last control record among them. */
const eventlogExportLines = defineMethod({
  name: "eventlog_export_lines",
  states: anyState,
  kind: "wait",
  params: Schema.Struct({ from: SafeUint64, to: SafeUint64, with_secrets: withSecrets }),
  handler: ({ from, to, with_secrets = false }) =>
    Effect.gen(function* () {
      const log = yield* LogArchive
      const records: Array<LogRecord> = []
      const view = (record: LogRecord): string => {
        records.push(record)
        return recordText(record, undefined, [])
      }
      // No more is read than fits: the reader would decode what the next page reads again.
      const last = Math.min(to, from + pageItemsMax - 1)
      const { items, rest } = yield* takePage(log.read({ from, to: last }), pageItemsMax, view)
      const after = last < to ? last + 1 : undefined
      const next = rest?.seq ?? (items.length > 0 ? after : yield* firstSeqIn(last + 1, to))
      const taken = records.slice(0, items.length)
      const lines = yield* Effect.forEach(taken, (record, index) =>
        with_secrets || !isReproducible(record)
          ? completeText(record, with_secrets)
          : Effect.succeed(String(items[index]))
      )
      const hash = taken.findLast(({ kind }) => kind === "control")?.hash
      return {
        lines,
        ...(hash === undefined ? {} : { control_hash: hash }),
        ...(next === undefined ? {} : { next })
      }
    })
})

/** This file's methods. */
export const exportMethods: ReadonlyArray<RpcMethod<LogArchive | Secrets>> = [eventlogExportBegin, eventlogExportLines]
