/**
 * The tracer that sends spans to a collector by OTLP over HTTP: Effect's, with bounds that it does not have itself.
 *
 * A collector that is away costs nothing but spans: after a request that fails they are dropped for a minute at a time,
 * and so they are while as many requests as may be are under way. That is said once, and once more when it is over.
 */
import { hostname } from "node:os"
import { ConfigProvider, Effect, Layer, Option, Semaphore, Tracer } from "effect"
import { FetchHttpClient, HttpClient, HttpClientError, HttpMiddleware } from "effect/http"
import { OtlpExporter, OtlpSerialization, OtlpTracer } from "effect/observability"
import { version } from "../../version.ts"
import type { OtlpSettings, TraceSampling } from "./OtlpSettings.ts"

/** Requests that are under way at once; each holds the spans of one batch. */
const requestsMax = 4
/** For the last spans to be sent when the server ends. */
const lastSpansWithin = "3 seconds"

/** Says when spans begin to be lost, and when they do not any more. */
const tellOnce = (url: string) => {
  let isLosing = false
  const lost = (reason: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (isLosing) return Effect.void
      isLosing = true
      return Effect.logWarning(`spans cannot be sent to ${url} (${reason}); they are dropped until they can`)
    })
  const sent = Effect.suspend(() => {
    if (!isLosing) return Effect.void
    isLosing = false
    return Effect.logInfo(`spans are sent to ${url} again`)
  })
  return { lost, sent }
}

/**
 * The exporter tries again what it takes for a passing failure, and keeps the spans meanwhile: only what the collector
 * itself asks for (429, 503) is one here.
 */
const boundedClient = ({ timeoutMillis, url }: OtlpSettings) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const requests = yield* Semaphore.make(requestsMax)
    const { lost, sent } = tellOnce(url)
    return HttpClient.transform(client, (response, request) => {
      const failure = (description: string) =>
        new HttpClientError.HttpClientError({ reason: new HttpClientError.EncodeError({ request, description }) })
      const answered = response.pipe(
        Effect.mapError((error) => failure(causeOf(error))),
        Effect.timeoutOrElse({
          duration: timeoutMillis,
          orElse: () => Effect.fail(failure(`no answer within ${timeoutMillis} ms`))
        }),
        Effect.tap(({ status }) => (status < 300 ? sent : lost(`it answers ${status}`)))
      )
      return requests
        .withPermitsIfAvailable(1)(answered)
        .pipe(
          Effect.flatMap(
            Option.match({
              onNone: () => Effect.fail(failure("it is slower than spans come")),
              onSome: Effect.succeed
            })
          ),
          Effect.tapError(({ reason }) => lost("description" in reason ? (reason.description ?? "") : reason._tag))
        )
    })
  })

const causeOf = ({ reason }: HttpClientError.HttpClientError): string => {
  const cause = "cause" in reason && reason.cause instanceof Error ? reason.cause : undefined
  const inner = cause?.cause instanceof Error ? cause.cause : cause
  return inner === undefined ? reason._tag : inner.message
}

/** 56 bits of a trace's id are random, says W3C's trace context: the last ones. */
const randomDigits = 14

/** Decides at the first span of a trace, by the trace's id as others do; what is in it follows. */
const sampled = (tracer: Tracer.Tracer, { followsParent, ratio }: TraceSampling): Tracer.Tracer => {
  const isKept = (traceId: string): boolean =>
    Number.parseInt(traceId.slice(-randomDigits), 16) < ratio * 16 ** randomDigits
  return Tracer.make({
    span: (options) => {
      const parent = Option.getOrUndefined(options.parent)
      const isFirst = parent === undefined || (parent._tag === "ExternalSpan" && !followsParent)
      const span = tracer.span(isFirst ? { ...options, sampled: true } : options)
      return isFirst && !isKept(span.traceId) ? tracer.span({ ...options, sampled: false }) : span
    }
  })
}

/** Attributes that OTEL_RESOURCE_ATTRIBUTES does not have are ours; read here, so that it cannot fail later. */
const resourceProvider = ConfigProvider.layer(
  Effect.sync(() => {
    const { OTEL_RESOURCE_ATTRIBUTES: attributes = "" } = process.env
    return ConfigProvider.fromEnv({
      env: { OTEL_RESOURCE_ATTRIBUTES: `host.name=${encodeURIComponent(hostname())},${attributes}` }
    })
  })
)

const tracerOf = (settings: OtlpSettings) =>
  Effect.gen(function* () {
    const { batchMax, compression, everyMillis, headers, serviceName, url } = settings
    const tracer = yield* OtlpTracer.make({
      url,
      headers,
      compression,
      exportInterval: everyMillis,
      maxBatchSize: batchMax,
      shutdownTimeout: lastSpansWithin,
      resource: { serviceName, serviceVersion: version, attributes: { "process.pid": process.pid } }
    })
    return sampled(tracer, settings.sampling)
  })

/** Only calls are traced of what comes over HTTP: no scrape of metrics, no file of the console. */
const tracedRequests = Layer.succeed(HttpMiddleware.TracerDisabledWhen, ({ url }) => !/^\/rpc(?:$|\?)/u.test(url))

/** Gives all inside a tracer that sends what it gets. */
export const otlpLayer = (settings: OtlpSettings): Layer.Layer<never> =>
  Layer.effect(Tracer.Tracer, tracerOf(settings)).pipe(
    Layer.provide(OtlpExporter.layerFlusher),
    Layer.provide(settings.protocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf),
    Layer.provide(Layer.effect(HttpClient.HttpClient, boundedClient(settings))),
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(resourceProvider),
    Layer.merge(tracedRequests)
  )
