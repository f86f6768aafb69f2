/** Who may ask, and how often: bearer tokens, compared so that nothing can be learnt from it, and rates. */
import { createHash, timingSafeEqual } from "node:crypto"
import { Effect, Layer } from "effect"
import type { HttpServerRequest } from "effect/http"
import { RateLimiter } from "effect/persistence"
import { errnoError } from "../RpcError.ts"
import { type Response, refuse, refuseForNow } from "./http-answers.ts"

/** Wrong tokens per second, of all clients together; the right one is never held up by them. */
const refusalsPerSecond = 5

/** Counts of one server's requests. */
export const rateLimits = (): Layer.Layer<RateLimiter.RateLimiter> =>
  Layer.effect(RateLimiter.RateLimiter, RateLimiter.make).pipe(Layer.provide(RateLimiter.layerStoreMemory))

/** Digests have one length, so the comparison tells nothing of the token, not even that. */
export const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest()

const hasToken = (request: HttpServerRequest.HttpServerRequest, wanted: Buffer): boolean => {
  const [scheme, token] = (request.headers["authorization"] ?? "").split(" ", 2)
  return scheme?.toLowerCase() === "bearer" && token !== undefined && timingSafeEqual(digestOf(token), wanted)
}

/** Whether one more does not fit under `perSecond`. */
const isBeyond = (key: string, perSecond: number) =>
  Effect.gen(function* () {
    const limiter = yield* RateLimiter.RateLimiter
    const options = { key, limit: perSecond, window: 1000, algorithm: "token-bucket" } as const
    return yield* Effect.isFailure(limiter.consume(options))
  })

/** 429 beyond so many requests per second of one kind; else undefined. */
export const refusalOfRate = (kind: string, perSecond: number) =>
  Effect.map(isBeyond(kind, perSecond), (isMany): Response | undefined =>
    isMany ? refuseForNow(429, `more than ${perSecond} requests per second`) : undefined
  )

/** 401, or 429 after many, if the request has not the token with this digest. */
export const refusalOfToken = (request: HttpServerRequest.HttpServerRequest, wanted: Buffer) =>
  Effect.gen(function* () {
    if (hasToken(request, wanted)) return undefined
    if (yield* isBeyond("refusals", refusalsPerSecond)) {
      return refuseForNow(429, "too many requests with a wrong token")
    }
    const reason = "the request has not the right token; send it as Authorization: Bearer TOKEN"
    return refuse(401, errnoError("EPERM"), reason, { "www-authenticate": "Bearer" })
  })
