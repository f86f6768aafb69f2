/**
 * A target in memory that an SPDK configuration is tried on: all rules and methods, an event log without a disk, and a
 * data plane that opens nothing. What its calls lead to is the state that the configuration describes.
 */
import { randomBytes } from "node:crypto"
import { Effect, Layer, Queue, type Scope } from "effect"
import { MemoryEventLog } from "../../../eventlog/MemoryEventLog.ts"
import { ConfigApplier } from "../../config/plan/ConfigApplier.ts"
import { type BdevRequest, isSizedByDevice } from "../../domain/bdev/BdevSpec.ts"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { DataPlane, type Lease, noMemory } from "../../domain/DataPlane.ts"
import type { Event } from "../../domain/Event.ts"
import { Uuid } from "../../domain/ids.ts"
import type { NvmeNamespaceFound } from "../../domain/nvme/NvmeController.ts"
import { Secrets } from "../../domain/Secrets.ts"
import { authGroupsOf, type State } from "../../domain/State.ts"
import { noLoad, noMetrics, type StatisticsSource } from "../../domain/Statistics.ts"
import { Replayer } from "../../history/replay/Replayer.ts"
import { applySpdkConfig, type CheckedSpdkConfig } from "../../rpc/apply-spdk-config.ts"
import { Instance } from "../../rpc/Instance.ts"
import { IncidentStore } from "../../rpc/incident/IncidentStore.ts"
import { authFileClaim } from "../../rpc/load-auth-file.ts"
import { MetricsHistory } from "../../rpc/metrics/MetricsHistory.ts"
import { Notifications } from "../../rpc/Notifications.ts"
import { type CliFailure, failureOf } from "../CliFailure.ts"
import { secretsFrom } from "../serve/secret-key.ts"
import { version } from "../version.ts"

const cause = { source: "dataplane", actor: "local" } as const

/** Nobody uses what is removed, so it is gone at once. */
const factAfter = (event: Event) => {
  if (event._tag === "LunRemovalStarted") {
    const { incarnation, lun, target } = event
    return { _tag: "RecordLunDrained", target, lun, incarnation, drained: 0, aborted: 0, durationMillis: 0 } as const
  }
  if (event._tag !== "TargetNodeDeletionStarted") return undefined
  const { incarnation, target } = event
  return { _tag: "RecordTargetSessionsClosed", target, incarnation, closed: 0, cut: 0 } as const
}

const followRemovals = Effect.gen(function* () {
  const controlPlane = yield* ControlPlane
  const { committed } = yield* controlPlane.changes
  const report = Effect.gen(function* () {
    const { events } = yield* Queue.take(committed)
    for (const event of events) {
      const fact = factAfter(event)
      if (fact !== undefined) yield* Effect.forkChild(Effect.orDie(controlPlane.dispatch(fact, cause)))
    }
  })
  yield* Effect.forkScoped(Effect.forever(report))
})

const nothing: StatisticsSource = {
  bdevs: () => Effect.succeed({ atNanos: 0, bdevs: [] }),
  sampleQueueDepth: () => Effect.void,
  bdevHistogram: () => Effect.succeed(undefined),
  bdevHistogramCounts: () => Effect.succeed(undefined),
  targetHistogram: () => Effect.succeed(undefined),
  live: () => Effect.succeed({ atNanos: 0, lunCount: 0, luns: [], sessions: [] }),
  load: () => Effect.succeed(noLoad),
  metrics: () => Effect.succeed(noMetrics)
}

const someController = { vendorId: "", modelNumber: "", serialNumber: "", firmwareRevision: "", subnqn: "" }

const someNamespace = (namespaceId: number): NvmeNamespaceFound => ({
  namespaceId,
  device: "",
  blockSize: 512,
  blockCount: 1,
  controller: someController
})

const foundOf = (bdev: BdevRequest): Partial<Lease> => {
  if (bdev._tag === "Nvme") return { namespaces: [someNamespace(bdev.namespaceId)] }
  return isSizedByDevice(bdev) ? { blockCount: 1, blockSize: 512 } : {}
}

