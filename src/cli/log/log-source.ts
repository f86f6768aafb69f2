/**
 * Where `lunlog log` asks: a running target, over its socket, or the directory of an idle or copied log. Both answer
 * the methods `eventlog_*`, and those on incidents, with the same code.
 */
import { dirname } from "node:path"
import { Console, Effect, Layer, Option, Schema, type Scope } from "effect"
import type { CallFailed } from "../../rpc/RpcClient.ts"
import { CliFailure, failureOf, unexpectedAnswer } from "../CliFailure.ts"
import { callTimeoutMillis, connectAs, refusedCall } from "../rpc/rpc-call.ts"
import { findLogDirectory, isBundle } from "../serve/state-directory.ts"

/** How a question is asked. */
export interface AskOptions {
  /** How long a running target may take, in milliseconds; what asks a directory takes as long as it takes. */
  readonly timeoutMillis?: number
  /** Told how far long work is, where that is known. */
  readonly onProgress?: (done: number, total: number) => void
}

/** A log that can be asked. */
export interface LogSource {
  /** One question: a method of `eventlog_*` with its parameters. Errors are ready to be shown. */
  readonly call: (method: string, params?: unknown, options?: AskOptions) => Effect.Effect<unknown, CliFailure>
  /** Whether it grows: a directory that no target has open does not. */
  readonly isRunning: boolean
}

/** `source.call`, with the answer's form. */
export const ask = <A>(
  source: LogSource,
  answer: Schema.Codec<A, unknown>,
  method: string,
  params?: unknown,
  options?: AskOptions
): Effect.Effect<A, CliFailure> =>
  Effect.flatMap(source.call(method, params, options), (plain) =>
    Effect.mapError(Schema.decodeUnknownEffect(answer)(plain), unexpectedAnswer)
  )

const Reasons = Schema.Struct({ reason: Schema.String, hint: Schema.optional(Schema.String) })
const readReasons = Schema.decodeUnknownOption(Reasons)

/** What is wrong with a question is said without the method that was to answer it. */
const unanswered = (error: CallFailed): CliFailure => {
  const said = Option.getOrUndefined(readReasons(error.data))
  if (said === undefined) return refusedCall(error)
  const { hint, reason } = said
  return new CliFailure({ message: hint === undefined || reason.includes(hint) ? reason : `${reason}; ${hint}` })
}

const runningLog = (socketPath: string): Effect.Effect<LogSource, CliFailure, Scope.Scope> =>
  Effect.map(connectAs(socketPath), (client) => ({
    call: (method, params, { timeoutMillis = callTimeoutMillis } = {}) =>
      client
        .call(method, params, { timeoutMillis })
        .pipe(Effect.mapError((error) => (error._tag === "CallFailed" ? unanswered(error) : failureOf(error)))),
    isRunning: true
  }))

/** What to do about a log that a target has open. */
export const heldBy = (directory: string, pid: number | undefined): CliFailure => {
  const holder = pid === undefined ? "" : ` by process ${pid}`
  const hint = "ask that process for it: leave --state out, and name its socket with -r"
  return new CliFailure({ message: `the event log in ${directory} is in use${holder}; ${hint}` })
}

/** The log of a directory, or, as `bundle` says, what was unpacked of one. */
const storedLog = (
  directory: string,
  { bundle, warns }: { readonly bundle?: string; readonly warns: boolean }
): Effect.Effect<LogSource, CliFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const parts = yield* Effect.promise(() => import("./stored-log-parts.ts"))
    const { callHere, keptSecrets, LogArchive, noSecrets, openForReading, recordTagging, Secrets } = parts
    const { IncidentStore, incidentDirectoryOf, storedMethods } = parts
    const path = findLogDirectory(directory)
    const archive = yield* Effect.mapError(openForReading(path, { tagging: recordTagging }), (error) =>
      error._tag === "LogLocked" ? heldBy(path, error.holderPid) : failureOf(error)
    )
    const damage = archive.damage()
    if (damage !== undefined && warns) {
      yield* Console.error(
        `warning: the event log in ${path} is damaged: ${damage}; what can be read is shown, and lunlog log verify ` +
          "tells all that is wrong"
      )
    }
    const secrets = bundle === undefined ? keptSecrets(path) : noSecrets(`${bundle} is a bundle, which has no key`)
    const services = Layer.mergeAll(
      Layer.succeed(LogArchive, archive),
      Layer.succeed(Secrets, secrets),
      Layer.succeed(IncidentStore, IncidentStore.at(incidentDirectoryOf(dirname(path))))
    )
    const context = yield* Layer.build(services)
    return {
      call: (method, params, { onProgress } = {}) =>
        callHere(storedMethods, method, params, {
          actor: "local",
          ...(onProgress === undefined ? {} : { onProgress })
        }).pipe(Effect.provideContext(context), Effect.mapError(unanswered)),
      isRunning: false
    }
  })

/** The log of an incident bundle that is unpacked. */
export const unpackedLog = (bundle: string, directory: string): Effect.Effect<LogSource, CliFailure, Scope.Scope> =>
  storedLog(directory, { bundle, warns: false })

const bundledLog = (bundle: string): Effect.Effect<LogSource, CliFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const { unpackBundle } = yield* Effect.promise(() => import("../incident/unpack-bundle.ts"))
    const { directory } = yield* unpackBundle(bundle)
    return yield* unpackedLog(bundle, directory)
  })

/** A directory or an incident bundle, if one is given, else the target behind the socket. `warns`: of damage. */
export const openLogSource = (
  directory: string | undefined,
  socketPath: string,
  warns = true
): Effect.Effect<LogSource, CliFailure, Scope.Scope> => {
  if (directory === undefined) return runningLog(socketPath)
  return isBundle(directory) ? bundledLog(directory) : storedLog(directory, { warns })
}
