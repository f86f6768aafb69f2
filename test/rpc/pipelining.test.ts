/** What may overtake what: requests during the start, and waits within batches. Answers keep their order. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, type Scope } from "effect"
import { rawClient } from "./support.ts"
import { startTarget } from "./target-support.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const text = (id: number, method: string, params?: object): string => JSON.stringify({ id, method, params })

const parsed = (answers: ReadonlyArray<string>) => answers.map((answer): unknown => JSON.parse(answer))

describe("while the framework starts", () => {
  live("requests that need it wait for it, as in SPDK; others are answered", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const bringUp = Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))
      const { socketPath } = yield* startTarget({ bringUp })
      const starter = yield* rawClient(socketPath)
      const other = yield* rawClient(socketPath)
      other.socket.write(text(0, "bdev_get_bdevs"))
      assert.include((yield* Effect.promise(() => other.answersUpTo(1)))[0], '"code":-1')
      starter.socket.write(text(1, "framework_start_init"))
      yield* Deferred.await(begun)
      other.socket.write(text(1, "log_get_level") + text(2, "bdev_get_bdevs") + text(3, "iscsi_get_options"))
      yield* Effect.promise(() => other.answersUpTo(2))
      const third = yield* rawClient(socketPath)
      third.socket.write(text(1, "spdk_get_version"))
      yield* Effect.promise(() => third.answersUpTo(1))
      assert.strictEqual(other.answerCount, 2)
      assert.strictEqual(starter.answerCount, 0)
      yield* Deferred.succeed(gate, undefined)
      const [, , bdevs, options] = parsed(yield* Effect.promise(() => other.answersUpTo(4)))
      assert.deepStrictEqual(bdevs, { jsonrpc: "2.0", id: 2, result: [] })
      assert.nestedProperty(options, "result.node_base")
      assert.deepStrictEqual(parsed(yield* Effect.promise(() => starter.answersUpTo(1))), [
        { jsonrpc: "2.0", id: 1, result: true }
      ])
    })
  )
})

describe("a batch of waits", () => {
  live("does not hold up what follows it, which may be what it waits for", () =>
    Effect.gen(function* () {
      const { socketPath } = yield* startTarget()
      const client = yield* rawClient(socketPath)
      const wait = `[${text(1, "framework_wait_init")},${text(2, "log_get_level")}]`
      client.socket.write(wait + text(3, "framework_start_init"))
      const [batch, started] = parsed(yield* Effect.promise(() => client.answersUpTo(2)))
      assert.deepStrictEqual(batch, [
        { jsonrpc: "2.0", id: 1, result: true },
        { jsonrpc: "2.0", id: 2, result: "NOTICE" }
      ])
      assert.deepStrictEqual(started, { jsonrpc: "2.0", id: 3, result: true })
    })
  )
})