/** Files may be on another host: of whatever size they are, one block is enough to go on with. */
const emptyDataPlane = Layer.effect(
  DataPlane,
  Effect.as(
    followRemovals,
    DataPlane.of({
      acquirePortals: () => Effect.succeed({ id: "trial" }),
      acquireBdev: (_name, bdev) => Effect.succeed({ id: "trial", ...foundOf(bdev) }),
      findNvmeController: () => Effect.succeed({ data: someController, namespaceIds: [1] }),
      acquireNvme: (_name, _address, ids) => Effect.succeed({ id: "trial", namespaces: ids.map(someNamespace) }),
      awaitApplied: () => Effect.void,
      connections: Effect.succeed([]),
      requestLogout: () => Effect.void,
      capture: () => Effect.succeed([]),
      status: Effect.succeed({
        portals: [],
        bdevs: [],
        sessionCount: 0,
        connectionCount: 0,
        commandBufferBytes: 0,
        memory: noMemory,
        suppressedObservations: 0,
        reactors: [],
        warnings: []
      }),
      lunDrains: Effect.succeed([]),
      measureBdev: () => Effect.succeed(1),
      dumpBdev: () => Effect.void,
      loadBdev: () => Effect.void,
      injectBdevError: () => Effect.void,
      resetOverlay: () => Effect.void,
      resumePendingBdevIo: () => Effect.void,
      statistics: nothing,
      awaitLunGone: () => Effect.void,
      awaitBdevGone: () => Effect.void,
      awaitTargetGone: () => Effect.void,
      awaitPortalsClosed: () => Effect.void
    })
  )
)

const instance = Layer.effect(
  Instance,
  Instance.make(
    { instanceId: "", version, startedAt: 0, removalDeadlineMillis: 1000 },
    { bringUp: Effect.void, shutdown: () => Effect.void }
  )
)

const epoch = Effect.flatMap(ControlPlane, (controlPlane) =>
  controlPlane.dispatch(
    {
      _tag: "StartEpoch",
      mode: "empty",
      instanceId: Uuid.make("00000000-0000-0000-0000-000000000000"),
      version
    },
    { source: "boot", actor: "local" }
  )
)

/** What a configuration led to. */
export interface Tried {
  readonly state: State
  /** Calls that were refused, each with its place; the others were made. */
  readonly failures: ReadonlyArray<string>
  /** Whether groups of `state` come from the auth file that the options name. */
  readonly isAuthFileRead: boolean
  /** Opens the secrets in `state`. */
  readonly secrets: Secrets["Service"]
}

/** Makes the calls of a configuration. */
export const tryConfiguration = (file: CheckedSpdkConfig): Effect.Effect<Tried, CliFailure> =>
  Effect.gen(function* () {
    const secrets = secretsFrom(randomBytes(32))
    const control = Layer.provideMerge(ControlPlane.layer, MemoryEventLog.layer())
    const host = Layer.mergeAll(
      emptyDataPlane,
      Notifications.layer,
      instance,
      Layer.succeed(Secrets, secrets),
      Replayer.none,
      MetricsHistory.none,
      IncidentStore.none
    )
    const services = ConfigApplier.layer.pipe(Layer.provideMerge(host), Layer.provideMerge(control))
    const run: Effect.Effect<Tried, CliFailure, Scope.Scope> = Effect.gen(function* () {
      const context = yield* Effect.mapError(Layer.build(services), failureOf)
      const calls = Effect.gen(function* () {
        yield* Effect.mapError(epoch, failureOf)
        const { failures } = yield* Effect.mapError(
          applySpdkConfig(file, { strict: false, ignoreErrors: true }),
          failureOf
        )
        const { isClaimed } = yield* Instance
        const state = (yield* ControlPlane).state()
        const isAuthFileRead = authGroupsOf(state).some(({ tag }) => isClaimed(authFileClaim(tag)))
        return { state, failures, isAuthFileRead, secrets }
      })
      return yield* Effect.provideContext(calls, context)
    })
    return yield* Effect.scoped(run)
  })
