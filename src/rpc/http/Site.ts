/**
 * What one listening address serves: routes by path, each with its methods and with or without a token. A request
 * passes, in this order: token (where all of the site needs it), path, method, token, rate.
 */
import { Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import type { RateLimiter } from "effect/persistence"
import { errnoError, invalidRequest } from "../RpcError.ts"
import { refusalOfRate, refusalOfToken } from "./access.ts"
import { type Response, refuse } from "./http-answers.ts"

/** What is at one path. */
export interface Route {
  readonly methods: ReadonlyArray<"GET" | "HEAD" | "POST">
  readonly needsToken: boolean
  readonly respond: Effect.Effect<Response, never, HttpServerRequest.HttpServerRequest>
}

/** Methods of what is only read. */
export const readMethods = ["GET", "HEAD"] as const

/** A server's routes. */
export interface Site {
  /** `path` is as it was sent, without its query. */
  readonly findRoute: (path: string) => Effect.Effect<Route | undefined>
  /** Said of other paths. */
  readonly nothingHere: string
  /** SHA-256 of the token; undefined where no route needs one. */
  readonly token: Buffer | undefined
  /** Also what is not there is told only to who has the token. */
  readonly isClosed: boolean
  /** Of requests with a token together, and of those that need none together. */
  readonly requestsPerSecond: number
}

/** Answers requests to a site. */
export const answerOf = (
  site: Site
): Effect.Effect<Response, never, HttpServerRequest.HttpServerRequest | RateLimiter.RateLimiter> =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const unknown = site.token === undefined ? Effect.undefined : refusalOfToken(request, site.token)
    const closed = site.isClosed ? yield* unknown : undefined
    if (closed !== undefined) return closed
    const [path = ""] = request.url.split("?", 1)
    const route = yield* site.findRoute(path)
    if (route === undefined) return refuse(404, errnoError("ENOENT"), site.nothingHere)
    if (!route.methods.some((method) => method === request.method)) {
      const allowed = route.methods.join(", ")
      return refuse(405, invalidRequest, `${request.method} is not taken; use ${allowed}`, { allow: allowed })
    }
    const refused = route.needsToken && !site.isClosed ? yield* unknown : undefined
    const kind = route.needsToken ? "calls" : "open"
    return refused ?? (yield* refusalOfRate(kind, site.requestsPerSecond)) ?? (yield* route.respond)
  })
