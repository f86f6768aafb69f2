/** `lunlog_config_*` as a client sees them: what is uploaded, planned, applied and refused. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, type Scope } from "effect"
import { failure, type RpcTarget, runningTarget } from "./target-support.ts"

const live = (name: string, run: (target: RpcTarget) => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.flatMap(runningTarget(), run))

const upload = ({ client }: RpcTarget, config: unknown, name = "f.yaml") =>
  client.call("lunlog_config_upload", { name, chunk: JSON.stringify(config), restart: true })

const disk = (size: string) => ({ bdevs: [{ type: "malloc", name: "m", size }] })

interface Answer {
  readonly digest: string
  readonly steps: ReadonlyArray<object>
  readonly conflicts: ReadonlyArray<{ readonly path: ReadonlyArray<unknown>; readonly message: string }>
}

const isAnswer = (value: unknown): value is Answer => typeof value === "object" && value !== null && "digest" in value

const answerOf = (call: Effect.Effect<unknown, unknown>) =>
  Effect.map(call, (value) => {
    assert(isAnswer(value))
    return value
  })

const plan = ({ client }: RpcTarget, params?: object) => answerOf(client.call("lunlog_config_plan", params))

describe("an upload", () => {
  live("comes in chunks that follow one another, and begins anew under another name", (target) =>
    Effect.gen(function* () {
      const call = (name: string, chunk: string) => target.client.call("lunlog_config_upload", { name, chunk })
      assert.deepStrictEqual(yield* call("a", '{"bde'), { characters: 5 })
      assert.deepStrictEqual(yield* call("b", '{"bdevs":'), { characters: 9 })
      assert.deepStrictEqual(yield* call("b", "[]}"), { characters: 12 })
      assert.deepStrictEqual((yield* plan(target)).steps, [])
    })
  )

  live("is refused beyond 16 MiB, and forgotten", (target) =>
    Effect.gen(function* () {
      const chunk = "x".repeat(200_000)
      const more = target.client.call("lunlog_config_upload", { name: "a", chunk })
      for (let sent = 0; sent + chunk.length <= 16 * 1024 * 1024; sent += chunk.length) yield* more
      assert.strictEqual((yield* failure(more)).code, -28)
      assert.match(
        JSON.stringify((yield* failure(target.client.call("lunlog_config_plan"))).data),
        /nothing was uploaded/
      )
    })
  )

  live("is told in which section something was declared first", (target) =>
    Effect.gen(function* () {
      yield* upload(target, { bdevs: [...disk("1MiB").bdevs, ...disk("2MiB").bdevs] })
      const { data } = yield* failure(target.client.call("lunlog_config_plan"))
      assert.match(JSON.stringify(data), /is declared twice; first at bdevs\[0\]/)
    })
  )

  live("that is no configuration is refused with the reason", (target) =>
    Effect.gen(function* () {
      for (const config of ["nonsense", { bdevs: [{ type: "nonsense" }] }, { nonsense: 1 }]) {
        yield* upload(target, config)
        const { code, data } = yield* failure(target.client.call("lunlog_config_plan"))
        assert.strictEqual(code, -32602)
        assert.match(JSON.stringify(data), /has not the form that this target knows/)
      }
    })
  )
})

describe("a plan", () => {
  live("is applied once; then there is nothing to do", (target) =>
    Effect.gen(function* () {
      yield* upload(target, disk("1MiB"))
      const { digest, steps } = yield* plan(target)
      assert.deepOwnInclude(steps[0], { action: "create", object: "bdev m", detail: "malloc, 1 MiB" })
      yield* target.client.call("lunlog_config_apply", { digest })
      assert.deepStrictEqual((yield* plan(target)).steps, [])
      assert.deepStrictEqual(yield* target.client.call("lunlog_config_progress"), { running: false })
    })
  )

  live("is refused when the target has changed so that it is another one", (target) =>
    Effect.gen(function* () {
      yield* upload(target, disk("1MiB"))
      const { digest } = yield* plan(target)
      yield* target.client.call("bdev_null_create", { name: "other", num_blocks: 8, block_size: 512 })
      // Nothing that concerns the plan.
      assert.strictEqual((yield* plan(target)).digest, digest)
      yield* target.client.call("bdev_malloc_create", { name: "m", num_blocks: 8, block_size: 512 })
      const { code, data } = yield* failure(target.client.call("lunlog_config_apply", { digest }))
      assert.strictEqual(code, -11)
      assert.match(JSON.stringify(data), /the target has changed since the plan for f.yaml was shown/)
    })
  )

  live("that has not ended is told by the status, until what it took down is up again", (target) =>
    Effect.gen(function* () {
      const { client, fake } = target
      const file = (size: string) => ({
        bdevs: [{ type: "null", name: "n", size }],
        targets: [{ name: "t", maps: [], luns: [{ lun: 0, bdev: "n" }] }]
      })
      yield* upload(target, file("2MiB"))
      yield* client.call("lunlog_config_apply")
      fake.drainGate = yield* Deferred.make<void>()
      yield* upload(target, file("1MiB"))
      // Nothing waits for the drain here, so that the new disk meets the old one.
      yield* failure(client.call("lunlog_config_apply"))
      const status = Effect.map(client.call("lunlog_status"), (value) => JSON.stringify(value))
      const broken = yield* status
      assert.include(broken, "has not ended, and what it took down is not up again")
      assert.include(broken, '"drift_count":0')
      yield* Deferred.succeed(fake.drainGate, undefined)
      yield* Effect.retry(client.call("lunlog_config_apply"), { times: 500 })
      assert.notInclude(yield* status, "has not ended")
      assert.match(JSON.stringify(yield* client.call("iscsi_get_target_nodes")), /"bdev_name":"n","lun_id":0/)
    })
  )

  live("has its conflicts, with their paths; applying it is refused with the same", (target) =>
    Effect.gen(function* () {
      yield* target.client.call("bdev_malloc_create", { name: "m", num_blocks: 8, block_size: 512 })
      yield* upload(target, disk("1MiB"))
      const { conflicts } = yield* plan(target)
      assert.deepStrictEqual(conflicts[0]?.path, ["bdevs", 0])
      const { code, data } = yield* failure(target.client.call("lunlog_config_apply"))
      assert.strictEqual(code, -32602)
      assert.deepNestedPropertyVal(data, "problems", conflicts)
    })
  )

  live("of a file that the rules refuse has every problem with its path", (target) =>
    Effect.gen(function* () {
      const targets = [{ name: "t", maps: [], luns: [{ lun: 0, bdev: "gone" }] }]
      yield* upload(target, {
        ...disk("1MiB"),
        initiatorGroups: [{ tag: 0, initiators: ["ANY"], netmasks: [] }],
        targets
      })
      const { data } = yield* failure(target.client.call("lunlog_config_plan"))
      assert.match(JSON.stringify(data), /"path":\["initiatorGroups",0\]/)
      assert.match(JSON.stringify(data), /"path":\["targets",0,"luns",0,"bdev"\]/)
    })
  )
})

it.live("what a client has uploaded is not in the causes that the log records", () =>
  Effect.gen(function* () {
    const target = yield* runningTarget()
    yield* upload(target, disk("1MiB"))
    yield* target.client.call("bdev_null_create", { name: "n", num_blocks: 8, block_size: 512 })
    assert.notInclude(JSON.stringify(yield* target.client.call("eventlog_tail", { count: 1 })), "upload")
  })
)
