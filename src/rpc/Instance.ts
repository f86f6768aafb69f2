/**
 * The running process as methods see it: who it is, how far its start has come, and how it is stopped.
 */
import { Context, Deferred, Effect, type Redacted, Schema } from "effect"
import type { AllowedPaths } from "../host/AllowedPaths.ts"
import { RpcCalls } from "./RpcCalls.ts"
import type { FrameworkState } from "./RpcMethod.ts"

/** What the composition root could not bring up; the process ends after it. */
export class InitializationFailed extends Schema.TaggedError<InitializationFailed>()("InitializationFailed", {
  detail: Schema.String
}) {
  override get message() {
    return `the target could not be brought up: ${this.detail}`
  }
}

/** What does not change while the process runs. */
export interface InstanceInfo {
  /** UUID of the state directory. */
  readonly instanceId: string
  /** Absolute; absent if there is none. */
  readonly stateDirectory?: string
  /** Files that others may name for the target to use; absent: all. */
  readonly allowedPaths?: AllowedPaths
  /** Of the program, such as `0.1.0`. */
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** After this many milliseconds a removal aborts what is still in flight. */
  readonly removalDeadlineMillis: number
  /** How much longer a call waits for that to be done and reported (10 s); both together stay below rpc.py's 60 s. */
  readonly removalMarginMillis?: number
}

/** The web console of this process. */
export interface ConsoleInfo {
  /** Without the token. */
  readonly url: string
  readonly token: Redacted.Redacted
  readonly allowsChanges: boolean
}

/** Made by the composition root with `Instance.make`. */
export class Instance extends Context.Service<
  Instance,
  InstanceInfo & {
    readonly frameworkState: () => FrameworkState
    /** STARTUP to RUNTIME, once; concurrent callers share it, later ones find it done. */
    readonly initialize: Effect.Effect<void, InitializationFailed>
    /** Undefined unless `initialize` is under way; then it resumes when that has ended, one way or the other. */
    readonly initializing: () => Effect.Effect<void> | undefined
    /** Resumes when RUNTIME is reached. */
    readonly awaitRuntime: Effect.Effect<void>
    /** For calls that SPDK allows once per process: true for the first; `unclaim` if it has failed after all. */
    readonly claim: (what: string) => boolean
    readonly unclaim: (what: string) => void
    readonly isClaimed: (what: string) => boolean
    /** Undefined unless one is served. */
    readonly console: () => ConsoleInfo | undefined
    readonly announceConsole: (info: ConsoleInfo) => void
    /** How often methods were called, by whatever way. */
    readonly calls: RpcCalls
    /** Asks for an orderly end and returns at once. `reason` is for the log. */
    readonly requestShutdown: (reason: string) => Effect.Effect<void>
  }
>()("lunlog/rpc/Instance") {
  /** `bringUp` is what `framework_start_init` does; `shutdown` makes the root fiber end. */
  static readonly make = (
    info: InstanceInfo,
    actions: {
      readonly bringUp: Effect.Effect<void, InitializationFailed>
      readonly shutdown: (reason: string) => Effect.Effect<void>
    }
  ) =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const settled = yield* Deferred.make<void>()
      let state: FrameworkState = "STARTUP"
      let initializing: Effect.Effect<void> | undefined
      const claimed = new Set<string>()
      let console: ConsoleInfo | undefined
      const bringUp = Effect.suspend(() => {
        initializing = Deferred.await(settled)
        return actions.bringUp
      })
      const arrive = Effect.suspend(() => {
        state = "RUNTIME"
        return Deferred.succeed(reached, undefined)
      })
      const settle = Effect.suspend(() => {
        initializing = undefined
        return Deferred.succeed(settled, undefined)
      })
      const once = yield* Effect.cached(
        Effect.uninterruptible(Effect.ensuring(Effect.asVoid(Effect.andThen(bringUp, arrive)), settle))
      )
      return Instance.of({
        ...info,
        frameworkState: () => state,
        initialize: once,
        initializing: () => initializing,
        claim: (what) => {
          const isFirst = !claimed.has(what)
          claimed.add(what)
          return isFirst
        },
        unclaim: (what) => {
          claimed.delete(what)
        },
        isClaimed: (what) => claimed.has(what),
        console: () => console,
        announceConsole: (info) => {
          console = info
        },
        awaitRuntime: Deferred.await(reached),
        calls: new RpcCalls(),
        requestShutdown: (reason) => actions.shutdown(reason)
      })
    })
}
