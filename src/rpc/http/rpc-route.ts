/**
 * RPC by HTTP: one JSON-RPC request or batch as the body of a POST, its answer as the response.
 *
 * Bounds: a body is one message (256 KiB), and so many requests run at a time. A client that goes away ends its query,
 * never a change.
 */
import { Deferred, Effect, Fiber, FiberSet, Option, type Scope, Semaphore } from "effect"
import { HttpIncomingMessage, HttpServerRequest, HttpServerResponse } from "effect/http"
import { JsonParser } from "../JsonParser.ts"
import type { JsonValue } from "../json-value.ts"
import { invalidRequest, parseError } from "../RpcError.ts"
import type { RpcCaller } from "../RpcMethod.ts"
import { malformedAnswer, RpcRouter, responseBytesMax } from "../RpcRouter.ts"
import { json, type Response, refuse, refuseForNow } from "./http-answers.ts"

/** Bytes of a body: what one message may have on the control socket too. */
export const httpBodyBytesMax = 256 * 1024
/** Requests that run at the same time. */
const requestsMax = 64

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

type Text = string | undefined

/** How changes go on without their client, and what ends waits. */
interface Runs {
  readonly change: (run: Effect.Effect<Text>) => Effect.Effect<Fiber.Fiber<Text>>
  readonly ending: Effect.Effect<Response>
}

const answered = (text: Text): Response =>
  text === undefined ? HttpServerResponse.empty({ status: 204 }) : json(200, `${text}\n`)

const answerTo = (router: RpcRouter["Service"], callerAt: (address: string) => RpcCaller, runs: Runs) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const body = yield* readBody(request)
    if (!(body instanceof Uint8Array)) return body
    const message = parseBody(body)
    if (isResponse(message)) return message
    const from = Option.getOrElse(request.remoteAddress, () => "unknown")
    const exchange = router.route(message, callerAt(from))
    const run = exchange.run(() => responseBytesMax)
    switch (exchange.kind) {
      case "change":
        return answered(yield* Effect.flatMap(runs.change(run), Fiber.join))
      case "wait":
        return yield* Effect.raceFirst(Effect.map(run, answered), runs.ending)
      case "query":
        return answered(yield* run)
    }
  })

/** RPC of one server. */
export interface RpcRoute {
  /** Answers requests that were let in. */
  readonly respond: Effect.Effect<Response, never, HttpServerRequest.HttpServerRequest>
  /** Whoever waits for news is told that there will be none: a server that ends waits for nobody else for long. */
  readonly endWaits: Effect.Effect<void>
}

/** `callerAt` says who calls from an address. */
export const makeRpcRoute = (
  callerAt: (address: string) => RpcCaller
): Effect.Effect<RpcRoute, never, RpcRouter | Scope.Scope> =>
  Effect.gen(function* () {
    const router = yield* RpcRouter
    const changes = yield* FiberSet.make<string | undefined, never>()
    const running = yield* Semaphore.make(requestsMax)
    const ending = yield* Deferred.make<void>()
    const answer = answerTo(router, callerAt, {
      change: (run) => FiberSet.run(changes, run, { startImmediately: true }),
      ending: Effect.as(Deferred.await(ending), refuseForNow(503, "the target is ending"))
    })
    // The library runs its handlers uninterruptibly; here a query ends with its client.
    const respond = Effect.interruptible(running.withPermitsIfAvailable(1)(answer)).pipe(
      Effect.map(Option.getOrElse(() => refuseForNow(503, `${requestsMax} requests are running`)))
    )
    return { respond, endWaits: Effect.asVoid(Deferred.succeed(ending, undefined)) }
  })
