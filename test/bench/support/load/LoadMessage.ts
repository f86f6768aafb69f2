/** What a load generator's process and its parent say to each other. */
import { Schema } from "effect"

/** What one run came to. Latencies are microseconds. */
export const LoadReport = Schema.Struct({
  operations: Schema.Int,
  /** Operations that did not end with GOOD. */
  errors: Schema.Int,
  seconds: Schema.Finite,
  latency: Schema.Struct({
    mean: Schema.Finite,
    p50: Schema.Finite,
    p90: Schema.Finite,
    p99: Schema.Finite,
    p999: Schema.Finite,
    max: Schema.Finite
  })
})
export interface LoadReport extends Schema.Schema.Type<typeof LoadReport> {}

/** What the generator's process says. */
export const LoadMessage = Schema.Union([
  Schema.TaggedStruct("Ready", {}),
  Schema.TaggedStruct("Ran", { report: LoadReport }),
  Schema.TaggedStruct("Failed", { message: Schema.String })
])
export type LoadMessage = typeof LoadMessage.Type

/** What it is told after its start, when it has said that it is ready. */
export interface LoadOrder {
  readonly _tag: "Run"
  readonly seconds: number
}
