/** The HTTP endpoint with real clients: who is let in, what is refused and how, and what goes on without its client. */

import * as http from "node:http"
import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Redacted } from "effect"
import { withheldSecrets } from "../../../src/domain/Secrets.ts"
import { HttpEndpoint, type HttpEndpointOptions } from "../../../src/rpc/http/HttpEndpoint.ts"
import { httpBodyBytesMax } from "../../../src/rpc/http/rpc-route.ts"
import { Instance } from "../../../src/rpc/Instance.ts"
import { defineMethodWithoutParams, type RpcMethod } from "../../../src/rpc/RpcMethod.ts"
import { RpcRouter } from "../../../src/rpc/RpcRouter.ts"
import { instanceLayer } from "../server-support.ts"

const token = "a-token-of-the-test-0123456789"

const greet = defineMethodWithoutParams({
  name: "greet",
  kind: "query",
  handler: ({ cause }) => Effect.succeed(`hello ${cause.actor}`)
})

/** Serves the methods until the scope closes; gives the URL. */
const open = (methods: ReadonlyArray<RpcMethod<Instance>> = [greet], options: Partial<HttpEndpointOptions> = {}) =>
  Effect.gen(function* () {
    const defaults = { host: "127.0.0.1", port: 0, token: Redacted.make(token), requestsPerSecond: 1000 }
    const endpoint = HttpEndpoint.layer({ ...defaults, ...options }).pipe(
      Layer.provide(RpcRouter.layer(methods)),
      Layer.provideMerge(instanceLayer())
    )
    const services = yield* Layer.build(endpoint)
    yield* Effect.orDie(Context.get(services, Instance).initialize)
    return Context.get(services, HttpEndpoint).url
  })

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

interface Call {
  readonly method?: string
  readonly body?: string
  readonly authorization?: string
  readonly chunked?: boolean
}

const send = (url: string, call: Call = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { authorization = `Bearer ${token}`, body = "", method = "POST" } = call
    const length = call.chunked === true ? {} : { "content-length": Buffer.byteLength(body) }
    const headers = { ...length, ...(authorization === "" ? {} : { authorization }) }
    const request = http.request(url, { method, headers, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (piece: string) => {
        text += piece
      })
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    })
    request.on("error", reject)
    request.end(body)
  })

const ask = (url: string, call?: Call): Effect.Effect<Answer> => Effect.promise(() => send(url, call))

const greeting = '{"method":"greet","id":1}'

