/** The client: what its errors tell a person, and what it makes of answers. */

import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema, type Scope } from "effect"
import { connect, NoAnswer, NoServer } from "../../src/rpc/RpcClient.ts"
import { defineMethod, defineMethodWithoutParams } from "../../src/rpc/RpcMethod.ts"
import { serveMethods } from "./server-support.ts"
import { temporaryDirectory } from "./support.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const numbers = defineMethodWithoutParams({
  name: "numbers",
  kind: "query",
  handler: () => Effect.succeed({ big: 2n ** 63n, small: 12, fraction: 0.5, text: "Grüße 😀", none: null })
})
const forever = defineMethodWithoutParams({ name: "forever", kind: "query", handler: () => Effect.never })
const picky = defineMethod({
  name: "picky",
  kind: "query",
  params: Schema.Struct({ text: Schema.String, list: Schema.optionalKey(Schema.Array(Schema.Boolean)) }),
  handler: ({ text }) => Effect.succeed(text)
})

/** A server that answers whatever comes with the same text. */
const serveAnswer = (answer: string) =>
  Effect.gen(function* () {
    const socketPath = path.join(yield* temporaryDirectory, "foreign.sock")
    const server = net.createServer((socket) => socket.once("data", () => socket.end(answer)))
    yield* Effect.acquireRelease(
      Effect.promise(() => new Promise<void>((resolve) => server.listen(socketPath, resolve))),
      () => Effect.sync(() => server.close())
    )
    return socketPath
  })

describe("RpcClient", () => {
  live("says which socket nobody serves, and how to start", () =>
    Effect.gen(function* () {
      const socketPath = path.join(yield* temporaryDirectory, "absent.sock")
      const result = yield* Effect.result(connect(socketPath))
      assert(Result.isFailure(result) && result.failure instanceof NoServer)
      assert.strictEqual(
        result.failure.message,
        `no lunlog is running at ${socketPath} (ENOENT); start one with "lunlog serve -r ${socketPath}", or name its ` +
          "socket with -r PATH"
      )
    })
  )

  live("gives numbers exactly and text as it was", () =>
    Effect.gen(function* () {
      const client = yield* connect(yield* serveMethods([numbers]))
      assert.deepStrictEqual(yield* client.call("numbers"), {
        big: 2n ** 63n,
        small: 12,
        fraction: 0.5,
        text: "Grüße 😀",
        none: null
      })
    })
  )

  live("tells every mistake in the parameters at once", () =>
    Effect.gen(function* () {
      const client = yield* connect(yield* serveMethods([picky]))
      assert.strictEqual(yield* client.call("picky", { text: "a" }), "a")
      const result = yield* Effect.result(client.call("picky", { text: 5, list: [true, "no"], more: 1 }))
      assert(Result.isFailure(result) && result.failure._tag === "CallFailed")
      assert.deepInclude(result.failure, { code: -32602, text: "Invalid parameters" })
      const reason = JSON.stringify(result.failure.data)
      assert.deepInclude(result.failure.data, { allowed: "text, list (optional)", object: "params of picky" })
      assert.include(reason, 'There is no such parameter: [\\"more\\"]')
      for (const mistake of ['[\\"text\\"]', '[\\"list\\"][1]', '[\\"more\\"]']) assert.include(reason, mistake)
    })
  )

  live("gives up after its timeout and says that the call may have been carried out", () =>
    Effect.gen(function* () {
      const client = yield* connect(yield* serveMethods([forever], { shutdownGraceMillis: 50 }))
      const result = yield* Effect.result(client.call("forever", undefined, { timeoutMillis: 50 }))
      assert(Result.isFailure(result) && result.failure instanceof NoAnswer)
      assert.include(result.failure.message, "nothing came within 50 ms")
      assert.include(result.failure.message, "lunlog log tail")
      const after = yield* Effect.result(client.call("forever", undefined, { timeoutMillis: 1000 }))
      assert(Result.isFailure(after) && after.failure instanceof NoAnswer)
    })
  )

  live("does not take an ordinary file or a directory for a server", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const file = path.join(directory, "file")
      fs.writeFileSync(file, "")
      for (const path of [file, directory]) {
        const result = yield* Effect.result(connect(path))
        assert(Result.isFailure(result) && result.failure instanceof NoServer)
        assert.strictEqual(result.failure.message, `${path} is no socket; name that of a running target with -r PATH`)
      }
    })
  )

  live("takes nothing for success but a result", () =>
    Effect.gen(function* () {
      for (const answer of ["{}", '{"id":1}', '{"error":5}', "[]", '"yes"']) {
        const client = yield* connect(yield* serveAnswer(answer))
        const result = yield* Effect.result(client.call("anything"))
        assert(Result.isFailure(result) && result.failure instanceof NoAnswer, answer)
      }
    })
  )
})
