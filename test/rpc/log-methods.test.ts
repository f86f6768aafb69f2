/** What methods leave in the event log, how it is read, and what callers hear when it takes nothing. */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Result, type Scope } from "effect"
import { EventLog } from "../../eventlog/EventLog.ts"
import { controlKey } from "../../eventlog/key.ts"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { MemoryEventLog, MemoryStore } from "../../eventlog/MemoryEventLog.ts"
import { CallFailed, connect, type RpcClient } from "../../src/rpc/RpcClient.ts"
import { FaultyStore, faultPlan } from "../eventlog/support.ts"
import { rawClient, temporaryDirectory } from "./support.ts"
import { runningTarget } from "./target-support.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

interface Shown {
  readonly seq: number
  readonly type: string
  readonly cause: unknown
  readonly payload: unknown
}

const isShown = (value: unknown): value is Shown =>
  typeof value === "object" && value !== null && "seq" in value && "type" in value

const recordsOf = (page: unknown): ReadonlyArray<Shown> => {
  assert(typeof page === "object" && page !== null && "records" in page && Array.isArray(page.records))
  return page.records.filter(isShown)
}

const createNull = (client: RpcClient, name: string) =>
  client.call("bdev_null_create", { name, num_blocks: 8, block_size: 512 })

describe("the log", () => {
  live("names method, request and client of a change", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* createNull(client, "N0")
      yield* client.call("lunlog_identify", { source: "cli", actor: "root@pts/1" })
      yield* createNull(client, "N1")
      const last = recordsOf(yield* client.call("eventlog_tail", { count: 2 }))
      assert.deepStrictEqual(
        last.map(({ cause, type }) => ({ cause, type })),
        [
          {
            type: "BdevCreated",
            cause: { source: "rpc", actor: "local", method: "bdev_null_create", requestId: "2" }
          },
          {
            type: "BdevCreated",
            cause: { source: "cli", actor: "root@pts/1", method: "bdev_null_create", requestId: "4" }
          }
        ]
      )
      assert.nestedInclude(last[1], { "payload.name": "N1" })
    })
  )

  live("is read in pages that say where to go on", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      for (let i = 0; i < 7; i++) yield* createNull(client, `N${i}`)
      const seqs: Array<number> = []
      let from: unknown = 1
      while (typeof from === "number") {
        const page = yield* client.call("eventlog_read", { from, limit: 3 })
        seqs.push(...recordsOf(page).map(({ seq }) => seq))
        from = typeof page === "object" && page !== null && "next" in page ? page.next : undefined
      }
      assert.deepStrictEqual(seqs, [1, 2, 3, 4, 5, 6, 7, 8])
      assert.deepStrictEqual(recordsOf(yield* client.call("eventlog_read", { from: 3, to: 4 })).length, 2)
    })
  )

  live("is followed by reads that wait for news", () =>
    Effect.gen(function* () {
      const { client, socketPath } = yield* runningTarget()
      const other = yield* connect(socketPath)
      const following = yield* Effect.forkChild(client.call("eventlog_read", { from: 2, timeout: 30_000 }))
      yield* createNull(other, "N0")
      const news = recordsOf(yield* Fiber.join(following))
      assert.deepStrictEqual(
        news.map(({ seq, type }) => ({ seq, type })),
        [{ seq: 2, type: "BdevCreated" }]
      )
      assert.deepStrictEqual(recordsOf(yield* client.call("eventlog_read", { from: 3, timeout: 10 })), [])
    })
  )

  live("is followed past what a filter leaves out", () =>
    Effect.gen(function* () {
      const { client, socketPath } = yield* runningTarget()
      const other = yield* connect(socketPath)
      const wanted = { from: 2, timeout: 30_000, object: ["bdev:N1"], words: true }
      yield* createNull(other, "N1")
      const following = yield* Effect.forkChild(client.call("eventlog_read", { ...wanted, from: 3 }))
      yield* createNull(other, "N0")
      yield* other.call("bdev_null_delete", { name: "N1" })
      const news = recordsOf(yield* Fiber.join(following))
      assert.deepStrictEqual(
        news
          .map(({ type }) => type)
          .filter((type) => type.startsWith("Bdev"))
          .slice(0, 1),
        ["BdevRemovalStarted"]
      )
      assert.isTrue(news.every((record) => "text" in record && JSON.stringify(record).includes("N1")))
    })
  )

  live("is verified from the first record to the last", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* createNull(client, "N0")
      assert.deepInclude(yield* client.call("eventlog_verify"), {
        clean: true,
        control: 2,
        observations: 0,
        last_seq: 2
      })
    })
  )

  live("is not called clean when a file of its store is damaged where no record lies", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const log = LevelEventLog.layer({ directory, ballastBytes: 0 })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { client } = yield* runningTarget({ log })
          for (let i = 0; i < 200; i++) yield* createNull(client, `N${i}`)
        })
      )
      // Opening puts the journal, which ends with a snapshot of 200 bdevs, into a table.
      const { client } = yield* runningTarget({ log: Layer.fresh(log) })
      assert.deepInclude(yield* client.call("eventlog_verify"), { clean: true, control: 202 })
      const database = path.join(directory, "db")
      const [table] = fs.readdirSync(database).filter((name) => name.endsWith(".ldb"))
      assert(table !== undefined)
      const file = path.join(database, table)
      const bytes = fs.readFileSync(file)
      const at = Math.floor(bytes.length * 0.8)
      fs.writeFileSync(file, bytes.fill((bytes[at] ?? 0) ^ 0x10, at, at + 1))
      const report = yield* client.call("eventlog_verify")
      assert.deepInclude(report, { finished: true, clean: false })
      assert.include(JSON.stringify(report), table)
      assert.include(JSON.stringify(report), "copy the directory while the target is stopped")
    })
  )

  live("that cannot be read says so, and does not speak of changes", () =>
    Effect.gen(function* () {
      const store = new MemoryStore()
      const { client } = yield* runningTarget({ log: MemoryEventLog.layer({ store }) })
      yield* Effect.promise(() => store.write([{ type: "put", key: controlKey(1), value: new Uint8Array(9) }]))
      for (const method of ["eventlog_read", "eventlog_tail"]) {
        const error = yield* Effect.flip(client.call(method))
        assert(error instanceof CallFailed)
        assert.strictEqual(error.code, -5)
        assert.match(JSON.stringify(error.data), /at record 1: what lies under.*"hint":"lunlog log verify/)
      }
    })
  )

  live("is part of the status", () =>
    Effect.gen(function* () {
      const { client } = yield* runningTarget()
      yield* createNull(client, "N0")
      const status = yield* client.call("lunlog_status")
      assert.deepNestedInclude(status, {
        state: "RUNTIME",
        pid: process.pid,
        epoch: { number: 1, mode: "empty" },
        "log.durable_seq": 2,
        "log.control_no": 2,
        "objects.bdevs": 1,
        warnings: ["this data plane is a fake"]
      })
    })
  )

  live("answers a full disk with -28, changes nothing, and goes on when there is room", () =>
    Effect.gen(function* () {
      const plan = faultPlan()
      const store = new MemoryStore()
      const open = () => new FaultyStore(store, plan)
      const log = Layer.effect(EventLog, MemoryEventLog.make({ store: open(), reopen: async () => open() }))
      const { client, fake, socketPath } = yield* runningTarget({ log })
      let isFull = true
      plan.next = () => (isFull ? "refuse" : "none")
      const creating = yield* Effect.forkChild(Effect.result(createNull(client, "N0")), { startImmediately: true })
      // What the hints of such errors promise: the status tells while it lasts, and no longer.
      const other = yield* connect(socketPath)
      const warnings = Effect.map(other.call("lunlog_status"), (status) => JSON.stringify(status))
      yield* Effect.repeat(warnings, { until: (text) => /"warnings":\[".*event log.*ENOSPC/.test(text) })
      isFull = false
      const full = yield* Fiber.join(creating)
      yield* Effect.repeat(warnings, { until: (text) => !text.includes("ENOSPC") })
      assert(Result.isFailure(full) && full.failure instanceof CallFailed)
      assert.deepInclude(full.failure, { code: -28, text: "No space left on device" })
      assert.include(JSON.stringify(full.failure.data), "ENOSPC")
      assert.deepStrictEqual(yield* client.call("bdev_get_bdevs"), [])
      assert.strictEqual(fake.leasesHeld, 0)
      yield* Effect.retry(createNull(client, "N0"), { while: (error) => error instanceof CallFailed, times: 500 })
      assert.strictEqual(fake.leasesHeld, 1)
    })
  )

  live("has every change of a batch, in its order", () =>
    Effect.gen(function* () {
      const { client, socketPath } = yield* runningTarget()
      const raw = yield* rawClient(socketPath)
      const create = (id: number, name: string) => ({
        id,
        method: "bdev_null_create",
        params: { name, num_blocks: 8, block_size: 512 }
      })
      raw.socket.write(
        JSON.stringify([create(1, "A"), create(2, "B"), { ...create(3, "C"), id: null }, create(4, "A")])
      )
      const [line = ""] = yield* Effect.promise(() => raw.answersUpTo(1))
      assert.match(
        line,
        /^\[\{"jsonrpc":"2.0","id":1,"result":"A"\},\{"jsonrpc":"2.0","id":2,"result":"B"\},\{.*-17.*\}\]$/
      )
      const names = recordsOf(yield* client.call("eventlog_tail", { count: 3 })).map(({ payload }) =>
        JSON.stringify(payload)
      )
      for (const [index, name] of ["A", "B", "C"].entries()) assert.include(names[index], `"name":"${name}"`)
    })
  )
})
