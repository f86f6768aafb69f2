/**
 * `/healthz` and `/readyz`, for whoever keeps the process running and sends initiators to it. They need no token and
 * tell no secret: neither paths nor names of targets.
 *
 * `/healthz`: 200 while the event loop turns; without an answer the process is to be started again. `/readyz`: 200 if
 * the configuration is applied, the log takes records, and every portal listens; else 503. Both have a JSON object that
 * says of each `ok`, or what is wrong.
 */
import { Effect } from "effect"
import { EventLog } from "../../../eventlog/EventLog.ts"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { DataPlane, type PortalStatus } from "../../domain/DataPlane.ts"
import { portalGroupsOf, type State } from "../../domain/State.ts"
import { Instance } from "../Instance.ts"
import { json } from "./http-answers.ts"
import { type Route, readMethods } from "./Site.ts"

/** Below what probes wait. */
const statusWithinMillis = 3_000
/** Portals that are named. */
const portalsMax = 5

const ok = "ok"

/** What keeps a target from being used, or `ok`. */
interface Readiness {
  readonly configuration: string
  readonly log: string
  readonly portals: string
}

const portalsProblem = (state: State, portals: ReadonlyArray<PortalStatus>): string => {
  // A group may be told to wait (`iscsi_start_portal_group` lets it in): that is how it is meant to be.
  const wanted = portalGroupsOf(state).filter(({ wait }) => !wait)
  const missing = wanted.flatMap(({ portals: own, tag }) =>
    own.filter(
      ({ host, port }) =>
        !portals.some(
          (portal) => portal.tag === tag && portal.host === host && portal.port === port && portal.state === "listening"
        )
    )
  )
  const names = missing.slice(0, portalsMax).map(({ host, port }) => `${host}:${port}`)
  return missing.length === 0 ? ok : `${missing.length} not listening: ${names.join(", ")}`
}

const readiness: Effect.Effect<Readiness, never, ControlPlane | DataPlane | EventLog | Instance> = Effect.gen(
  function* () {
    const { frameworkState } = yield* Instance
    const { state } = yield* ControlPlane
    const refusal = (yield* EventLog).unavailable()
    const status = yield* Effect.timeoutOption((yield* DataPlane).status, statusWithinMillis)
    return {
      configuration: frameworkState() === "RUNTIME" ? ok : "the start is still under way",
      log: refusal === undefined ? ok : `the event log takes no records (${refusal.code}); lunlog status says why`,
      portals:
        status._tag === "None"
          ? `the data plane has not answered within ${statusWithinMillis} ms`
          : portalsProblem(state(), status.value.portals)
    }
  }
)

/** The routes of both paths. */
export const healthRoutes: Effect.Effect<
  ReadonlyArray<readonly [path: string, route: Route]>,
  never,
  ControlPlane | DataPlane | EventLog | Instance
> = Effect.gen(function* () {
  const services = yield* Effect.context<ControlPlane | DataPlane | EventLog | Instance>()
  const ready = Effect.map(Effect.provideContext(readiness, services), (found) => {
    const isReady = Object.values(found).every((part) => part === ok)
    return json(isReady ? 200 : 503, `${JSON.stringify({ ready: isReady, ...found })}\n`)
  })
  const open = { methods: readMethods, needsToken: false }
  return [
    ["/healthz", { ...open, respond: Effect.succeed(json(200, '{"alive":true}\n')) }],
    ["/readyz", { ...open, respond: ready }]
  ]
})
