/** The console's server with real sockets: what it serves to whom, and what it refuses to other pages and programs. */
import { readFileSync } from "node:fs"
import * as net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { ConsoleEndpoint, type ConsoleEndpointOptions } from "../../../src/rpc/http/ConsoleEndpoint.ts"
import { ConsoleFilesMissing } from "../../../src/rpc/http/ConsoleFiles.ts"
import { Instance } from "../../../src/rpc/Instance.ts"
import { consoleMethods } from "../../../src/rpc/methods/console.ts"
import { defineMethodWithoutParams, type RpcMethod } from "../../../src/rpc/RpcMethod.ts"
import { RpcRouter } from "../../../src/rpc/RpcRouter.ts"
import { until } from "../../support/until.ts"
import { instanceLayer } from "../server-support.ts"
import { type Ask, ask, askRaw } from "./http-client.ts"

const token = "a-token-of-the-test-0123456789"
const bearer = { authorization: `Bearer ${token}` }

const page = "<!doctype html><title>page</title>"
const files = new Map([
  ["index.html", page],
  ["console.js", "export {}"],
  ["console.css", ""],
  ["icon.svg", "<svg/>"]
])

const greet = defineMethodWithoutParams({
  name: "greet",
  kind: "query",
  handler: ({ cause }) => Effect.succeed(`hello ${cause.actor}`)
})
const change = defineMethodWithoutParams({ name: "change", kind: "change", handler: () => Effect.succeed("changed") })
const dump = defineMethodWithoutParams({
  name: "dump",
  kind: "query",
  sideEffect: "it writes a file",
  handler: () => Effect.succeed("dumped")
})

/** Serves until the scope closes; gives the URL of the page. */
const open = (options: Partial<ConsoleEndpointOptions> = {}, methods: ReadonlyArray<RpcMethod<Instance>> = []) =>
  Effect.gen(function* () {
    const endpoint = ConsoleEndpoint.layer({
      host: "127.0.0.1",
      port: 0,
      token: Redacted.make(token),
      allowsChanges: false,
      hostNames: [],
      files: Effect.succeed(files),
      routes: new Map(),
      ...options
    }).pipe(
      Layer.provide(RpcRouter.layer([greet, change, dump, ...consoleMethods, ...methods])),
      Layer.provideMerge(instanceLayer())
    )
    const services = yield* Layer.build(endpoint)
    yield* Effect.orDie(Context.get(services, Instance).initialize)
    return Context.get(services, ConsoleEndpoint).url
  })

const call = (url: string, method: string, what: Ask = {}) =>
  ask(`${url}rpc`, {
    method: "POST",
    body: JSON.stringify({ method, id: 1 }),
    ...what,
    headers: { ...bearer, ...what.headers }
  })

