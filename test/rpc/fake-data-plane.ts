/**
 * A data plane without sockets and disks: leases are counted, removals are drained at once (or when the test says so),
 * and one address is never local.
 */
import * as fs from "node:fs"
import { Deferred, Effect, Layer, Queue } from "effect"
import type { BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import type { Committed } from "../../src/domain/ControlPlane.ts"
import { ControlPlane } from "../../src/domain/ControlPlane.ts"
import type { ConnectionCapture } from "../../src/domain/capture/ConnectionCapture.ts"
import { DataPlane, noMemory } from "../../src/domain/DataPlane.ts"
import { BdevUnavailable, PortalUnavailable } from "../../src/domain/data-plane-errors.ts"
import type { Event } from "../../src/domain/Event.ts"
import { PortalGroupTag } from "../../src/domain/ids.ts"
import { findBdev } from "../../src/domain/State.ts"
import { fakeNvme } from "./fake-nvme.ts"
import { type FakeStatistics, fakeStatistics, newFakeStatistics } from "./fake-statistics.ts"

/** TEST-NET-1: no host has it. */
export const foreignHost = "192.0.2.1"

export interface FakeDataPlane {
  leasesHeld: number
  readonly injections: Array<string>
  /** Drains wait for it, if set. */
  drainGate: Deferred.Deferred<void> | undefined
  readonly statistics: FakeStatistics
  /** What is recorded of connections. */
  captures: ReadonlyArray<ConnectionCapture>
}

export const newFake = (): FakeDataPlane => ({
  leasesHeld: 0,
  injections: [],
  drainGate: undefined,
  statistics: newFakeStatistics(),
  captures: []
})

type AioRequest = Extract<BdevRequest, { readonly _tag: "Aio" }>

const lease = (fake: FakeDataPlane) =>
  Effect.acquireRelease(
    Effect.sync(() => ({ id: `lease ${++fake.leasesHeld}` })),
    () =>
      Effect.sync(() => {
        fake.leasesHeld--
      })
  )

/** Looks at real files; any folder does for a disk of unknown size. */
const fileLease = (fake: FakeDataPlane, name: string, request: AioRequest) => {
  const { blockSize, createBytes, filename } = request
  if (createBytes !== undefined && !fs.existsSync(filename)) fs.writeFileSync(filename, Buffer.alloc(createBytes))
  const stat = fs.statSync(filename, { throwIfNoEntry: false })
  if (stat?.isFile() === true && blockSize === 0) {
    return Effect.fail(new BdevUnavailable({ name, code: "EINVAL", detail: "a file has no block size of its own" }))
  }
  if (stat?.isFile() === true) {
    return Effect.map(lease(fake), (held) => ({ ...held, blockCount: stat.size / blockSize }))
  }
  if (stat !== undefined) return Effect.map(lease(fake), (held) => ({ ...held, blockCount: 8, blockSize: 512 }))
  return Effect.fail(new BdevUnavailable({ name, code: "ENOENT", detail: `${filename} does not exist` }))
}

const cause = { source: "dataplane", actor: "local" } as const

/** What the real one reports when nothing is left in flight. */
const report = (controlPlane: ControlPlane["Service"], event: Event): Effect.Effect<void> => {
  switch (event._tag) {
    case "LunRemovalStarted": {
      const { incarnation, lun, target } = event
      const fact = {
        _tag: "RecordLunDrained",
        target,
        lun,
        incarnation,
        drained: 1,
        aborted: 0,
        durationMillis: 1
      } as const
      return Effect.orDie(Effect.asVoid(controlPlane.dispatch(fact, cause)))
    }
    case "TargetNodeDeletionStarted": {
      const { incarnation, target } = event
      const fact = { _tag: "RecordTargetSessionsClosed", target, incarnation, closed: 0, cut: 0 } as const
      return Effect.orDie(Effect.asVoid(controlPlane.dispatch(fact, cause)))
    }
    default:
      return Effect.void
  }
}

const follow = (fake: FakeDataPlane, committed: Queue.Dequeue<Committed>, controlPlane: ControlPlane["Service"]) =>
  Effect.forever(
    Effect.gen(function* () {
      const { events } = yield* Queue.take(committed)
      const gate = fake.drainGate
      const reports = Effect.forEach(events, (event) => report(controlPlane, event), { discard: true })
      yield* Effect.forkChild(gate === undefined ? reports : Effect.andThen(Deferred.await(gate), reports))
    })
  )

const nvmeLease = (fake: FakeDataPlane, ids: ReadonlyArray<number>) =>
  Effect.map(lease(fake), (leased) => ({ ...leased, namespaces: ids.map(fakeNvme.namespace) }))

const status = {
  portals: [],
  bdevs: [],
  sessionCount: 0,
  connectionCount: 1,
  commandBufferBytes: 0,
  memory: noMemory,
  suppressedObservations: 0,
  reactors: [],
  warnings: ["this data plane is a fake"]
}

const connection = {
  portalGroupTag: PortalGroupTag.make(1),
  id: 0,
  cid: 0,
  tsih: 3,
  state: "running",
  loginPhase: "full_feature_phase",
  initiatorName: "iqn.1994-05.com.redhat:host",
  initiatorAddress: "127.0.0.9",
  targetAddress: "127.0.0.1",
  targetName: "iqn.2016-06.io.spdk:disk1",
  threadName: "reactor_0"
} as const

const told = (fake: FakeDataPlane, what: string): Effect.Effect<void> =>
  Effect.sync(() => {
    fake.injections.push(what)
  })

export const fakeDataPlane = (
  fake: FakeDataPlane,
  options: { readonly connected?: boolean } = {}
): Layer.Layer<DataPlane, never, ControlPlane> =>
  Layer.effect(
    DataPlane,
    Effect.gen(function* () {
      const controlPlane = yield* ControlPlane
      const { committed } = yield* controlPlane.changes
      yield* Effect.forkScoped(follow(fake, committed, controlPlane))
      return DataPlane.of({
        acquirePortals: (portals) => {
          const foreign = portals.find(({ host }) => host === foreignHost)
          if (foreign === undefined) return lease(fake)
          const detail = "cannot assign requested address"
          return Effect.fail(new PortalUnavailable({ ...foreign, code: "EADDRNOTAVAIL", detail }))
        },
        acquireBdev: (name, bdev) => {
          if (bdev._tag === "Aio") return fileLease(fake, name, bdev)
          if (bdev._tag === "Nvme") return nvmeLease(fake, [bdev.namespaceId])
          const tooLarge = bdev._tag === "Malloc" && bdev.blockCount * bdev.blockSize > 2 ** 40
          if (!tooLarge) return lease(fake)
          return Effect.fail(new BdevUnavailable({ name, code: "ENOMEM", detail: "there is less memory" }))
        },
        findNvmeController: (name, address) => fakeNvme.find(name, address),
        acquireNvme: (_name, _address, ids) => nvmeLease(fake, ids),
        connections: Effect.succeed(options.connected === true ? [connection] : []),
        requestLogout: (connections, limitMillis) =>
          told(fake, `logout of ${connections.join(" ")} within ${limitMillis}`),
        capture: () => Effect.sync(() => fake.captures),
        status: Effect.succeed(status),
        lunDrains: Effect.succeed([]),
        measureBdev: (name) =>
          Effect.sync(() => {
            const spec = findBdev(controlPlane.state(), name)?.spec
            if (spec?._tag !== "Aio") return 0
            return Math.floor(fs.statSync(spec.filename).size / spec.blockSize)
          }),
        dumpBdev: (name, _incarnation, file) => told(fake, `${name} dump ${file}`),
        loadBdev: (name, _incarnation, file) => told(fake, `${name} load ${file}`),
        resetOverlay: (name) => told(fake, `${name} reset`),
        injectBdevError: (name, _incarnation, injection) =>
          told(fake, `${name} ${injection.ioType} ${injection.errorType} ${injection.count}`),
        resumePendingBdevIo: (name) => told(fake, `${name} resume`),
        statistics: fakeStatistics(fake.statistics, controlPlane.state),
        awaitLunGone: () => Effect.void,
        awaitBdevGone: () => Effect.void,
        awaitTargetGone: () => Effect.void,
        awaitApplied: () => Effect.void,
        awaitPortalsClosed: () => Effect.void
      })
    })
  )
