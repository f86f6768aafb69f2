/** `/healthz`, `/readyz` and `/metrics` on a port of their own: what they say of which target, and to whom. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { EventLog, LogUnavailable } from "../../../eventlog/EventLog.ts"
import { ControlPlane } from "../../../src/domain/ControlPlane.ts"
import { DataPlane, type PortalStatus } from "../../../src/domain/DataPlane.ts"
import { PortalGroupTag } from "../../../src/domain/ids.ts"
import { healthRoutes } from "../../../src/rpc/http/health-routes.ts"
import { MetricsEndpoint, type MetricsEndpointOptions } from "../../../src/rpc/http/MetricsEndpoint.ts"
import { metricsRoute } from "../../../src/rpc/http/metrics-route.ts"
import { Instance } from "../../../src/rpc/Instance.ts"
import { newFake } from "../fake-data-plane.ts"
import { targetServices } from "../target-support.ts"
import { ask, askRaw } from "./http-client.ts"

interface Faults {
  readonly log?: LogUnavailable
  readonly portals?: ReadonlyArray<PortalStatus>
}

const tag = PortalGroupTag.make(1)
const portal = { host: "127.0.0.1", port: 3260 }
const waitingPortal = { host: "127.0.0.1", port: 3261 }

const groups = Effect.gen(function* () {
  const { dispatch } = yield* ControlPlane
  const cause = { source: "rpc", actor: "test" } as const
  yield* dispatch({ _tag: "CreatePortalGroup", tag, portals: [portal], private: false, wait: false }, cause)
  const other = PortalGroupTag.make(2)
  yield* dispatch(
    { _tag: "CreatePortalGroup", tag: other, portals: [waitingPortal], private: false, wait: true },
    cause
  )
})

/** A target with two portals, one of which is told to wait; gives the URL and its instance. */
const open = (faults: Faults = {}, options: Partial<MetricsEndpointOptions> = {}) =>
  Effect.gen(function* () {
    const services = yield* Layer.build(targetServices({}, newFake()))
    yield* Effect.provideContext(groups, services)
    const routes = yield* healthRoutes.pipe(
      Effect.updateService(EventLog, (log) => ({ ...log, unavailable: () => faults.log })),
      Effect.updateService(DataPlane, (plane) => ({
        ...plane,
        status: Effect.map(plane.status, (status) => ({
          ...status,
          portals: faults.portals ?? [{ tag, ...portal, state: "listening" as const }]
        }))
      })),
      Effect.provideContext(services)
    )
    const metrics = yield* metricsRoute(Effect.succeed("lunlog_up 1\n"), options.token !== undefined)
    const endpoint = MetricsEndpoint.layer({
      host: "127.0.0.1",
      port: 0,
      routes: new Map([...routes, ["/metrics", metrics]]),
      ...options
    })
    const { url } = Context.get(yield* Layer.build(endpoint), MetricsEndpoint)
    return { url, instance: Context.get(services, Instance) }
  })

const running = (faults: Faults = {}, options: Partial<MetricsEndpointOptions> = {}) =>
  Effect.gen(function* () {
    const { instance, url } = yield* open(faults, options)
    yield* Effect.orDie(instance.initialize)
    return url
  })

const readyz = (url: string) =>
  Effect.map(ask(`${url}/readyz`), ({ body, status }): unknown => ({ status, ...JSON.parse(body) }))

const ready = { status: 200, ready: true, configuration: "ok", log: "ok", portals: "ok" }

describe("health", () => {
  it.live("is alive from the start, and ready when the configuration is applied", () =>
    Effect.gen(function* () {
      const { instance, url } = yield* open()
      assert.strictEqual((yield* ask(`${url}/healthz`)).status, 200)
      const configuration = "the start is still under way"
      assert.deepStrictEqual(yield* readyz(url), { ...ready, status: 503, ready: false, configuration })
      yield* Effect.orDie(instance.initialize)
      assert.deepStrictEqual(yield* readyz(url), ready)
    })
  )

  it.live("is not ready while the log takes no records, and does not say where it is", () =>
    Effect.gen(function* () {
      const log = new LogUnavailable({ code: "ENOSPC", directory: "/var/lib/lunlog/log", detail: "no space" })
      const url = yield* running({ log })
      const says = "the event log takes no records (ENOSPC); lunlog status says why"
      assert.deepStrictEqual(yield* readyz(url), { ...ready, status: 503, ready: false, log: says })
      assert.strictEqual((yield* ask(`${url}/healthz`)).status, 200)
    })
  )

  for (const portals of [[], [{ tag, ...portal, state: "failed" as const, code: "EADDRINUSE" }]]) {
    it.live(`is not ready without its portal: ${portals.length === 0 ? "not there yet" : "it has failed"}`, () =>
      Effect.gen(function* () {
        const url = yield* running({ portals })
        const says = "1 not listening: 127.0.0.1:3260"
        assert.deepStrictEqual(yield* readyz(url), { ...ready, status: 503, ready: false, portals: says })
      })
    )
  }
})

