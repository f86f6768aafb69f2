/**
 * The control plane over HTTP, for clients that cannot reach the control socket: `POST /rpc` with a bearer token, one
 * JSON-RPC request or batch as the body, its answer as the response. It takes the place of SPDK's rpc_http_proxy.
 *
 * Bounds: a body is one message (256 KiB, within 30 s), 64 requests run at a time, calls per second are limited, and
 * wrong tokens more so. A client that goes away ends its query, never a change. Secrets are not shown
 * (`withheldSecrets`).
 *
 * Statuses: 200 with an answer, also a JSON-RPC error; 204 if none is due; 400 no JSON, 401, 404, 405, 413, 429, 503,
 * each with a JSON-RPC error whose `data.reason` says why.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import * as http from "node:http"
import * as https from "node:https"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Effect, Fiber, FiberSet, Layer, Option, Redacted, Schema, type Scope, Semaphore } from "effect"
import { HttpIncomingMessage, type HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { NetAddress } from "effect/net"
import { RateLimiter } from "effect/persistence"
import { printError } from "../envelope.ts"
import { JsonParser } from "../JsonParser.ts"
import type { JsonValue } from "../json-value.ts"
import { errnoError, invalidRequest, parseError, rpcError, type WireError } from "../RpcError.ts"
import { malformedAnswer, RpcRouter, responseBytesMax } from "../RpcRouter.ts"

/** Bytes of a body: what one message may have on the control socket too. */
export const httpBodyBytesMax = 256 * 1024
/** Requests that run at the same time. */
const requestsMax = 64
const connectionsMax = 128
/** Wrong tokens per second, of all clients together; the right one is never held up by them. */
const refusalsPerSecond = 5
const receiveWithinMillis = 30_000
const headersWithinMillis = 10_000
/** How often Node looks for requests that take too long. */
const checkMillis = 1_000
const shutdownGraceMillis = 3_000

/** Where to serve and who may call. */
export interface HttpEndpointOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  readonly token: Redacted.Redacted
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly requestsPerSecond: number
}

/** The endpoint cannot be opened. */
export class HttpUnavailable extends Schema.TaggedError<HttpUnavailable>()("HttpUnavailable", {
  address: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `cannot serve HTTP on ${this.address}: ${this.detail}`
  }
}

/** Serves while its layer lives. */
export class HttpEndpoint extends Context.Service<
  HttpEndpoint,
  {
    /** Such as `http://127.0.0.1:8080/rpc`. */
    readonly url: string
  }
>()("lunlog/rpc/HttpEndpoint") {
  static readonly layer = (options: HttpEndpointOptions): Layer.Layer<HttpEndpoint, HttpUnavailable, RpcRouter> =>
    Layer.effect(HttpEndpoint, serve(options)).pipe(
      Layer.provide(Layer.effect(RateLimiter.RateLimiter, RateLimiter.make)),
      Layer.provide(RateLimiter.layerStoreMemory)
    )
}

type Response = HttpServerResponse.HttpServerResponse

const json = (status: number, text: string, headers: Record<string, string> = {}): Response =>
  HttpServerResponse.text(text, { status, contentType: "application/json", headers })

const refuse = (status: number, wire: WireError, reason: string, headers?: Record<string, string>): Response =>
  json(status, printError(null, rpcError(wire, { reason })), headers)

/** Digests have one length, so the comparison tells nothing of the token, not even that. */
const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest()

const hasToken = (request: HttpServerRequest.HttpServerRequest, wanted: Buffer): boolean => {
  const [scheme, token] = (request.headers["authorization"] ?? "").split(" ", 2)
  return scheme?.toLowerCase() === "bearer" && token !== undefined && timingSafeEqual(digestOf(token), wanted)
}

/** One message, or what is wrong with the bytes. */
const parseBody = (body: Uint8Array): JsonValue | Response => {
  const parser = new JsonParser()
  parser.feed(body)
  const first = parser.next() ?? parser.flush()
  if (first === undefined) return refuse(400, parseError, "the body is empty, or its end is missing")
  if (first._tag === "Malformed") return json(400, malformedAnswer(first.reason, first.offset))
  const rest = parser.next() ?? parser.flush()
  return rest === undefined && !parser.isInsideMessage
    ? first.value
    : refuse(400, invalidRequest, "something follows the request; several go into one array")
}

const isResponse = (value: JsonValue | Response): value is Response => HttpServerResponse.isHttpServerResponse(value)

/** Whether one more fits under `perSecond`; the seconds to wait if not. */
const limited = (key: string, perSecond: number) =>
  Effect.gen(function* () {
    const limiter = yield* RateLimiter.RateLimiter
    const options = { key, limit: perSecond, window: 1000, algorithm: "token-bucket" } as const
    return yield* Effect.isFailure(limiter.consume(options))
  })

const tooMany = (reason: string): Response => refuse(429, errnoError("EBUSY"), reason, { "retry-after": "1" })