/** Whether the other end of a connection on 127.0.0.1 is still there, as the kernel has it. */
const serverHas = ({ localPort = 0, remotePort = 0 }: net.Socket): boolean => {
  const address = (port: number) => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`
  return readFileSync("/proc/net/tcp", "utf8").includes(`${address(remotePort)} ${address(localPort)} 01`)
}

describe("the page", () => {
  it.live("comes with its files without a token, each as what it is", () =>
    Effect.gen(function* () {
      const url = yield* open()
      const expected: ReadonlyArray<readonly [path: string, type: string, body: string]> = [
        ["", "text/html; charset=utf-8", page],
        ["index.html", "text/html; charset=utf-8", page],
        ["?query=1", "text/html; charset=utf-8", page],
        ["console.js", "text/javascript; charset=utf-8", "export {}"],
        ["console.css", "text/css; charset=utf-8", ""],
        ["icon.svg", "image/svg+xml", "<svg/>"]
      ]
      for (const [path, type, body] of expected) {
        const answer = yield* ask(url + path)
        assert.deepStrictEqual([answer.status, answer.headers["content-type"], answer.body], [200, type, body], path)
      }
    })
  )

  it.live("may load nothing but its own files, and nobody may frame it or guess types", () =>
    Effect.gen(function* () {
      const url = yield* open()
      const answers = [yield* ask(url), yield* call(url, "greet"), yield* ask(`${url}none`), yield* ask(`${url}rpc`)]
      for (const { headers } of answers) {
        assert.strictEqual(
          headers["content-security-policy"],
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
            "font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
        assert.strictEqual(headers["x-content-type-options"], "nosniff")
        assert.strictEqual(headers["referrer-policy"], "no-referrer")
        assert.strictEqual(headers["cross-origin-opener-policy"], "same-origin")
        assert.strictEqual(headers["cross-origin-resource-policy"], "same-origin")
        assert.isUndefined(headers["access-control-allow-origin"])
      }
      assert.deepStrictEqual(
        answers.map(({ headers }) => headers["cache-control"]),
        ["no-cache", "no-store", "no-store", "no-store"]
      )
    })
  )

  it.live("is asked for anew each time, and not sent again if it is the same", () =>
    Effect.gen(function* () {
      const url = yield* open()
      const { headers } = yield* ask(url)
      const etag = headers.etag ?? ""
      assert.match(etag, /^"[\w-]{22}"$/u)
      for (const known of [etag, `"other", ${etag}`, `W/${etag}`]) {
        const again = yield* ask(url, { headers: { "if-none-match": known } })
        assert.deepStrictEqual([again.status, again.body, again.headers.etag], [304, "", etag])
      }
      assert.strictEqual((yield* ask(url, { headers: { "if-none-match": '"other"' } })).status, 200)
      assert.notStrictEqual((yield* ask(`${url}console.js`)).headers.etag, etag)
    })
  )

  it.live("is only read: HEAD has no body, and other methods are refused", () =>
    Effect.gen(function* () {
      const url = yield* open()
      const head = yield* ask(url, { method: "HEAD" })
      assert.deepStrictEqual([head.status, head.body, head.headers["content-length"]], [200, "", String(page.length)])
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
        const { headers, status } = yield* ask(url, { method })
        assert.deepStrictEqual([status, headers.allow], [405, "GET, HEAD"])
      }
    })
  )

  it.live("has no path to anything else", () =>
    Effect.gen(function* () {
      const url = yield* open()
      const paths = [
        ...["/../package.json", "/./../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd"],
        ...["//etc/passwd", "/..\\..\\etc", "/console.js/", "/console.js%00", "/CONSOLE.JS", "/console.js;x", "/."],
        ...["/__proto__", "/constructor", "/rpc/", "/rpc/../index.html", "http://localhost/etc/passwd", "/favicon.ico"]
      ]
      for (const path of paths) {
        const answer = yield* askRaw(url, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
        assert.match(answer, /^HTTP\/1\.1 404 .*there is nothing here; the console is at \//su, path)
      }
    })
  )

  it.live("says why it cannot be shown", () =>
    Effect.gen(function* () {
      const url = yield* open({ files: Effect.fail(new ConsoleFilesMissing({ detail: "npm install helps" })) })
      const answer = yield* ask(url)
      assert.deepStrictEqual(
        [answer.status, answer.headers["content-type"]?.split(";")[0], answer.body],
        [503, "text/plain", "The web console cannot be shown: npm install helps\n"]
      )
      assert.strictEqual((yield* ask(`${url}console.js`)).status, 404)
      assert.include((yield* call(url, "greet")).body, "hello")
    })
  )
})

describe("the console's RPC", () => {
  it.live("is for its token, which no URL has; the log knows who called", () =>
    Effect.gen(function* () {
      const url = yield* open()
      assert.include((yield* call(url, "greet")).body, '"result":"hello console 127.0.0.1"')
      for (const authorization of ["", "Bearer wrong", `Basic ${token}`]) {
        assert.strictEqual((yield* call(url, "greet", { headers: { authorization } })).status, 401)
      }
    })
  )

  it.live("takes its token from nowhere else: no query, no cookie, no body", () =>
    Effect.gen(function* () {
      const url = yield* open()
      const body = JSON.stringify({ method: "greet", id: 1, token })
      const rest: ReadonlyArray<readonly [query: string, headers: Record<string, string>]> = [
        [`?token=${token}`, {}],
        [`?access_token=${token}`, {}],
        ["", { cookie: `token=${token}` }],
        ["", { "x-token": token, "proxy-authorization": `Bearer ${token}` }]
      ]
      for (const [query, headers] of rest) {
        assert.strictEqual((yield* ask(`${url}rpc${query}`, { method: "POST", body, headers })).status, 401)
      }
    })
  )

  it.live("refuses to change anything, alone and in a batch, and names the flag", () =>
    Effect.gen(function* () {
      const url = yield* open()
      const refusal = (name: string, why: string) => ({
        code: -1,
        message: "Operation not permitted",
        data: {
          reason: `${name} is not for a caller who may only read: ${why}`,
          hint: "start the target with --console-allow-changes, or use lunlog on its machine"
        }
      })
      const batch = ["change", "greet", "dump"].map((method, id) => ({ method, id }))
      const { body } = yield* call(url, "", { body: JSON.stringify(batch) })
      assert.deepStrictEqual(JSON.parse(body), [
        { jsonrpc: "2.0", id: 0, error: refusal("change", "it changes the target") },
        { jsonrpc: "2.0", id: 1, result: "hello console 127.0.0.1" },
        { jsonrpc: "2.0", id: 2, error: refusal("dump", "it writes a file") }
      ])
    })
  )

  it.live("changes what it may, if it may", () =>
    Effect.gen(function* () {
      const url = yield* open({ allowsChanges: true })
      assert.include((yield* call(url, "change")).body, '"result":"changed"')
      assert.include((yield* call(url, "dump")).body, '"result":"dumped"')
    })
  )

  it.live("tells the page who it is and what it may do", () =>
    Effect.gen(function* () {
      const reading = JSON.parse((yield* call(yield* open(), "lunlog_get_console")).body).result
      assert.deepStrictEqual(
        [reading.version, reading.actor, reading.read_only, reading.console],
        ["0.0.0-test", "console 127.0.0.1", true, null]
      )
      assert.include(reading.hint, "--console-allow-changes")
      const changing = JSON.parse((yield* call(yield* open({ allowsChanges: true }), "lunlog_get_console")).body).result
      assert.deepStrictEqual([changing.read_only, changing.hint], [false, undefined])
    })
  )
})

describe("the end of a console", () => {
  it.live("is not held up by who waits for news: it is told so", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const news = defineMethodWithoutParams({
        name: "news",
        kind: "wait",
        handler: () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      })
      const scope = yield* Scope.make()
      const url = yield* Scope.provide(open({}, [news]), scope)
      const waiting = yield* Effect.forkChild(call(url, "news"), { startImmediately: true })
      yield* Deferred.await(begun)
      yield* Scope.close(scope, Exit.void)
      const { body, status } = yield* Fiber.join(waiting)
      assert.deepStrictEqual([status, body.includes("the target is ending")], [503, true])
    })
  )
})

describe("other pages in the browser", () => {
  it.live("do not come in under a name of their own (DNS rebinding)", () =>
    Effect.gen(function* () {
      const url = yield* open({ hostNames: ["console.example.org"] })
      const { port } = new URL(url)
      const statusFor = (host: string) => Effect.map(ask(url, { headers: { host } }), ({ status }) => status)
      for (const host of [
        ...[`127.0.0.1:${port}`, "127.0.0.1", `localhost:${port}`, "LOCALHOST:1", "localhost.", "[::1]:9000"],
        ...["console.example.org", "Console.Example.org:443"]
      ]) {
        assert.strictEqual(yield* statusFor(host), 200, host)
      }
      for (const host of [
        ...["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.1"],
        ...["x.console.example.org", "127.0.0.1:1:2", "127.0.0.1@evil.example", "a b", "[::1", "0.0.0.0"]
      ]) {
        const answer = yield* ask(url, { headers: { host } })
        assert.deepStrictEqual([answer.status, answer.body.includes("is not this server's")], [421, true], host)
        assert.strictEqual((yield* call(url, "greet", { headers: { host } })).status, 421, host)
      }
      assert.match(yield* askRaw(url, "GET / HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 421 /u)
      const absolute = "GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
      assert.match(yield* askRaw(url, absolute), /^HTTP\/1\.1 421 /u)
    })
  )

  it.live("may not ask from an origin of theirs, nor is it announced to them (CORS)", () =>
    Effect.gen(function* () {
      const url = yield* open({ hostNames: ["console.example.org"] })
      const own = new URL(url).origin
      assert.strictEqual((yield* call(url, "greet", { headers: { origin: own } })).status, 200)
      const proxied = { host: "127.0.0.1", origin: "https://console.example.org" }
      assert.strictEqual((yield* call(url, "greet", { headers: proxied })).status, 200)
      for (const origin of [
        ...["null", "", "http://evil.example", "http://127.0.0.1:1", "https://localhost", `${own}.evil.example`],
        ...["file://", "chrome-extension://abc", "http://console.example.org.evil.example"]
      ]) {
        const answer = yield* call(url, "greet", { headers: { origin } })
        assert.deepStrictEqual([answer.status, answer.body.includes("may not ask here")], [403, true], origin)
      }
      const preflight = { origin: "http://evil.example", "access-control-request-method": "POST" }
      const { headers, status } = yield* ask(`${url}rpc`, { method: "OPTIONS", headers: preflight })
      assert.deepStrictEqual([status, headers["access-control-allow-origin"]], [403, undefined])
    })
  )

  it.live("on an address of all interfaces, addresses are its names, and nobody else's are", () =>
    Effect.gen(function* () {
      const url = (yield* open({ host: "0.0.0.0" })).replace("0.0.0.0", "127.0.0.1")
      for (const host of ["192.0.2.1:8260", "[2001:db8::1]", "localhost"]) {
        assert.strictEqual((yield* ask(url, { headers: { host } })).status, 200, host)
      }
      assert.strictEqual((yield* ask(url, { headers: { host: "evil.example" } })).status, 421)
    })
  )
})

describe("clients that are too many, too large or too slow", () => {
  it.live("get 503 when 64 requests wait, with a second to wait themselves, and the page still comes", () =>
    Effect.gen(function* () {
      const goOn = yield* Deferred.make<void>()
      const all = yield* Deferred.make<void>()
      let begun = 0
      const news = defineMethodWithoutParams({
        name: "news",
        kind: "wait",
        handler: () =>
          Effect.suspend(() => {
            if (++begun === 64) Deferred.doneUnsafe(all, Effect.void)
            return Deferred.await(goOn)
          })
      })
      const url = yield* open({}, [news])
      const waiting = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 64 }, () => call(url, "news")),
          { concurrency: "unbounded" }
        ),
        { startImmediately: true }
      )
      yield* Deferred.await(all)
      const refused = yield* call(url, "greet")
      assert.deepStrictEqual([refused.status, refused.headers["retry-after"]], [503, "1"])
      assert.include(refused.body, "64 requests are running")
      assert.strictEqual((yield* ask(url)).status, 200)
      yield* Deferred.succeed(goOn, undefined)
      for (const { status } of yield* Fiber.join(waiting)) assert.strictEqual(status, 200)
      assert.strictEqual((yield* call(url, "greet")).status, 200)
    })
  )

  it.live("get 431 for headers that are too long, 413 for a body, 400 for what is no HTTP", () =>
    Effect.gen(function* () {
      const url = yield* open()
      const long = `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${"x".repeat(20 * 1024)}\r\n\r\n`
      assert.match(yield* askRaw(url, long), /^HTTP\/1\.1 431 /u)
      assert.match(yield* askRaw(url, "what is this\r\n\r\n"), /^HTTP\/1\.1 400 /u)
      assert.strictEqual((yield* call(url, "", { body: " ".repeat(256 * 1024 + 1) })).status, 413)
    })
  )

  it.live("lose their connection when they take nothing of an answer", () =>
    Effect.gen(function* () {
      const large = defineMethodWithoutParams({
        name: "large",
        kind: "query",
        handler: () => Effect.succeed("x".repeat(30_000_000))
      })
      const url = yield* open({ takeWithinMillis: 200 }, [large])
      const body = '{"method":"large","id":1}'
      const head = `POST /rpc HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${bearer.authorization}\r\n`
      const { hostname, port } = new URL(url)
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => net.connect(Number(port), hostname)),
        (opened) => Effect.sync(() => opened.destroy())
      )
      socket.pause().write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`)
      yield* Effect.promise(async () => {
        await until("the server has the connection", () => serverHas(socket))
        await until("the server has it no more", () => !serverHas(socket))
      })
    })
  )

  it.live("lose their connection when their headers do not come to an end", () =>
    Effect.gen(function* () {
      const url = yield* open({ headersWithinMillis: 200 })
      assert.match(yield* askRaw(url, "GET / HTTP/1.1\r\n", "Host: 127.0.0.1\r\n"), /^HTTP\/1\.1 408 /u)
    })
  )
})
