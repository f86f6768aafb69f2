/**
 * How methods change things: dispatch a command (with a lease on what can fail), wait until the data plane has let go,
 * and turn every error into SPDK's code with the reason in `data`.
 */
import { Effect, Result, type Scope } from "effect"
import type { AppendFailed, LogUnavailable } from "../../../eventlog/EventLog.ts"
import type { LogReadFailed } from "../../../eventlog/reading.ts"
import type { Command } from "../../domain/Command.ts"
import { type Committed, ControlPlane, type DispatchError } from "../../domain/ControlPlane.ts"
import { DataPlane, type Lease } from "../../domain/DataPlane.ts"
import type { BdevUnavailable, PortalUnavailable } from "../../domain/data-plane-errors.ts"
import { decide } from "../../domain/decide.ts"
import type { Event, EventOf, EventType } from "../../domain/Event.ts"
import { Instance } from "../Instance.ts"
import {
  errnoError,
  errnoErrorOf,
  invalidParameters,
  type Refusal,
  type RpcError,
  refusal,
  rpcError
} from "../RpcError.ts"
import type { RpcCall } from "../RpcMethod.ts"

/** What the data plane has beyond the removal deadline to let go and to say so. */
const defaultMarginMillis = 10_000
/** How long a call waits for its events to become durable; only a log that cannot be reopened takes that long. */
const commitTimeoutMillis = 45_000
/** How long a call waits for the data plane to take note; what is committed is answered in any case. */
const applyTimeoutMillis = 5_000

const logHint = (error: LogUnavailable | AppendFailed | LogReadFailed): string => {
  if (error._tag === "LogReadFailed") return "lunlog log verify reads all of it, and says what is wrong"
  // Closed while the disk was failing: nobody can tell yet.
  if (error._tag === "AppendFailed" && error.code === "ESHUTDOWN") return "lunlog log tail tells after the next start"
  return "nothing has changed and IO goes on; lunlog status tells when the log is back"
}

/** The log does not take or give records: ENOSPC as such, everything else as an I/O error. */
export const logError = (error: LogUnavailable | AppendFailed | LogReadFailed): RpcError => {
  const wire = error._tag !== "LogReadFailed" && error.code === "ENOSPC" ? errnoError("ENOSPC") : errnoError("EIO")
  return rpcError(wire, { reason: error.message, object: `event log in ${error.directory}`, hint: logHint(error) })
}

/** Errors of the data plane's leases. A portal that cannot be opened is `Invalid parameters`, as in SPDK. */
const leaseError = (error: PortalUnavailable | BdevUnavailable): RpcError =>
  error._tag === "PortalUnavailable"
    ? rpcError(invalidParameters, { reason: error.message, object: `portal ${error.host}:${error.port}` })
    : bdevError(error)

/** A bdev of the data plane that cannot do what was asked. */
export const bdevError = (error: BdevUnavailable): RpcError =>
  rpcError(errnoErrorOf(error.code), { reason: error.message, object: `bdev ${error.name}` })

const dispatchError =
  (refuse: Refusal) =>
  (error: DispatchError | PortalUnavailable | BdevUnavailable): RpcError => {
    switch (error._tag) {
      case "LogUnavailable":
      case "AppendFailed":
        return logError(error)
      case "PortalUnavailable":
      case "BdevUnavailable":
        return leaseError(error)
      default:
        return refusal(error, refuse(error))
    }
  }

/** Gives up waiting, not the command: whether it happened is known when the log is back. */
const untilDurable = (commit: Effect.Effect<Committed, RpcError>): Effect.Effect<Committed, RpcError> => {
  const reason = `the event log has not answered within ${commitTimeoutMillis} ms: this may still happen, or not`
  const unknown = rpcError(errnoError("ETIMEDOUT"), { reason, hint: "lunlog log tail tells when the log is back" })
  return Effect.timeoutOrElse(commit, { duration: commitTimeoutMillis, orElse: () => Effect.fail(unknown) })
}

/** Waits, within reason, until an initiator that comes after the reply finds what was committed. */
const untilApplied = (committed: Committed): Effect.Effect<Committed, never, DataPlane> =>
  Effect.gen(function* () {
    const dataPlane = yield* DataPlane
    const seq = committed.records.at(-1)?.seq
    if (seq !== undefined) yield* Effect.timeoutOption(dataPlane.awaitApplied(seq), applyTimeoutMillis)
    return committed
  })

/** Succeeds when the command's events are durable, and the data plane has taken note of them. */
export const dispatch = (
  call: RpcCall,
  command: Command,
  refuse: Refusal
): Effect.Effect<Committed, RpcError, ControlPlane | DataPlane> =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane
    const commit = Effect.mapError(controlPlane.dispatch(command, call.cause), dispatchError(refuse))
    return yield* untilApplied(yield* untilDurable(commit))
  })

/**
 * Acquires first, so that what is committed cannot fail for lack of a port or of memory. What the rules refuse anyway
 * is refused before that: it gets the rule's reason, and no 10 TiB are tried for a name that is taken.
 */
export const dispatchWithLease = (
  call: RpcCall,
  acquire: Effect.Effect<Lease, PortalUnavailable | BdevUnavailable, Scope.Scope>,
  command: Command,
  refuse: Refusal
): Effect.Effect<Committed, RpcError, ControlPlane | DataPlane> =>
  Effect.gen(function* () {
    const controlPlane = yield* ControlPlane
    const preview = decide(controlPlane.state(), command)
    if (Result.isFailure(preview)) return yield* dispatchError(refuse)(preview.failure)
    const commit = Effect.mapError(
      controlPlane.dispatchWithLease<PortalUnavailable | BdevUnavailable, never>(acquire, command, call.cause),
      dispatchError(refuse)
    )
    return yield* untilApplied(yield* untilDurable(commit))
  })

/** The first event of a type among those that a command has caused. */
export const eventOf = <Tag extends EventType>(committed: Committed, tag: Tag): EventOf<Tag> | undefined => {
  const isWanted = (event: Event): event is EventOf<Tag> => event._tag === tag
  return committed.events.find(isWanted)
}

/** How long a removal may take until it is reported, in milliseconds. */
export const removalWithinMillis: Effect.Effect<number, never, Instance> = Effect.map(
  Instance,
  ({ removalDeadlineMillis, removalMarginMillis = defaultMarginMillis }) => removalDeadlineMillis + removalMarginMillis
)

/** Waits for what a removal has begun; past the deadline (which the data plane enforces) and a margin it says so. */
export const awaitGone = <R>(
  object: string,
  gone: Effect.Effect<void, never, R>
): Effect.Effect<void, RpcError, R | Instance> =>
  Effect.flatMap(removalWithinMillis, (duration) => {
    const reason = `its removal has begun, and has not ended within ${duration} ms`
    const hint = "it goes on; lunlog status shows what is left"
    const late = rpcError(errnoError("ETIMEDOUT"), { reason, object, hint })
    return Effect.timeoutOrElse(gone, { duration, orElse: () => Effect.fail(late) })
  })