/** What keeps a request from being read at all. */
const refusalOf = (request: HttpServerRequest.HttpServerRequest, token: Buffer, perSecond: number) =>
  Effect.gen(function* () {
    if (!hasToken(request, token)) {
      if (yield* limited("refusals", refusalsPerSecond)) return tooMany("too many requests with a wrong token")
      const reason = "the request has not the right token; send it as Authorization: Bearer TOKEN"
      return refuse(401, errnoError("EPERM"), reason, { "www-authenticate": "Bearer" })
    }
    const [path] = request.url.split("?", 1)
    if (path !== "/rpc") return refuse(404, errnoError("ENOENT"), "there is nothing here; POST to /rpc")
    if (request.method !== "POST") {
      return refuse(405, invalidRequest, `${request.method} is not taken; use POST`, { allow: "POST" })
    }
    if (yield* limited("calls", perSecond)) return tooMany(`more than ${perSecond} requests per second`)
    return undefined
  })

const tooLong = refuse(413, invalidRequest, `the body has more than ${httpBodyBytesMax} bytes`, {
  connection: "close"
})

/** Announced or not, a body that is too long is not read to its end. */
const readBody = (request: HttpServerRequest.HttpServerRequest) =>
  Number(request.headers["content-length"] ?? 0) > httpBodyBytesMax
    ? Effect.succeed<Uint8Array | Response>(tooLong)
    : request.arrayBuffer.pipe(
        Effect.map((bytes): Uint8Array | Response => new Uint8Array(bytes)),
        Effect.provideService(HttpIncomingMessage.MaxBodySize, BigInt(httpBodyBytesMax)),
        Effect.orElseSucceed(() => tooLong)
      )

const answerTo = (
  router: RpcRouter["Service"],
  detach: (run: Effect.Effect<string | undefined>) => Effect.Effect<Fiber.Fiber<string | undefined>>
) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const body = yield* readBody(request)
    if (!(body instanceof Uint8Array)) return body
    const message = parseBody(body)
    if (isResponse(message)) return message
    const from = Option.getOrElse(request.remoteAddress, () => "unknown")
    const exchange = router.route(message, { source: "rpc", actor: `http ${from}`, isRemote: true })
    const run = exchange.run(() => responseBytesMax)
    const text = yield* exchange.kind === "change" ? Effect.flatMap(detach(run), Fiber.join) : run
    return text === undefined ? HttpServerResponse.empty({ status: 204 }) : json(200, `${text}\n`)
  })

const createServer = ({ tls }: HttpEndpointOptions): http.Server => {
  const limits = {
    requestTimeout: receiveWithinMillis,
    headersTimeout: headersWithinMillis,
    handshakeTimeout: headersWithinMillis,
    connectionsCheckingInterval: checkMillis
  }
  const server =
    tls === undefined ? http.createServer(limits) : https.createServer({ ...limits, ...tls, minVersion: "TLSv1.2" })
  server.maxConnections = connectionsMax
  return server
}

const urlOf = (options: HttpEndpointOptions, address: HttpServer.HttpServer["Service"]["address"]): string => {
  const port = NetAddress.isInetAddress(address) ? address.port : options.port
  const host = options.host.includes(":") ? `[${options.host}]` : options.host
  return `${options.tls === undefined ? "http" : "https"}://${host}:${port}/rpc`
}

const serve = (
  options: HttpEndpointOptions
): Effect.Effect<HttpEndpoint["Service"], HttpUnavailable, RpcRouter | RateLimiter.RateLimiter | Scope.Scope> =>
  Effect.gen(function* () {
    const router = yield* RpcRouter
    const changes = yield* FiberSet.make<string | undefined, never>()
    const running = yield* Semaphore.make(requestsMax)
    const token = digestOf(Redacted.value(options.token))
    const answer = answerTo(router, (run) => FiberSet.run(changes, run, { startImmediately: true }))
    const respond = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const refusal = yield* refusalOf(request, token, options.requestsPerSecond)
      if (refusal !== undefined) return refusal
      // The library runs its handlers uninterruptibly; here a query ends with its client.
      const answered = yield* Effect.interruptible(running.withPermitsIfAvailable(1)(answer))
      return Option.getOrElse(answered, () =>
        refuse(503, errnoError("EBUSY"), `${requestsMax} requests are running`, { "retry-after": "1" })
      )
    })
    const unavailable = (error: unknown): HttpUnavailable => {
      const detail = error instanceof Error ? error.message : String(error)
      return new HttpUnavailable({ address: `${options.host}:${options.port}`, detail })
    }
    const server = yield* Effect.try({ try: () => createServer(options), catch: unavailable })
    const listening = yield* NodeHttpServer.make(() => server, {
      host: options.host,
      port: options.port,
      gracefulShutdownTimeout: shutdownGraceMillis
    }).pipe(Effect.mapError(({ cause }) => unavailable(cause)))
    yield* listening.serve(respond)
    return HttpEndpoint.of({ url: urlOf(options, listening.address) })
  })
