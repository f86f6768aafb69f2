/** A record of the log as `eventlog_*` answer it. */
import { Schema } from "effect"

/** `at` is in microseconds since the epoch; `payload` and what else is there is shown as it is. */
export const RecordView = Schema.StructWithRest(
  Schema.Struct({
    seq: Schema.Number,
    at: Schema.Number,
    kind: Schema.String,
    type: Schema.String,
    v: Schema.Number,
    cause: Schema.Struct({
      source: Schema.String,
      actor: Schema.String,
      method: Schema.optional(Schema.String),
      requestId: Schema.optional(Schema.String),
      correlationId: Schema.optional(Schema.Number)
    }),
    /** Absent where a record is only named. */
    payload: Schema.optional(Schema.Unknown),
    /** What happened, in words. */
    text: Schema.optional(Schema.String),
    /** Something went wrong. */
    trouble: Schema.optional(Schema.Boolean)
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)
export type RecordView = typeof RecordView.Type

/** What `eventlog_read` and `eventlog_tail` answer. */
export const RecordPage = Schema.Struct({
  records: Schema.Array(RecordView),
  durable_seq: Schema.Number,
  /** Where to go on, of `eventlog_read`; and where the rest ends, of `eventlog_tail`. */
  next: Schema.optional(Schema.Number),
  earlier: Schema.optional(Schema.Number)
})
