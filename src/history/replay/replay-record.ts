/**
 * A record of the source as a fork keeps it until it is played: a line of JSON, with the fields of `eventlog_read`.
 * `seq` comes first, so that lines can be looked for by it.
 */
import { Result, Schema } from "effect"
import type { LogRecord } from "../../../eventlog/record.ts"

const Source = Schema.Literals(["rpc", "cli", "config", "hotplug", "initiator", "boot", "dataplane", "log", "replay"])

const common = {
  seq: Schema.Natural,
  at: Schema.Natural,
  type: Schema.String,
  v: Schema.Natural,
  cause: Schema.Struct({
    source: Source,
    actor: Schema.String,
    method: Schema.optionalKey(Schema.String),
    requestId: Schema.optionalKey(Schema.String),
    correlationId: Schema.optionalKey(Schema.Natural)
  }),
  payload: Schema.Unknown
}

const StoredRecord = Schema.Union([
  Schema.Struct({ ...common, kind: Schema.Literal("control"), control_no: Schema.Natural, hash: Schema.String }),
  Schema.Struct({ ...common, kind: Schema.Literal("observation"), segment: Schema.Natural })
])

const decodeStored = Schema.decodeUnknownResult(StoredRecord)
const decodeLine = Schema.decodeUnknownResult(Schema.fromJsonString(StoredRecord))

/** The line of a record as `eventlog_read` gives it, without the newline; or what is wrong with it. */
export const replayLine = (view: unknown): Result.Result<{ readonly seq: number; readonly line: string }, string> =>
  Result.mapBoth(decodeStored(view), {
    onSuccess: ({ seq, ...record }) => ({ seq, line: JSON.stringify({ seq, ...record }) }),
    onFailure: (error) => error.message
  })

/** The record of a line, or what is wrong with it. What only the source's own chain is made of is left empty. */
export const recordOfLine = (line: string): Result.Result<LogRecord, string> => {
  const decoded = decodeLine(line)
  if (Result.isFailure(decoded)) return Result.fail(decoded.failure.message)
  const stored = decoded.success
  if (stored.kind === "control") {
    const { control_no: controlNo, ...record } = stored
    return Result.succeed({ ...record, controlNo, prevControl: "" })
  }
  return Result.succeed({ ...stored, segmentNo: 0, prevObservation: "", anchor: "", hash: "" })
}
