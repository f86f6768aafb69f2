/**
 * The server's log for people: one line per message on stderr, in one of three formats. stdout is left to what commands
 * answer. What is said in a span that is sent to somebody has its ids.
 */
import { Cause, Config, Effect, Formatter, Layer, Logger, LogLevel, References } from "effect"
import { spanOf } from "../../domain/tracing.ts"
import { PrintLevel, PrintLevelRef } from "../../rpc/PrintLevel.ts"

/** `pretty` is `TIME LEVEL MESSAGE`; the others are for machines. */
export const logFormats = ["pretty", "json", "logfmt"] as const
/** One of `logFormats`. */
export type LogFormat = (typeof logFormats)[number]

const write = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

const messageText = (message: unknown): string => {
  const parts = Array.isArray(message) ? message : [message]
  return parts.map((part: unknown) => (typeof part === "string" ? part : inspect(part))).join(" ")
}

const inspect = (value: unknown): string => {
  if (value instanceof Error) return value.message
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}

const pretty = Logger.make<unknown, void>(({ cause, date, fiber, logLevel, message }) => {
  const why = cause.reasons.length === 0 ? "" : `\n${Cause.pretty(cause)}`
  const span = spanOf(fiber)
  const trace = span === undefined ? "" : ` (trace ${span.traceId})`
  write(`${date.toISOString()} ${logLevel.toLowerCase()} ${messageText(message)}${trace}${why}`)
})

const json = Logger.make<unknown, void>((options) => {
  const span = spanOf(options.fiber)
  const ids = span === undefined ? {} : { traceId: span.traceId, spanId: span.spanId }
  write(Formatter.formatJson({ ...Logger.formatStructured.log(options), ...ids }))
})

const logfmt = Logger.make<unknown, void>((options) => {
  const span = spanOf(options.fiber)
  const ids = span === undefined ? "" : ` traceId=${span.traceId} spanId=${span.spanId}`
  write(`${Logger.formatLogFmt.log(options)}${ids}`)
})

const loggers: { readonly [format in LogFormat]: Logger.Logger<unknown, void> } = { pretty, json, logfmt }

/** Asks for the level with each message, so that it can be changed while the process runs. */
const withLevel = (logger: Logger.Logger<unknown, void>, printLevel: PrintLevelRef): Logger.Logger<unknown, void> =>
  Logger.make((options) => {
    if (LogLevel.isGreaterThanOrEqualTo(options.logLevel, printLevel.level)) logger.log(options)
  })

/**
 * Loggers in the format asked for. The level is `level`, else that of `--log-level`, else LUNLOG_LOG_LEVEL, else
 * `Info`; `log_set_print_level` changes it.
 */
export const loggingLayer = (format: LogFormat, level?: LogLevel.LogLevel): Layer.Layer<never> =>
  Layer.unwrap(
    Effect.map(level === undefined ? levelOfUser : Effect.succeed(level), (minimum) => {
      const printLevel = new PrintLevelRef(minimum)
      return Layer.mergeAll(
        Logger.layer([withLevel(loggers[format], printLevel)]),
        Layer.succeed(PrintLevel, printLevel),
        Layer.succeed(References.MinimumLogLevel, "All")
      )
    })
  )

const fromEnvironment = Effect.gen(function* () {
  return yield* Config.LogLevel("LUNLOG_LOG_LEVEL").pipe(Config.withDefault("Info"))
})

const levelOfUser: Effect.Effect<LogLevel.LogLevel> = Effect.gen(function* () {
  const byFlag = yield* References.MinimumLogLevel
  if (byFlag !== "Info") return byFlag
  return yield* Effect.catch(fromEnvironment, () =>
    Effect.sync((): LogLevel.LogLevel => {
      write("LUNLOG_LOG_LEVEL is none of All, Fatal, Error, Warn, Info, Debug, Trace, None; Info is used")
      return "Info"
    })
  )
})
