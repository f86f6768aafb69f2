/**
 * What a benchmark came to: the shape of `test/bench/results/NAME.json`, of `--json`, and of what tables and charts are
 * made from. Read back by the next run, which compares with it.
 */
import { Schema } from "effect"

/** One number of several rounds: the median, the lowest and the highest. */
export const Spread = Schema.Struct({ median: Schema.Finite, low: Schema.Finite, high: Schema.Finite })
export interface Spread extends Schema.Schema.Type<typeof Spread> {}

/** What the median of a ratio should be. */
export const Aim = Schema.Struct({
  atLeast: Schema.optionalKey(Schema.Finite),
  atMost: Schema.optionalKey(Schema.Finite)
})
export interface Aim extends Schema.Schema.Type<typeof Aim> {}

/**
 * Two contenders of one row, by their values in the same rounds: what a busy or another machine changes least, and what
 * runs are compared by. `name` is `OVER : UNDER`.
 */
export const Ratio = Schema.Struct({
  name: Schema.String,
  ...Spread.fields,
  better: Schema.Literals(["more", "less"]),
  aim: Schema.optionalKey(Aim)
})
export interface Ratio extends Schema.Schema.Type<typeof Ratio> {}

/** One workload. `at` is its place on the x axis of a chart of lines, such as a number of sessions. */
export const Row = Schema.Struct({
  name: Schema.String,
  title: Schema.String,
  at: Schema.optionalKey(Schema.Finite),
  /** By contender; one that has no part in this workload is absent. */
  values: Schema.Record(Schema.String, Spread),
  ratios: Schema.Array(Ratio)
})
export interface Row extends Schema.Schema.Type<typeof Row> {}

/** Rows whose values have one unit. */
export const Table = Schema.Struct({
  /** Of the marker in the docs, and of the chart's file. */
  name: Schema.String,
  title: Schema.String,
  unit: Schema.String,
  /** In the order of the columns. */
  contenders: Schema.Array(Schema.String),
  /** Heading of the first column. */
  heading: Schema.optionalKey(Schema.String),
  /**
   * The values depend neither on the machine nor on its load, as counts do: they are compared themselves, and `steady`
   * says which way is the better one.
   */
  steady: Schema.optionalKey(Schema.Literals(["more", "less"])),
  chart: Schema.optionalKey(
    Schema.Struct({
      kind: Schema.Literals(["bars", "lines"]),
      /** Of the values' axis; lines only. */
      scale: Schema.optionalKey(Schema.Literals(["linear", "log"])),
      /** What `at` counts; lines only. */
      axis: Schema.optionalKey(Schema.String)
    })
  ),
  rows: Schema.Array(Row)
})
export interface Table extends Schema.Schema.Type<typeof Table> {}

/** What the numbers were taken on. Loads are averages of one minute. */
export const Machine = Schema.Struct({
  cpu: Schema.String,
  cores: Schema.Int,
  memoryGib: Schema.Finite,
  kernel: Schema.String,
  node: Schema.String,
  /** Versions of the peers that took part. */
  peers: Schema.Record(Schema.String, Schema.String),
  loadBefore: Schema.Finite,
  loadAfter: Schema.Finite
})
export interface Machine extends Schema.Schema.Type<typeof Machine> {}

/** One run of one benchmark. */
export const BenchResult = Schema.Struct({
  benchmark: Schema.String,
  /** What repeats it. */
  command: Schema.String,
  /** ISO 8601, UTC. */
  date: Schema.String,
  /** The commit that was checked out, with `+` when there were changes beside it. */
  commit: Schema.String,
  machine: Machine,
  tables: Schema.Array(Table)
})
export interface BenchResult extends Schema.Schema.Type<typeof BenchResult> {}

/** Reads a result; throws what is wrong with it, and where. */
export const decodeBenchResult = Schema.decodeUnknownSync(BenchResult, { errors: "all", onExcessProperty: "error" })
