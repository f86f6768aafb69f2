/** All methods over the real control plane, an event log in memory and a fake data plane, on a socket of their own. */

import * as path from "node:path"
import { Effect, Layer, Result, type Scope } from "effect"
import { assert } from "vitest"
import { runningArchive } from "../../eventlog/archive-service.ts"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { MemoryEventLog } from "../../eventlog/MemoryEventLog.ts"
import { secretsFrom } from "../../src/cli/serve/secret-key.ts"
import { ConfigApplier } from "../../src/config/plan/ConfigApplier.ts"
import { ControlPlane } from "../../src/domain/ControlPlane.ts"
import { Uuid } from "../../src/domain/ids.ts"
import { Secrets } from "../../src/domain/Secrets.ts"
import { recordTagging } from "../../src/history/record-tags.ts"
import { Replayer } from "../../src/history/replay/Replayer.ts"
import { IncidentStore } from "../../src/rpc/incident/IncidentStore.ts"
import { allMethods } from "../../src/rpc/methods/all-methods.ts"
import { MetricsHistory } from "../../src/rpc/metrics/MetricsHistory.ts"
import { Notifications } from "../../src/rpc/Notifications.ts"
import { CallFailed, connect, type NoAnswer, type RpcClient } from "../../src/rpc/RpcClient.ts"
import { type RouterOptions, RpcRouter } from "../../src/rpc/RpcRouter.ts"
import { RpcServer } from "../../src/rpc/RpcServer.ts"
import { type FakeDataPlane, fakeDataPlane, newFake } from "./fake-data-plane.ts"
import { type InstanceActions, instanceLayer, testInfo } from "./server-support.ts"
import { temporaryDirectory } from "./support.ts"

export interface TargetOptions extends InstanceActions, RouterOptions {
  readonly connected?: boolean
  readonly log?: Layer.Layer<EventLog, unknown>
  readonly secretKey?: Buffer
}

export interface RpcTarget {
  readonly socketPath: string
  readonly fake: FakeDataPlane
  readonly client: RpcClient
}

const epoch = Effect.flatMap(ControlPlane, (controlPlane) =>
  controlPlane.dispatch(
    { _tag: "StartEpoch", mode: "empty", instanceId: Uuid.make(testInfo.instanceId), version: testInfo.version },
    { source: "boot", actor: "local" }
  )
)

/** What methods need, over `fake`; an epoch has begun, in state STARTUP. */
export const targetServices = (options: TargetOptions, fake: FakeDataPlane) => {
  const controlPlane = ControlPlane.layer.pipe(
    Layer.provideMerge(
      Layer.provideMerge(runningArchive, options.log ?? MemoryEventLog.layer({ tagging: recordTagging }))
    )
  )
  const services = Layer.mergeAll(ConfigApplier.layer, Replayer.none, MetricsHistory.layer, IncidentStore.none).pipe(
    Layer.provideMerge(fakeDataPlane(fake, options)),
    Layer.provideMerge(Layer.succeed(Secrets, secretsFrom(options.secretKey ?? Buffer.alloc(32, 7)))),
    Layer.provideMerge(controlPlane),
    Layer.merge(instanceLayer(options))
  )
  return Layer.provideMerge(Layer.effectDiscard(epoch), services)
}

/** In state STARTUP. */
export const startTarget = (options: TargetOptions = {}): Effect.Effect<RpcTarget, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const socketPath = path.join(yield* temporaryDirectory, "rpc.sock")
    const fake = newFake()
    const server = RpcServer.layer({ socketPath }).pipe(
      Layer.provide(RpcRouter.layer(allMethods, options)),
      Layer.provide(Notifications.layer),
      Layer.provideMerge(targetServices(options, fake))
    )
    yield* Layer.build(server)
    return { socketPath, fake, client: yield* connect(socketPath) }
  })

/** In state RUNTIME. */
export const runningTarget = (options: TargetOptions = {}): Effect.Effect<RpcTarget, unknown, Scope.Scope> =>
  Effect.tap(startTarget(options), ({ client }) => client.call("framework_start_init"))

/** How a call fails that must fail. */
export const failure = (call: Effect.Effect<unknown, CallFailed | NoAnswer>): Effect.Effect<CallFailed> =>
  Effect.map(Effect.result(call), (result) => {
    assert(Result.isFailure(result) && result.failure instanceof CallFailed, "the call was expected to fail")
    return result.failure
  })
