/** What a server tells of itself: lines on stderr, and spans, whose code is loaded only if they are wanted. */
import { Effect, Layer, type LogLevel, Result } from "effect"
import { Flag } from "effect/cli"
import { CliFailure } from "../../CliFailure.ts"
import { type LogFormat, loggingLayer } from "../logging.ts"
import { otlpSettingsOf } from "./OtlpSettings.ts"

/** `--otlp-endpoint`. */
export const otlpEndpointFlag = Flag.String("otlp-endpoint").pipe(
  Flag.withMetavar("URL"),
  Flag.withDescription(
    "Send spans of what is changed to this OpenTelemetry collector by OTLP over HTTP, such as http://127.0.0.1:4318 " +
      "(OTEL_EXPORTER_OTLP_ENDPOINT; docs/tracing.md)"
  ),
  Flag.optional
)

const tracer = (endpoint: string | undefined): Layer.Layer<never, CliFailure> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const settings = otlpSettingsOf(process.env, endpoint)
      if (Result.isFailure(settings)) return yield* new CliFailure({ message: settings.failure })
      if (settings.success === undefined) return Layer.empty
      const { otlpLayer } = yield* Effect.promise(() => import("./otlp-layer.ts"))
      yield* Effect.logInfo(`spans go to ${settings.success.url}`)
      return otlpLayer(settings.success)
    })
  )

/** How a server tells what it does. */
export interface Telemetry {
  readonly format: LogFormat
  /** What the user has chosen, if absent. */
  readonly level?: LogLevel.LogLevel | undefined
  /** A collector of spans; the environment's, if absent. */
  readonly endpoint?: string | undefined
}

/** The lines of a server, and a tracer for all inside, if the flag or the environment asks for one. */
export const telemetryLayer = ({ endpoint, format, level }: Telemetry): Layer.Layer<never, CliFailure> =>
  Layer.provideMerge(tracer(endpoint), loggingLayer(format, level))
