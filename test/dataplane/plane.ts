/**
 * The real control plane over a log in memory, with the real data plane and its reactor on real sockets: everything
 * between a command and an initiator, but for the RPC.
 */
import { readdirSync, readlinkSync } from "node:fs"
import { Effect, Layer, Logger, type Scope, Stream } from "effect"
import { EventLog } from "../../eventlog/EventLog.ts"
import { MemoryEventLog, MemoryStore } from "../../eventlog/MemoryEventLog.ts"
import type { Cause, LogRecord } from "../../eventlog/record.ts"
import { secretsFrom } from "../../src/cli/serve/secret-key.ts"
import { dataPlaneLayer } from "../../src/dataplane/DataPlaneLive.ts"
import type { DataPlaneSettings } from "../../src/dataplane/DataPlaneSettings.ts"
import type { BdevErrorInjection } from "../../src/domain/bdev/Bdev.ts"
import type { BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import type { Command, CommandOf } from "../../src/domain/Command.ts"
import { type Committed, ControlPlane, type DispatchError } from "../../src/domain/ControlPlane.ts"
import { DataPlane } from "../../src/domain/DataPlane.ts"
import type { BdevUnavailable, PortalUnavailable } from "../../src/domain/data-plane-errors.ts"
import { noAuth } from "../../src/domain/options/IscsiOptions.ts"
import { Secrets } from "../../src/domain/Secrets.ts"
import { findBdev, findLun, findTarget } from "../../src/domain/State.ts"
import { startEpoch } from "../domain/examples.ts"
import { type FaultPlan, FaultyStore, faultPlan } from "../eventlog/support.ts"
import { clearUnitAttentions } from "../support/initiator/commands.ts"
import { Session, type SessionOptions } from "../support/initiator/Session.ts"
import { freePort } from "../support/target-process.ts"

export const cause: Cause = { source: "rpc", actor: "local" }
export const targetName = "iqn.2016-06.io.spdk:disk1"
const mebibyteBlocks = 2048

/** What the planes open secrets with; another one's they cannot. */
export const planeSecrets = secretsFrom(Buffer.alloc(32, 7))

type CommandFailure = DispatchError | PortalUnavailable | BdevUnavailable

/** All parts, running. */
export interface Plane {
  readonly controlPlane: ControlPlane["Service"]
  readonly dataPlane: DataPlane["Service"]
  readonly log: EventLog["Service"]
  /** Faults of the log's store. */
  readonly faults: FaultPlan
  /** Of the portal that `guide` opens. */
  readonly port: number
  /** Dispatches, with a lease where one belongs, and waits until the data plane has taken note. */
  readonly run: (command: Command) => Effect.Effect<Committed, CommandFailure>
  /** Portal group 1 on `port`, initiator group 1 for everybody, and a target with these LUNs. */
  readonly guide: (luns: Readonly<Record<number, string>>) => Effect.Effect<void, CommandFailure>
  /** Logs in, and fetches the LUNs' unit attentions; dropped with the scope. */
  readonly open: (
    luns?: ReadonlyArray<number>,
    options?: Partial<SessionOptions>
  ) => Effect.Effect<Session, unknown, Scope.Scope>
}

export interface PlaneOptions {
  readonly settings?: Partial<DataPlaneSettings>
  /** Dispatched before there is a data plane, and then started again with `resume`: what a log has from before. */
  readonly before?: (port: number) => ReadonlyArray<Command>
}

const settingsOf = (options: PlaneOptions): DataPlaneSettings => ({
  reactor: "main",
  identityStyle: "uuid",
  removalDeadlineMillis: 20_000,
  acceptWhen: Effect.void,
  ...options.settings
})

const runOn =
  (controlPlane: ControlPlane["Service"], dataPlane: DataPlane["Service"]): Plane["run"] =>
  (command) =>
    Effect.gen(function* () {
      const committed = yield* commit(controlPlane, dataPlane, command)
      const seq = committed.records.at(-1)?.seq
      if (seq !== undefined) yield* dataPlane.awaitApplied(seq)
      return committed
    })

const commit = (
  controlPlane: ControlPlane["Service"],
  dataPlane: DataPlane["Service"],
  command: Command
): Effect.Effect<Committed, CommandFailure> => {
  if (command._tag === "CreatePortalGroup") {
    const acquire = dataPlane.acquirePortals(command.portals)
    return controlPlane.dispatchWithLease<PortalUnavailable, never>(acquire, command, cause)
  }
  if (command._tag === "CreateBdev") {
    const name = command.name ?? "(automatic)"
    const acquire = dataPlane.acquireBdev(name, command.bdev)
    return controlPlane.dispatchWithLease<BdevUnavailable, never>(acquire, command, cause)
  }
  return controlPlane.dispatch(command, cause)
}

/** Starts everything; ends with the scope. */
export const startPlane = (options: PlaneOptions = {}): Effect.Effect<Plane, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const faults = faultPlan()
    const store = new MemoryStore()
    const open = () => new FaultyStore(store, faults)
    const logs = MemoryEventLog.layer({ store: open(), reopen: async () => open() })
    const control = yield* Layer.build(Layer.provideMerge(ControlPlane.layer, logs))
    const port = yield* Effect.promise(() => freePort())
    const services = yield* Effect.provideContext(
      Effect.gen(function* () {
        const controlPlane = yield* ControlPlane
        yield* controlPlane.dispatch(startEpoch("empty"), cause)
        for (const command of options.before?.(port) ?? []) yield* controlPlane.dispatch(command, cause)
        if (options.before !== undefined) yield* controlPlane.dispatch(startEpoch("resume"), cause)
        const surroundings = Layer.merge(Logger.layer([]), Layer.succeed(Secrets, planeSecrets))
        const layer = Layer.provide(dataPlaneLayer(settingsOf(options)), surroundings)
        const dataPlane = yield* Effect.provideContext(DataPlane, yield* Layer.build(layer))
        return { controlPlane, dataPlane, log: yield* EventLog }
      }),
      control
    )
    const run = runOn(services.controlPlane, services.dataPlane)
    return {
      ...services,
      faults,
      port,
      run,
      guide: (luns) => Effect.forEach(guideCommands(port, luns), run, { discard: true }),
      open: (luns = [0], session = {}) => openSession(port, luns, session)
    }
  })

