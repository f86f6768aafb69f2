/** `lunlog top --since`: what a target has been doing before anybody looked, from the samples that it keeps. */
import { Clock, Console, Effect, Option, Schema } from "effect"
import { Flag } from "effect/cli"
import { parseMicros } from "../../config/duration.ts"
import { printJson } from "../../rpc/json-print.ts"
import { sampleTiers } from "../../rpc/metrics/SampleTiers.ts"
import { unexpectedAnswer } from "../CliFailure.ts"
import { callMethod, connectAs } from "../rpc/rpc-call.ts"
import { table } from "../table.ts"
import { counters, ratesOf } from "./top-rates.ts"
import { ioCells, ioHeads } from "./top-text.ts"

const millisPerSecond = 1000
const microsPerMilli = 1000

const longestMillis = Math.max(...sampleTiers.map(({ count, stepSeconds }) => count * stepSeconds)) * millisPerSecond

/** `--since 10m`, in milliseconds. */
export const sinceFlag = Flag.String("since").pipe(
  Flag.withMetavar("DURATION"),
  Flag.withDescription("What was, instead: the last 10m in steps of 5 seconds, 2h in minutes, 24h in tens of minutes"),
  Flag.filterMap(
    (text) => {
      const millis = (parseMicros(text, Number.NaN) ?? Number.NaN) / microsPerMilli
      return millis >= 1 && millis <= longestMillis ? Option.some(millis) : Option.none()
    },
    (text) => `"${text}" is no duration that the target remembers; write 90s, 10m or 6h (up to 24h)`
  ),
  Flag.optional
)

/** The fields that are shown; there are more. */
const History = Schema.Struct({
  samples: Schema.Array(
    Schema.Struct({
      at: Schema.Number,
      seconds: Schema.Number,
      totals: Schema.Struct({ ...counters, sessions: Schema.Number }),
      process: Schema.Struct({ cpu_millis: Schema.Number, loop_lag_millis: Schema.Number })
    })
  )
})
type Sample = (typeof History.Type)["samples"][number]

const row = ({ at, process, seconds, totals }: Sample): ReadonlyArray<string> => [
  new Date(at).toISOString().replace(/\.\d+Z$/, "Z"),
  ...ioCells(ratesOf(undefined, totals, seconds)),
  String(totals.sessions),
  `${Math.round(process.cpu_millis / seconds / (millisPerSecond / 100))}%`,
  `${Math.round(process.loop_lag_millis)}ms`
]

const decode = Schema.decodeUnknownEffect(History)

/** The finest steps that reach back so far. */
const stepFor = (sinceMillis: number): number =>
  (sampleTiers.find(({ count, stepSeconds }) => count * stepSeconds * millisPerSecond >= sinceMillis) ?? sampleTiers[0])
    .stepSeconds

/** Prints a line for each sample, oldest first; as JSON with the busiest targets, LUNs and sessions of each. */
export const showSince = (socket: string, sinceMillis: number, asJson: boolean) =>
  Effect.gen(function* () {
    const client = yield* connectAs(socket)
    const from = Math.max(0, Math.floor((yield* Clock.currentTimeMillis) - sinceMillis))
    const params = { step: stepFor(sinceMillis), from }
    const answer = yield* callMethod(client, "lunlog_get_metrics_history", params)
    if (asJson) return yield* Console.log(printJson(answer))
    const { samples } = yield* Effect.mapError(decode(answer), unexpectedAnswer)
    if (samples.length === 0) {
      return yield* Console.log(`no samples yet: they are taken every ${params.step} s from the start on`)
    }
    yield* Console.log(table(["AT", ...ioHeads, "SESSIONS", "CPU", "LAG"], samples.map(row), 1))
  }).pipe(Effect.scoped)
