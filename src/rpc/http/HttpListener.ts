/**
 * A port that speaks HTTP/1.1, with TLS or without: what it listens on, how long a request may take to arrive, how many
 * connections it has. What is answered is its caller's.
 */
import * as http from "node:http"
import * as https from "node:https"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { toServerResponse } from "@effect/platform-node/NodeHttpServerRequest"
import { Effect, Schema, type Scope } from "effect"
import { type HttpServer, HttpServerRequest } from "effect/http"
import { NetAddress } from "effect/net"
import type { Response } from "./http-answers.ts"

const connectionsMax = 128
const receiveWithinMillis = 30_000
const headersWithinDefault = 10_000
const takeWithinDefault = 60_000
/** How often Node looks for requests that take too long. */
const checkMillis = 1_000
const shutdownGraceMillis = 3_000

/** Where to listen. */
export interface ListenOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Until the headers of a request are there (10 s). */
  readonly headersWithinMillis?: number
  /** In which a client must take something of its answer (60 s). */
  readonly takeWithinMillis?: number
}

/** The port cannot be opened. */
export class HttpUnavailable extends Schema.TaggedError<HttpUnavailable>()("HttpUnavailable", {
  address: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `cannot serve HTTP on ${this.address}: ${this.detail}`
  }
}

const createServer = ({ headersWithinMillis = headersWithinDefault, tls }: ListenOptions): http.Server => {
  const limits = {
    requestTimeout: receiveWithinMillis,
    headersTimeout: headersWithinMillis,
    handshakeTimeout: headersWithinMillis,
    connectionsCheckingInterval: Math.min(checkMillis, headersWithinMillis)
  }
  const server =
    tls === undefined ? http.createServer(limits) : https.createServer({ ...limits, ...tls, minVersion: "TLSv1.2" })
  server.maxConnections = connectionsMax
  return server
}

const originOf = (options: ListenOptions, address: HttpServer.HttpServer["Service"]["address"]): string => {
  const port = NetAddress.isInetAddress(address) ? address.port : options.port
  const host = options.host.includes(":") ? `[${options.host}]` : options.host
  return `${options.tls === undefined ? "http" : "https"}://${host}:${port}`
}

/** From here on the connection ends if nothing of it is taken for so long; Node sets it anew with the next request. */
const limitTaking = (millis: number) =>
  Effect.map(HttpServerRequest.HttpServerRequest, (request) => {
    toServerResponse(request).socket?.setTimeout(millis)
  })

/** Answers with `respond` until the scope closes, first `end`; gives where, such as `http://127.0.0.1:8080`. */
export const listen = <R>(
  options: ListenOptions,
  respond: Effect.Effect<Response, never, R>,
  end: Effect.Effect<void> = Effect.void
): Effect.Effect<string, HttpUnavailable, Exclude<R, HttpServerRequest.HttpServerRequest> | Scope.Scope> =>
  Effect.gen(function* () {
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
    yield* listening.serve(Effect.tap(respond, limitTaking(options.takeWithinMillis ?? takeWithinDefault)))
    yield* Effect.addFinalizer(() => end)
    return originOf(options, listening.address)
  })
