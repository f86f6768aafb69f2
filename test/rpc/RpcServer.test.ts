/** The server on a real socket: pipelining, order, limits, hostile clients, shutdown. */

import * as fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Schema, Scope } from "effect"
import { text } from "../../src/rpc/param.ts"
import { anyState, defineMethod, defineMethodWithoutParams, type RpcMethod } from "../../src/rpc/RpcMethod.ts"
import { serveMethods, startServer } from "./server-support.ts"
import { rawClient } from "./support.ts"

const request = (method: string, id: unknown, params?: unknown): string =>
  JSON.stringify({ jsonrpc: "2.0", id, method, params })
const echoed = (id: number, value: string): string => `{"jsonrpc":"2.0","id":${id},"result":"${value}"}`

const echo = defineMethod({
  name: "echo",
  states: anyState,
  kind: "query",
  params: Schema.Struct({ text: text(200_000) }),
  handler: (params) => Effect.succeed(params.text)
})

/** A megabyte for a few bytes of request. */
const flood = defineMethodWithoutParams({
  name: "flood",
  kind: "query",
  handler: () => Effect.sync(() => "x".repeat(1024 * 1024))
})

const broken = defineMethodWithoutParams({
  name: "broken",
  kind: "query",
  handler: () => Effect.die(new Error("a mistake of ours"))
})

/** A method that lasts until the test lets it end. */
const gated = (name: string, kind: RpcMethod<never>["kind"]) =>
  Effect.gen(function* () {
    const entered = yield* Deferred.make<void>()
    const gate = yield* Deferred.make<void>()
    let ended = 0
    const method = defineMethodWithoutParams({
      name,
      kind,
      handler: () =>
        Effect.gen(function* () {
          yield* Deferred.succeed(entered, undefined)
          yield* Deferred.await(gate)
          ended++
          return name
        })
    })
    return {
      method,
      entered: Deferred.await(entered),
      open: Deferred.succeed(gate, undefined),
      endedCount: () => ended
    }
  })

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