const openSession = (port: number, luns: ReadonlyArray<number>, options: Partial<SessionOptions>) =>
  Effect.acquireRelease(
    attempt(() => Session.open({ endpoint: { host: "127.0.0.1", port }, targetName, ...options })),
    (session) => Effect.sync(() => session.drop())
  ).pipe(Effect.tap((session) => Effect.forEach(luns, (lun) => attempt(() => clearUnitAttentions(session, lun)))))

/** A promise that may reject. */
export const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, unknown> =>
  Effect.tryPromise({ try: run, catch: (error) => error })

export const portalGroup = (tag: number, ...portals: ReadonlyArray<readonly [string, number]>): Command => ({
  _tag: "CreatePortalGroup",
  tag,
  portals: portals.map(([host, port]) => ({ host, port })),
  private: false,
  wait: false
})

/** A RAM disk in blocks of 512 bytes. */
export const malloc = (name: string, mebibytes = 1): Command => ({
  _tag: "CreateBdev",
  name,
  bdev: {
    _tag: "Malloc",
    blockCount: mebibytes * mebibyteBlocks,
    blockSize: 512,
    physicalBlockSize: 0,
    optimalIoBoundary: 0
  }
})

export const createBdev = (name: string, bdev: BdevRequest): Command => ({ _tag: "CreateBdev", name, bdev })

export const createTarget = (
  luns: Readonly<Record<number, string>>,
  name = targetName
): CommandOf<"CreateTargetNode"> => ({
  _tag: "CreateTargetNode",
  name,
  alias: "",
  maps: [{ portalGroup: 1, initiatorGroup: 1 }],
  luns: Object.entries(luns).map(([lun, bdev]) => ({ bdev, lun: Number(lun) })),
  queueDepth: 64,
  auth: noAuth,
  headerDigest: false,
  dataDigest: false,
  requireLunZero: false
})

/** What `Plane.guide` runs. */
export const guideCommands = (port: number, luns: Readonly<Record<number, string>>): ReadonlyArray<Command> => [
  portalGroup(1, ["127.0.0.1", port]),
  { _tag: "CreateInitiatorGroup", tag: 1, initiators: ["ANY"], netmasks: ["ANY"] },
  createTarget(luns)
]

/** Arms an error bdev to hold every IO. */
export const hang = (plane: Plane, name: string): Effect.Effect<void, unknown> =>
  Effect.suspend(() => {
    const bdev = findBdev(plane.controlPlane.state(), name)
    if (bdev === undefined) return Effect.fail(new Error(`no bdev ${name}`))
    return plane.dataPlane.injectBdevError(bdev.name, bdev.incarnation, pending)
  })

const pending: BdevErrorInjection = {
  ioType: "all",
  errorType: "pending",
  count: 1_000_000,
  queueDepth: 0,
  corruptOffset: 0,
  corruptValue: 0
}

/** A LUN of the target, which must be there. */
export const lunOf = (plane: Plane, lun: number) => {
  const target = findTarget(plane.controlPlane.state(), targetName)
  const mapping = target === undefined ? undefined : findLun(target, lun)
  if (target === undefined || mapping === undefined) throw new Error(`no LUN ${lun}`)
  return { target: target.name, lun: mapping.lun, incarnation: mapping.incarnation }
}

/** Payloads of all records of one type, with what else a test asks for. */
export const recordsOf = (plane: Plane, type: string): Effect.Effect<ReadonlyArray<LogRecord>, unknown> =>
  Effect.map(Stream.runCollect(plane.log.read()), (records) => records.filter((record) => record.type === type))

/** Waits until something that ends in the background is so; the test's own limit bounds it. */
export const until = <E>(met: Effect.Effect<boolean, E>): Effect.Effect<void, E> =>
  Effect.gen(function* () {
    while (!(yield* met)) yield* Effect.sleep("5 millis")
  })

/** Sockets that this process has open. */
export const openSockets = (): number =>
  readdirSync("/proc/self/fd").filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith("socket:")
    } catch {
      return false
    }
  }).length
