/** A fork of a plane, with its own log on disk, its own data plane, and the source's later records to be played. */
import { join } from "node:path"
import { Effect, Layer, Logger, Result, type Scope, Stream } from "effect"
import { createLogAt } from "../../../eventlog/create-log.ts"
import { EventLog, LogUnavailable } from "../../../eventlog/EventLog.ts"
import { LevelEventLog } from "../../../eventlog/LevelEventLog.ts"
import type { LogRecord } from "../../../eventlog/record.ts"
import { replayFilePath, writeReplayFile } from "../../../src/cli/replay/ReplayFile.ts"
import { replaySurroundings } from "../../../src/cli/replay/replay-surroundings.ts"
import { secretsOf } from "../../../src/cli/serve/secret-key.ts"
import { dataPlaneLayer } from "../../../src/dataplane/DataPlaneLive.ts"
import { ControlPlane } from "../../../src/domain/ControlPlane.ts"
import { DataPlane } from "../../../src/domain/DataPlane.ts"
import { decodeRecord } from "../../../src/domain/event-codec.ts"
import { evolve, FOLD_VERSION } from "../../../src/domain/evolve.ts"
import type { ForkMapping } from "../../../src/domain/replay/Fork.ts"
import { Secrets } from "../../../src/domain/Secrets.ts"
import { initialState, type State } from "../../../src/domain/State.ts"
import { encodeSnapshot } from "../../../src/domain/snapshot-codec.ts"
import { mapState } from "../../../src/history/fork/ForkMapping.ts"
import { Replayer } from "../../../src/history/replay/Replayer.ts"
import { recordView } from "../../../src/rpc/methods/eventlog/record-view.ts"
import { cause, type Plane } from "../../dataplane/plane.ts"
import { instanceId } from "../../domain/examples.ts"
import { Session } from "../../support/initiator/Session.ts"
import { freePort } from "../../support/target-process.ts"

export interface ForkPlane {
  readonly controlPlane: ControlPlane["Service"]
  readonly dataPlane: DataPlane["Service"]
  readonly log: EventLog["Service"]
  readonly replayer: Replayer["Service"]
}

export interface ForkDirectory {
  readonly directory: string
  readonly port: number
  readonly targetName: string
  readonly mapping: ForkMapping
}

export const suffix = "-fork"

/** The state as of a record. */
export const stateOf = (records: ReadonlyArray<LogRecord>): State =>
  records.reduce((state, record) => {
    if (record.kind !== "control") return state
    const event = decodeRecord(record)
    if (Result.isFailure(event)) throw event.failure
    return evolve(state, event.success, record.seq)
  }, initialState)

export const recordsOfPlane = (plane: Plane): Effect.Effect<ReadonlyArray<LogRecord>, unknown> =>
  Stream.runCollect(plane.log.read())

/** Makes the directory of a fork of `records` at `seq`, with the rest of them to play. */
export const forkAt = (
  directory: string,
  records: ReadonlyArray<LogRecord>,
  seq: number,
  sourcePort: number,
  targetName: string
): Effect.Effect<ForkDirectory, unknown> =>
  Effect.gen(function* () {
    const port = yield* Effect.promise(() => freePort())
    const from = { host: "127.0.0.1", port: sourcePort }
    const mapping: ForkMapping = {
      instanceId,
      identity: { _tag: "New", suffix },
      portals: { _tag: "Address", host: "127.0.0.1", ports: [{ from, port }] },
      redirects: [],
      fileDirectory: join(directory, "files")
    }
    const before = records.filter((record) => record.seq <= seq)
    const last = before.findLast((record) => record.kind === "control")
    if (last?.kind !== "control") throw new Error("nothing to fork")
    const state = encodeSnapshot(mapState(mapping, stateOf(before)))
    const { controlNo, hash: controlHash, seq: controlSeq } = last
    const at = before.at(-1)?.at ?? 0
    yield* createLogAt(join(directory, "log"), {
      controlSeq,
      controlNo,
      controlHash,
      foldVersion: FOLD_VERSION,
      state,
      at
    })
    yield* Effect.scoped(
      Effect.gen(function* () {
        const log = yield* LevelEventLog.make({ directory: join(directory, "log") })
        const control = yield* Layer.build(Layer.provide(ControlPlane.layer, Layer.succeed(EventLog, log)))
        const { dispatch } = yield* Effect.provideContext(ControlPlane, control)
        const origin = { sourceInstanceId: instanceId, sourceSeq: seq, sourceControlHash: controlHash, sourceAt: at }
        yield* dispatch({ _tag: "RecordForked", ...origin, mapping, data: "empty" }, cause)
      })
    )
    const rest = records.filter((record) => record.seq > seq).map(recordView)
    yield* writeReplayFile(replayFilePath(directory), { instanceId, from: seq }, Stream.make(rest))
    return { directory, port, targetName: `${targetName}${suffix}`, mapping }
  })

/** A log that is away for commands that play records, whenever `isAway` says so. */
const withFaults = (controlPlane: ControlPlane["Service"], isAway: () => boolean): ControlPlane["Service"] => ({
  ...controlPlane,
  dispatch: (command, asked) =>
    command._tag === "ReplayRecords" && isAway()
      ? new LogUnavailable({ code: "ENOSPC", directory: "here", detail: "No space left on device" })
      : controlPlane.dispatch(command, asked)
})

/** Starts a fork, or starts it again. `isAway` is asked before each command that plays records. */
export const startFork = (
  { directory }: ForkDirectory,
  isAway: () => boolean = () => false
): Effect.Effect<ForkPlane, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const log = yield* LevelEventLog.make({ directory: join(directory, "log") })
    const control = yield* Layer.build(Layer.provideMerge(ControlPlane.layer, Layer.succeed(EventLog, log)))
    const services = Effect.gen(function* () {
      const controlPlane = yield* ControlPlane
      yield* controlPlane.dispatch({ _tag: "StartEpoch", mode: "resume", instanceId, version: "0.1.0" }, cause)
      const settings = {
        reactor: "main" as const,
        identityStyle: "uuid" as const,
        removalDeadlineMillis: 20_000,
        acceptWhen: Effect.void
      }
      const faulty = Layer.succeed(ControlPlane, withFaults(controlPlane, isAway))
      const replayer = Layer.provide(Replayer.layer(replaySurroundings(directory)), faulty)
      const secrets = Layer.effect(Secrets, secretsOf(directory))
      const planes = Layer.provideMerge(replayer, Layer.provide(dataPlaneLayer(settings), secrets))
      const built = yield* Layer.build(Layer.provide(planes, Logger.layer([])))
      const [dataPlane, playing] = yield* Effect.provideContext(Effect.all([DataPlane, Replayer]), built)
      return { controlPlane, dataPlane, log, replayer: playing }
    })
    return yield* Effect.provideContext(services, control)
  })

/** Logs in to the fork's target; dropped with the scope. */
export const loginTo = ({ port, targetName }: ForkDirectory) =>
  Effect.acquireRelease(
    Effect.promise(() => Session.open({ endpoint: { host: "127.0.0.1", port }, targetName })),
    (session) => Effect.sync(() => session.drop())
  )