describe("RpcServer", () => {
  live("answers each request with one line, in the order of the requests", () =>
    Effect.gen(function* () {
      const client = yield* rawClient(yield* serveMethods([echo]))
      const count = 500
      client.socket.write(Array.from({ length: count }, (_, id) => request("echo", id, { text: `t${id}` })).join(" "))
      const answers = yield* Effect.promise(() => client.answersUpTo(count))
      assert.deepStrictEqual(
        answers,
        Array.from({ length: count }, (_, id) => echoed(id, `t${id}`))
      )
    })
  )

  live("understands a request that comes one byte at a time", () =>
    Effect.gen(function* () {
      const client = yield* rawClient(yield* serveMethods([echo]))
      for (const byte of Buffer.from(request("echo", 1, { text: "Grüße" }))) client.socket.write(Buffer.of(byte))
      const answers = yield* Effect.promise(() => client.answersUpTo(1))
      assert.deepStrictEqual(answers, [echoed(1, "Gr\\u00fc\\u00dfe")])
    })
  )

  live("answers a client that has ended its side before it reads", () =>
    Effect.gen(function* () {
      const client = yield* rawClient(yield* serveMethods([echo]))
      client.socket.end(request("echo", 1, { text: "a" }) + request("echo", 2, { text: "b" }))
      yield* Effect.promise(() => client.until((c) => c.answerCount === 2))
      assert.deepStrictEqual(client.answers, [echoed(1, "a"), echoed(2, "b")])
    })
  )

  live("holds up what follows a change, and not what follows a wait", () =>
    Effect.gen(function* () {
      const wait = yield* gated("wait", "wait")
      const opener = defineMethodWithoutParams({
        name: "opener",
        kind: "change",
        handler: () => Effect.as(wait.open, "opened")
      })
      const client = yield* rawClient(yield* serveMethods([wait.method, opener]))
      client.socket.write(request("wait", 1) + request("opener", 2))
      const answers = yield* Effect.promise(() => client.answersUpTo(2))
      assert.deepStrictEqual(answers, [echoed(1, "wait"), echoed(2, "opened")])
    })
  )

  live("lets a change go on when its client is gone", () =>
    Effect.gen(function* () {
      const change = yield* gated("change", "change")
      const socketPath = yield* serveMethods([change.method, echo])
      const leaver = yield* rawClient(socketPath)
      leaver.socket.write(request("change", 1))
      yield* change.entered
      leaver.socket.destroy()
      yield* change.open
      const other = yield* rawClient(socketPath)
      other.socket.write(request("echo", 1, { text: "still here" }))
      yield* Effect.promise(() => other.answersUpTo(1))
      assert.strictEqual(change.endedCount(), 1)
    })
  )

  live("answers a defect with -32603 and goes on", () =>
    Effect.gen(function* () {
      const client = yield* rawClient(yield* serveMethods([broken, echo]))
      client.socket.write(request("broken", 1) + request("echo", 2, { text: "ok" }))
      const [failed, ok] = yield* Effect.promise(() => client.answersUpTo(2))
      assert.match(
        failed ?? "",
        /"id":1,"error":{"code":-32603,"message":"Internal error","data":{"reason":".*mistake of ours/
      )
      assert.strictEqual(ok, echoed(2, "ok"))
    })
  )

  live("answers what is no JSON before it closes, even if the client still sends", () =>
    Effect.gen(function* () {
      const socketPath = yield* serveMethods([echo])
      for (const poison of ["hello\n", "[".repeat(10_000_000), "\u0000\u0001\u0002", `"${"y".repeat(1_000_000)}`]) {
        const client = yield* rawClient(socketPath)
        client.socket.write(request("echo", 1, { text: "before" }) + poison)
        yield* Effect.promise(() => client.untilClosed())
        assert.strictEqual(client.answers[0], echoed(1, "before"))
        assert.match(
          client.answers[1] ?? "",
          /^{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error","data":{"reason"/
        )
      }
    })
  )

  live("ends a message that was begun and never finished, and nobody else's", () =>
    Effect.gen(function* () {
      const socketPath = yield* serveMethods([echo], { messageTimeoutMillis: 300 })
      const idle = yield* rawClient(socketPath)
      const half = yield* rawClient(socketPath)
      half.socket.write('{"jsonrpc":"2.0","method":')
      yield* Effect.promise(() => half.untilClosed())
      assert.match(half.answers[0] ?? "", /-32700.*not complete/)
      idle.socket.write(request("echo", 1, { text: "idle connections stay" }))
      const answers = yield* Effect.promise(() => idle.answersUpTo(1))
      assert.deepStrictEqual(answers, [echoed(1, "idle connections stay")])
    })
  )

  live("ends a message that trickles for ever", () =>
    Effect.gen(function* () {
      const client = yield* rawClient(yield* serveMethods([echo], { messageTimeoutMillis: 300 }))
      client.socket.write('"')
      const drip = setInterval(() => client.socket.write("x"), 20)
      yield* Effect.ensuring(
        Effect.promise(() => client.untilClosed()),
        Effect.sync(() => clearInterval(drip))
      )
      assert.match(client.answers[0] ?? "", /-32700.*not complete/)
    })
  )

  live("closes the 65th client at once and serves the other 64", () =>
    Effect.gen(function* () {
      const socketPath = yield* serveMethods([echo])
      const clients = yield* Effect.forEach(Array.from({ length: 64 }), () => rawClient(socketPath))
      clients[0]?.socket.write(request("echo", 0, { text: "first" }))
      yield* Effect.promise(async () => clients[0]?.answersUpTo(1))
      const surplus = yield* rawClient(socketPath)
      yield* Effect.promise(() => surplus.untilClosed())
      assert.strictEqual(surplus.received, "")
      for (const [id, client] of clients.entries()) {
        client.socket.write(request("echo", id, { text: "served" }))
        yield* Effect.promise(() => client.until((c) => c.received.includes("served")))
      }
      clients[5]?.socket.destroy()
      yield* Effect.promise(async () => clients[5]?.untilClosed())
      let next = yield* rawClient(socketPath)
      while (true) {
        next.socket.write(request("echo", 1, { text: "in its place" }))
        yield* Effect.promise(() => next.until((c) => c.closed || c.answerCount > 0))
        if (!next.closed) break
        next = yield* rawClient(socketPath)
      }
    })
  )

  live("gives the place of a client that has left in the middle of a wait to the next one", () =>
    Effect.gen(function* () {
      const wait = yield* gated("wait", "wait")
      const { clientCount, socketPath } = yield* startServer([echo, wait.method], { clientsMax: 3 })
      for (let n = 0; n < 3; n++) {
        const leaver = yield* rawClient(socketPath)
        leaver.socket.write(`${request("echo", n, { text: "hello" })}${request("wait", n)}`)
        yield* Effect.promise(() => leaver.answersUpTo(1))
        leaver.socket.destroy()
      }
      // One that only ends its input still gets its answer, as long as nobody needs its place.
      let next = yield* rawClient(socketPath)
      while (true) {
        next.socket.end(request("wait", 1))
        yield* Effect.promise(() => Promise.race([next.untilClosed(), new Promise((done) => setTimeout(done, 100))]))
        if (!next.closed) break
        next = yield* rawClient(socketPath)
      }
      assert.strictEqual(clientCount(), 3)
      yield* wait.open
      assert.deepStrictEqual(yield* Effect.promise(() => next.answersUpTo(1)), [echoed(1, "wait")])
    })
  )

  live("stops reading a client that takes no answers, and gives all of them when it does", () =>
    Effect.gen(function* () {
      const socketPath = yield* serveMethods([flood, echo])
      const slow = yield* rawClient(socketPath)
      slow.socket.pause()
      const count = 80
      slow.socket.write(Array.from({ length: count }, (_, id) => request("flood", id)).join(""))
      const other = yield* rawClient(socketPath)
      for (let id = 0; id < 20; id++) other.socket.write(request("echo", id, { text: "meanwhile" }))
      yield* Effect.promise(() => other.answersUpTo(20))
      const before = process.memoryUsage().rss
      assert.isBelow(before, 1024 ** 3)
      slow.socket.removeAllListeners("data")
      slow.socket.resume()
      let bytes = 0
      let lines = 0
      slow.socket.on("data", (chunk) => {
        bytes += chunk.length
        for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) lines++
        if (lines === count) slow.socket.destroy()
      })
      yield* Effect.promise(() => slow.untilClosed())
      assert.strictEqual(lines, count)
      assert.isAbove(bytes, count * 1024 * 1024)
    })
  )

  live("keeps the answer to a batch within 32 MiB, and says what did not fit", () =>
    Effect.gen(function* () {
      const client = yield* rawClient(yield* serveMethods([flood]))
      client.socket.write(JSON.stringify(Array.from({ length: 33 }, (_, id) => ({ id, method: "flood" }))))
      yield* Effect.promise(() => client.until((c) => c.answerCount === 1))
      const ends = client.received.slice(-400)
      assert.match(
        ends,
        /"id":32,"error":\{"code":-32603,.*"reason":"the result has \d+ bytes","allowed":"at most \d+"/
      )
      assert.isBelow(client.received.length, 32 * 1024 * 1024 + 1000)
    })
  )

  live("keeps that bound where the answers are those of waits, which end together", () =>
    Effect.gen(function* () {
      const long = Effect.sync(() => "x".repeat(1024 * 1024))
      const wait = defineMethodWithoutParams({ name: "wait", kind: "wait", handler: () => long })
      const client = yield* rawClient(yield* serveMethods([wait]))
      client.socket.write(JSON.stringify(Array.from({ length: 40 }, (_, id) => ({ id, method: "wait" }))))
      yield* Effect.promise(() => client.until((c) => c.answerCount === 1))
      assert.match(client.received.slice(-400), /"id":39,"error":\{"code":-32603,/)
      assert.isBelow(client.received.length, 32 * 1024 * 1024 + 4000)
    })
  )

  live("lets others have their turn within a batch", () =>
    Effect.gen(function* () {
      let done = 0
      const handler = () => Effect.sync(() => void done++)
      const step = defineMethodWithoutParams({ name: "step", kind: "wait", handler })
      const seen = defineMethodWithoutParams({ name: "seen", kind: "query", handler: () => Effect.sync(() => done) })
      const socketPath = yield* serveMethods([step, seen])
      const [client, other] = [yield* rawClient(socketPath), yield* rawClient(socketPath)]
      client.socket.write(JSON.stringify(Array.from({ length: 1000 }, (_, id) => ({ id, method: "step" }))))
      yield* Effect.repeat(Effect.yieldNow, { until: () => done > 0 })
      other.socket.write(request("seen", 0))
      const [answer = ""] = yield* Effect.promise(() => other.answersUpTo(1))
      assert.isBelow(JSON.parse(answer).result, 1000)
    })
  )

  live("runs at most 8 waits beside what follows them", () =>
    Effect.gen(function* () {
      const wait = yield* gated("wait", "wait")
      const client = yield* rawClient(yield* serveMethods([wait.method, echo]))
      for (let id = 0; id < 9; id++) client.socket.write(request("wait", id))
      client.socket.write(request("echo", 9, { text: "held up" }))
      yield* wait.entered
      yield* wait.open
      const answers = yield* Effect.promise(() => client.answersUpTo(10))
      assert.strictEqual(answers.at(-1), echoed(9, "held up"))
      assert.strictEqual(wait.endedCount(), 9)
    })
  )

  live("gives up a client that takes nothing for the write timeout", () =>
    Effect.gen(function* () {
      const server = yield* startServer([flood], { writeTimeoutMillis: 200, messageTimeoutMillis: 200 })
      const slow = yield* rawClient(server.socketPath)
      slow.socket.pause()
      slow.socket.write(Array.from({ length: 64 }, (_, id) => request("flood", id)).join(""))
      yield* Effect.repeat(Effect.sleep("5 millis"), { until: () => server.clientCount() === 1 })
      yield* Effect.repeat(Effect.sleep("5 millis"), { until: () => server.clientCount() === 0 })
      slow.socket.resume()
      yield* Effect.promise(() => slow.untilClosed())
      assert.isBelow(slow.answers.length, 64)
    })
  )

  live("is private from the first moment and leaves nothing behind", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const socketPath = yield* Scope.provide(serveMethods([echo]), scope)
      assert.strictEqual(fs.statSync(socketPath).mode & 0o777, 0o600)
      assert.strictEqual(fs.statSync(`${socketPath}.lock`).mode & 0o777, 0o600)
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(fs.existsSync(socketPath))
      assert.isFalse(fs.existsSync(`${socketPath}.lock`))
    })
  )

  live("does not wait for waits when it is stopped", () =>
    Effect.gen(function* () {
      const wait = yield* gated("wait", "wait")
      const scope = yield* Scope.make()
      const socketPath = yield* Scope.provide(serveMethods([wait.method], { shutdownGraceMillis: 600_000 }), scope)
      const client = yield* rawClient(socketPath)
      client.socket.write(request("wait", 1))
      yield* wait.entered
      yield* Scope.close(scope, Exit.void)
      yield* Effect.promise(() => client.untilClosed())
      assert.deepStrictEqual(client.answers, [])
    })
  )

  live("lets a running call answer when it is stopped, and takes no new one", () =>
    Effect.gen(function* () {
      const change = yield* gated("change", "change")
      const scope = yield* Scope.make()
      const socketPath = yield* Scope.provide(serveMethods([change.method, echo]), scope)
      const client = yield* rawClient(socketPath)
      client.socket.write(request("change", 1))
      yield* change.entered
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      client.socket.write(request("echo", 2, { text: "too late" }))
      yield* change.open
      yield* Effect.promise(() => client.untilClosed())
      assert.deepStrictEqual(client.answers, [echoed(1, "change")])
      yield* Fiber.join(closing)
    })
  )
})