describe("the HTTP endpoint", () => {
  it.live("answers what the control socket would answer, and the log knows the caller", () =>
    Effect.gen(function* () {
      const { body, headers, status } = yield* ask(yield* open(), { body: greeting })
      assert.deepStrictEqual(
        [status, headers["content-type"], body],
        [200, "application/json", '{"jsonrpc":"2.0","id":1,"result":"hello http 127.0.0.1"}\n']
      )
    })
  )

  it.live("takes batches; a notification gets 204, an error of a method 200", () =>
    Effect.gen(function* () {
      const url = yield* open()
      const batch = yield* ask(url, { body: `[${greeting},{"method":"none","id":2}]` })
      assert.include(batch.body, '"result":"hello http 127.0.0.1"')
      assert.include(batch.body, '"code":-32601')
      const silent = yield* ask(url, { body: '{"method":"greet"}' })
      assert.deepStrictEqual([silent.status, silent.body], [204, ""])
      const unknown = yield* ask(url, { body: '{"method":"none","id":2}' })
      assert.strictEqual(unknown.status, 200)
    })
  )

  const refusals: ReadonlyArray<readonly [string, number, string, Call, string?]> = [
    ["no token", 401, "Authorization: Bearer", { authorization: "" }],
    ["a wrong token", 401, "Authorization: Bearer", { authorization: "Bearer wrong" }],
    ["another scheme", 401, "Authorization: Bearer", { authorization: `Basic ${token}` }],
    ["another path", 404, "POST to /rpc", {}, "/rpc/../other"],
    ["another method", 405, "use POST", { method: "PUT" }],
    ["half a message", 400, "its end is missing", { body: '{"method":' }],
    ["no JSON", 400, "byte 0", { body: "greet" }],
    ["two messages", 400, "go into one array", { body: greeting + greeting }],
    ["nothing", 400, "the body is empty", { body: "" }],
    ["a body that is announced too long", 413, "bytes", { body: " ".repeat(httpBodyBytesMax + 1) }],
    ["a body that is too long", 413, "bytes", { body: " ".repeat(httpBodyBytesMax + 1), chunked: true }]
  ]
  for (const [what, status, reason, call, path] of refusals) {
    it.live(`refuses ${what} with ${status}, and says why`, () =>
      Effect.gen(function* () {
        const url = yield* open()
        const answer = yield* ask(path === undefined ? url : new URL(path, url).href, { body: greeting, ...call })
        assert.strictEqual(answer.status, status)
        assert.include(answer.body, '"id":null,"error"')
        assert.include(answer.body, reason)
      })
    )
  }

  it.live("limits requests, and wrong tokens without harm to the right one", () =>
    Effect.gen(function* () {
      const url = yield* open([greet], { requestsPerSecond: 1 })
      const statuses = (call: Call) =>
        Effect.map(Effect.all(Array.from({ length: 30 }, () => ask(url, call))), (all) => all.map((one) => one.status))
      const wrong = yield* statuses({ authorization: "Bearer wrong" })
      assert.includeMembers(wrong, [401, 429])
      assert.notInclude(wrong, 200)
      assert.strictEqual((yield* ask(url, { body: greeting })).status, 200)
      assert.include(yield* statuses({ body: greeting }), 429)
    })
  )

  it.live("a client that goes away ends its query, and not its change", () =>
    Effect.gen(function* () {
      const begun = { query: yield* Deferred.make<void>(), change: yield* Deferred.make<void>() }
      const over = { query: yield* Deferred.make<string>(), change: yield* Deferred.make<string>() }
      const goOn = yield* Deferred.make<void>()
      const method = (kind: "query" | "change") =>
        defineMethodWithoutParams({
          name: kind,
          kind,
          handler: () =>
            Effect.gen(function* () {
              yield* Deferred.succeed(begun[kind], undefined)
              yield* Deferred.await(goOn)
              yield* Deferred.succeed(over[kind], "done")
            }).pipe(Effect.onInterrupt(() => Deferred.succeed(over[kind], "ended")))
        })
      const url = new URL(yield* open([method("query"), method("change")]))
      for (const kind of ["query", "change"] as const) {
        const body = `{"method":"${kind}","id":1}`
        const socket = net.connect(Number(url.port), url.hostname)
        socket.write(
          `POST /rpc HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n` +
            `Content-Length: ${body.length}\r\n\r\n${body}`
        )
        yield* Deferred.await(begun[kind])
        socket.destroy()
      }
      assert.strictEqual(yield* Deferred.await(over.query), "ended")
      yield* Deferred.succeed(goOn, undefined)
      assert.strictEqual(yield* Deferred.await(over.change), "done")
    })
  )

  it.live("a port that is taken is told with its address", () =>
    Effect.gen(function* () {
      const port = Number(new URL(yield* open()).port)
      const error = yield* Effect.flip(open([greet], { port }))
      assert.match(error.message, new RegExp(`cannot serve HTTP on 127.0.0.1:${port}: .*EADDRINUSE`, "u"))
    })
  )

  it.live("withheld secrets are taken, and not shown", () =>
    Effect.gen(function* () {
      const sealed = { sealed: "bytes", fingerprint: "print" }
      const secrets = withheldSecrets({ seal: () => Effect.succeed(sealed), unseal: () => Effect.succeed("clear") })
      assert.deepStrictEqual(yield* secrets.seal("place", "clear"), sealed)
      const error = yield* Effect.flip(secrets.unseal("place", sealed))
      assert.strictEqual(error.message, "secrets are shown on the control socket only")
    })
  )
})
