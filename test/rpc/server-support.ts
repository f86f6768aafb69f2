/** A server with methods of the test's own on a socket of its own. */

import * as path from "node:path"
import { Context, Effect, Layer, type Scope } from "effect"
import { type InitializationFailed, Instance, type InstanceInfo } from "../../src/rpc/Instance.ts"
import type { RpcMethod } from "../../src/rpc/RpcMethod.ts"
import { type RouterOptions, RpcRouter } from "../../src/rpc/RpcRouter.ts"
import { RpcServer, type RpcServerOptions } from "../../src/rpc/RpcServer.ts"
import type { SocketUnavailable } from "../../src/rpc/SocketLock.ts"
import { temporaryDirectory } from "./support.ts"

export const testInfo: InstanceInfo = {
  instanceId: "11111111-2222-4333-8444-555555555555",
  version: "0.0.0-test",
  startedAt: 1_700_000_000_000,
  removalDeadlineMillis: 20_000,
  removalMarginMillis: 10_000
}

export interface InstanceActions {
  readonly info?: Partial<InstanceInfo>
  readonly bringUp?: Effect.Effect<void, InitializationFailed>
  readonly shutdown?: (reason: string) => Effect.Effect<void>
}

export const instanceLayer = (actions: InstanceActions = {}): Layer.Layer<Instance> =>
  Layer.effect(
    Instance,
    Instance.make(
      { ...testInfo, ...actions.info },
      {
        bringUp: actions.bringUp ?? Effect.void,
        shutdown: actions.shutdown ?? (() => Effect.void)
      }
    )
  )

/** Serves `methods` until the scope closes; gives the socket's path. The framework is up unless `startup` is set. */
export const serveMethods = (
  methods: ReadonlyArray<RpcMethod<Instance>>,
  options: TestServerOptions = {}
): Effect.Effect<string, SocketUnavailable, Scope.Scope> =>
  Effect.map(startServer(methods, options), ({ socketPath }) => socketPath)

export type TestServerOptions = Partial<RpcServerOptions> & RouterOptions & { readonly startup?: boolean }

/** The same; gives the server. */
export const startServer = (
  methods: ReadonlyArray<RpcMethod<Instance>>,
  options: TestServerOptions = {}
): Effect.Effect<RpcServer["Service"], SocketUnavailable, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const socketPath = options.socketPath ?? path.join(directory, "rpc.sock")
    const instance = instanceLayer()
    const router = RpcRouter.layer(methods, options)
    const server = RpcServer.layer({ ...options, socketPath }).pipe(Layer.provide(router), Layer.provideMerge(instance))
    const services = yield* Layer.build(server)
    if (options.startup !== true) {
      yield* Effect.provide(Effect.orDie(Effect.flatMap(Instance, ({ initialize }) => initialize)), services)
    }
    return Context.get(services, RpcServer)
  })