describe("the port for metrics", () => {
  it.live("has Prometheus' type, and HEAD", () =>
    Effect.gen(function* () {
      const url = yield* running()
      const { body, headers, status } = yield* ask(`${url}/metrics`)
      assert.deepStrictEqual(
        [status, headers["content-type"], headers["cache-control"], body],
        [200, "text/plain; version=0.0.4; charset=utf-8", "no-store", "lunlog_up 1\n"]
      )
      assert.strictEqual((yield* ask(`${url}/metrics`, { method: "HEAD" })).body, "")
      assert.strictEqual((yield* ask(`${url}/metrics`, { method: "POST" })).status, 405)
      assert.strictEqual((yield* ask(`${url}/rpc`, { method: "POST" })).status, 404)
      assert.strictEqual((yield* ask(`${url}/`)).status, 404)
    })
  )

  it.live("on loopback has loopback's names alone, so that no web page reads it", () =>
    Effect.gen(function* () {
      const url = yield* running()
      for (const path of ["/metrics", "/readyz"]) {
        assert.strictEqual((yield* ask(url + path, { headers: { host: "evil.example" } })).status, 421)
        assert.strictEqual((yield* ask(url + path, { headers: { origin: "http://evil.example" } })).status, 403)
      }
    })
  )

  it.live("elsewhere is asked under any name, as probes and scrapers do", () =>
    Effect.gen(function* () {
      const url = (yield* running({}, { host: "0.0.0.0" })).replace("0.0.0.0", "127.0.0.1")
      assert.strictEqual((yield* ask(`${url}/metrics`, { headers: { host: "lunlog-0.lunlog:9260" } })).status, 200)
      const probe =
        "GET /readyz HTTP/1.1\r\nHost: 10.1.2.3:9260\r\nUser-Agent: kube-probe/1.33\r\nConnection: close\r\n"
      assert.match(yield* askRaw(url, `${probe}\r\n`), /^HTTP\/1\.1 200 /u)
    })
  )

  it.live("with a token tells metrics only to who has it, and health to all", () =>
    Effect.gen(function* () {
      const url = yield* running({}, { token: Redacted.make("a-token-of-the-test") })
      assert.strictEqual((yield* ask(`${url}/metrics`)).status, 401)
      const headers = { authorization: "Bearer a-token-of-the-test" }
      assert.strictEqual((yield* ask(`${url}/metrics`, { headers })).status, 200)
      assert.strictEqual((yield* ask(`${url}/metrics?token=a-token-of-the-test`)).status, 401)
      assert.strictEqual((yield* ask(`${url}/readyz`)).status, 200)
    })
  )

  it.live("takes two scrapes at a time", () =>
    Effect.gen(function* () {
      const goOn = yield* Deferred.make<void>()
      const both = yield* Deferred.make<void>()
      let begun = 0
      const text = Effect.suspend(() => {
        if (++begun === 2) Deferred.doneUnsafe(both, Effect.void)
        return Effect.as(Deferred.await(goOn), "")
      })
      const routes = new Map([["/metrics", yield* metricsRoute(text, false)]])
      const url = yield* running({}, { routes })
      const scrapes = yield* Effect.forkChild(
        Effect.all([ask(`${url}/metrics`), ask(`${url}/metrics`)], { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* Deferred.await(both)
      assert.strictEqual((yield* ask(`${url}/metrics`)).status, 503)
      yield* Deferred.succeed(goOn, undefined)
      assert.deepStrictEqual(
        (yield* Fiber.join(scrapes)).map(({ status }) => status),
        [200, 200]
      )
    })
  )
})
