/** What methods say to `params: {}`: SPDK's as it was recorded (spdk-golden.test.ts), lunlog's own as to no params. */
import { assert, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { allMethods } from "../../src/rpc/methods/all-methods.ts"
import type { RpcClient } from "../../src/rpc/RpcClient.ts"
import { failure, runningTarget } from "./target-support.ts"

const own = allMethods.filter(({ kind, name }) => kind === "query" && /^(lunlog|eventlog)_/u.test(name))

const outcome = (client: RpcClient, method: string, params?: unknown) =>
  Effect.map(Effect.result(client.call(method, params)), (result) =>
    Result.isSuccess(result) ? "an answer" : result.failure.message
  )

it.live("an empty object is as no params for lunlog's own queries, whether they take some or not", () =>
  Effect.gen(function* () {
    const { client } = yield* runningTarget()
    let answered = 0
    for (const { name } of own) {
      const [absent, empty] = [yield* outcome(client, name), yield* outcome(client, name, {})]
      if (absent === "an answer") answered++
      if (!absent.includes("params are missing")) assert.strictEqual(empty, absent, name)
      else assert.notStrictEqual(empty, "an answer", `${name} needs no parameters, and refuses to be called without`)
    }
    assert.isAbove(answered, 10)
  })
)

it.live("what is in it is refused all the same where nothing is taken", () =>
  Effect.gen(function* () {
    const { client } = yield* runningTarget()
    for (const params of [{ a: 1 }, []]) {
      const { code, message } = yield* failure(client.call("lunlog_get_metrics", params))
      assert.strictEqual(code, -32602)
      assert.include(message, "lunlog_get_metrics requires no parameters")
    }
  })
)
