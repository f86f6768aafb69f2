/** A console that may only read, with every method that there is: nothing that it is let do leaves anything behind. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { EventLog } from "../../../eventlog/EventLog.ts"
import { ConsoleEndpoint } from "../../../src/rpc/http/ConsoleEndpoint.ts"
import { Instance } from "../../../src/rpc/Instance.ts"
import { allMethods } from "../../../src/rpc/methods/all-methods.ts"
import { Notifications } from "../../../src/rpc/Notifications.ts"
import { RpcRouter } from "../../../src/rpc/RpcRouter.ts"
import { newFake } from "../fake-data-plane.ts"
import { targetServices } from "../target-support.ts"
import { ask } from "./http-client.ts"

const token = "a-token-of-the-test-0123456789"

interface Answer {
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly data?: { readonly reason?: string; readonly hint?: string } }
}

interface Call {
  readonly method: string
  readonly params?: unknown
}

/** A running target behind a console; gives what asks it, and its services. */
const open = Effect.gen(function* () {
  const fake = newFake()
  const endpoint = ConsoleEndpoint.layer({
    host: "127.0.0.1",
    port: 0,
    token: Redacted.make(token),
    allowsChanges: false,
    hostNames: [],
    files: Effect.succeed(new Map()),
    routes: new Map()
  }).pipe(
    Layer.provide(RpcRouter.layer(allMethods)),
    Layer.provide(Notifications.layer),
    Layer.provideMerge(targetServices({}, fake))
  )
  const services = yield* Layer.build(endpoint)
  yield* Effect.orDie(Context.get(services, Instance).initialize)
  const { url } = Context.get(services, ConsoleEndpoint)
  const askAll = (calls: ReadonlyArray<Call>): Effect.Effect<ReadonlyArray<Answer>> =>
    Effect.map(
      ask(`${url}rpc`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify(calls.map((call, id) => ({ ...call, id })))
      }),
      ({ body }) => JSON.parse(body)
    )
  return { askAll, fake, log: Context.get(services, EventLog) }
})

const isRefused = ({ error }: Answer): boolean =>
  error?.code === -1 &&
  error.data?.reason?.includes("is not for a caller who may only read") === true &&
  error.data.hint?.includes("--console-allow-changes") === true

const namesOf = (wanted: (method: (typeof allMethods)[number]) => boolean): ReadonlyArray<string> =>
  allMethods.filter(wanted).flatMap(({ aliases, name }) => [name, ...aliases])

const changing = namesOf(({ kind, sideEffect }) => kind === "change" || sideEffect !== undefined)
const reading = namesOf(({ kind, sideEffect }) => kind !== "change" && sideEffect === undefined)

describe("a console that may only read", () => {
  it.live("is refused every method that changes something, by every name of it", () =>
    Effect.gen(function* () {
      const { askAll } = yield* open
      assert.isAbove(changing.length, 100)
      for (const [index, answer] of (yield* askAll(changing.map((method) => ({ method })))).entries()) {
        assert.isTrue(isRefused(answer), `${changing[index]}: ${JSON.stringify(answer)}`)
      }
    })
  )

  it.live("is let call all others, after which nothing has changed", () =>
    Effect.gen(function* () {
      const { askAll, fake, log } = yield* open
      assert.isAbove(reading.length, 60)
      const before = log.tip()
      const calls = reading.flatMap((method) => [
        { method },
        { method, params: {} },
        { method, params: { name: "Malloc0", enable: true, chunk: "{}", file: "/tmp/never" } }
      ])
      for (const [index, answer] of (yield* askAll(calls)).entries()) {
        assert.isFalse(isRefused(answer), `${calls[index]?.method}: ${JSON.stringify(answer)}`)
      }
      assert.deepStrictEqual(log.tip(), before)
      assert.deepStrictEqual([fake.leasesHeld, fake.injections], [0, []])
    })
  )

  it.live("reads counters, and resets none", () =>
    Effect.gen(function* () {
      const { askAll } = yield* open
      const iostat = (reset_mode?: string) => ({ method: "bdev_get_iostat", params: { reset_mode } })
      const answers = yield* askAll([iostat(), iostat("none"), iostat("all"), iostat("maxmin"), iostat("error")])
      assert.deepStrictEqual(answers.map(isRefused), [false, false, true, true, true])
    })
  )

  it("knows of every query what it does beside answering", () => {
    const known = allMethods.filter(({ sideEffect }) => sideEffect !== undefined).map(({ name }) => name)
    assert.sameMembers(known, [
      "env_dpdk_get_mem_stats",
      "lunlog_bdev_dump",
      "lunlog_replay_next",
      "lunlog_replay_until"
    ])
  })
})
