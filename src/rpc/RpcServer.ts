/**
 * The control socket: a UNIX stream socket that speaks SPDK's JSON-RPC (`serve-client.ts` has a client's rules).
 *
 * Guarantees: nobody but the owner can connect, from the first moment on (mode 0600); one server per path
 * (`SocketLock.ts`); at most 64 clients, and the 65th is closed without a word to the others, unless one has ended its
 * input and only waits; a client's end does not end a change that it began. On shutdown nothing new is taken, what runs
 * may end within a grace period, then the socket and its lock are gone.
 */

import * as fs from "node:fs"
import * as net from "node:net"
import { Context, Deferred, Effect, FiberSet, Layer } from "effect"
import { ClientSocket } from "./client-socket.ts"
import { RpcRouter } from "./RpcRouter.ts"
import { acquireSocketLock, SocketUnavailable, verifyLock } from "./SocketLock.ts"
import { serveClient } from "./serve-client.ts"
import { defaultSocketPath } from "./socket-path.ts"

const backlog = 512

/** Where to serve, and how patiently. Times in milliseconds. */
export interface RpcServerOptions {
  readonly socketPath: string
  /** The caller holds the socket's lock already, and for longer than the server lives. */
  readonly lockHeld: boolean
  readonly clientsMax: number
  readonly messageTimeoutMillis: number
  readonly writeTimeoutMillis: number
  /** For running requests to end when the server stops. */
  readonly shutdownGraceMillis: number
}

/** SPDK's path and number of clients. */
export const defaultServerOptions: RpcServerOptions = {
  socketPath: defaultSocketPath,
  lockHeld: false,
  clientsMax: 64,
  messageTimeoutMillis: 60_000,
  writeTimeoutMillis: 60_000,
  shutdownGraceMillis: 3_000
}

/**
 * Bind and listen happen within the call, so the mask holds for exactly this file; the mode is right before anyone can
 * connect.
 */
const listenPrivately = (server: net.Server, path: string): void => {
  const mask = process.umask(0o177)
  try {
    server.listen({ path, backlog })
  } finally {
    process.umask(mask)
  }
}

const listen = (server: net.Server, path: string): Effect.Effect<void, SocketUnavailable> =>
  Effect.callback<void, SocketUnavailable>((resume) => {
    const failed = (error: Error) =>
      resume(
        Effect.fail(
          new SocketUnavailable({ path, reason: error.message, hint: "choose a path that this user can write to" })
        )
      )
    server.once("error", failed)
    server.once("listening", () => {
      server.off("error", failed)
      server.on("error", () => {}) // accept errors (EMFILE): the socket stays, the client sees a closed connection
      resume(Effect.void)
    })
    listenPrivately(server, path)
  })

/** Serves while its layer lives. */
export class RpcServer extends Context.Service<
  RpcServer,
  {
    readonly socketPath: string
    readonly clientCount: () => number
  }
>()("lunlog/rpc/RpcServer") {
  static readonly layer = (options: Partial<RpcServerOptions> = {}) =>
    Layer.effect(RpcServer, serve({ ...defaultServerOptions, ...options }))
}

const serve = (options: RpcServerOptions) =>
  Effect.gen(function* () {
    const { socketPath } = options
    const router = yield* RpcRouter
    const stop = yield* Deferred.make<void>()
    if (!options.lockHeld) yield* acquireSocketLock(socketPath)
    const changes = yield* FiberSet.make<string | undefined, never>()
    const clients = yield* FiberSet.make<void, never>()
    const runClient = yield* FiberSet.runtime(clients)<never>()
    const environment = {
      router,
      limits: options,
      detach: (run: Effect.Effect<string | undefined>) => FiberSet.run(changes, run, { startImmediately: true }),
      stopping: Deferred.await(stop),
      lingering: new Set<ClientSocket>()
    }
    let clientCount = 0
    const accept = (socket: net.Socket): void => {
      if (clientCount >= options.clientsMax) {
        const [oldest] = environment.lingering
        if (oldest === undefined) {
          socket.destroy()
          return
        }
        environment.lingering.delete(oldest)
        oldest.destroy()
      }
      clientCount++
      socket.once("close", () => clientCount--)
      runClient(serveClient(new ClientSocket(socket), environment))
    }
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => net.createServer({ allowHalfOpen: true }, accept)),
      (server) => Effect.sync(() => server.close())
    )
    yield* listen(server, socketPath)
    yield* verifyLock(socketPath)
    yield* Effect.try({
      try: () => fs.chmodSync(socketPath, 0o600),
      catch: () =>
        new SocketUnavailable({ path: socketPath, reason: "it vanished while starting", hint: "start again" })
    })
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        server.close()
        yield* Deferred.succeed(stop, undefined)
        yield* Effect.timeoutOption(FiberSet.awaitEmpty(clients), options.shutdownGraceMillis)
      })
    )
    return RpcServer.of({ socketPath, clientCount: () => clientCount })
  })
