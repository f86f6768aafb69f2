/**
 * Runs the calls of an SPDK configuration file as SPDK does: first those of STARTUP, then the rest, each in the order
 * of the file; a method of both states runs once. The first call that fails ends it, unless errors are to be ignored.
 */
import { Clock, Effect, Schema } from "effect"
import { type AuthFileRefused, loadAuthFile } from "./load-auth-file.ts"
import { allMethods, type RpcServices } from "./methods/all-methods.ts"
import type { RpcError } from "./RpcError.ts"
import type { RpcCall, RpcMethod } from "./RpcMethod.ts"
import type { SpdkConfigCall, SpdkConfigFile } from "./SpdkConfigFile.ts"
import { subsystemList } from "./saved-config.ts"

/** How a file is taken. */
export interface SpdkConfigOptions {
  /** Subsystems that lunlog has not are an error, not only reported. */
  readonly strict: boolean
  /** Calls that fail are reported, and the rest goes on (`--json-ignore-init-errors`). */
  readonly ignoreErrors: boolean
}

/** Time between two lines that say how far a long file has come, in milliseconds. */
const progressMillis = 2000

/** A call that cannot be done; what came before it is done. */
export class SpdkConfigFailed extends Schema.TaggedError<SpdkConfigFailed>()("SpdkConfigFailed", {
  problem: Schema.String
}) {
  override get message() {
    return this.problem
  }
}

/** A file whose methods exist. */
export interface CheckedSpdkConfig {
  readonly name: string
  readonly calls: ReadonlyArray<SpdkConfigCall>
  /** What is left out, and why. */
  readonly notices: ReadonlyArray<string>
}

const served = new Set(subsystemList.map(({ subsystem }) => subsystem))

const byName = new Map(allMethods.flatMap((method) => [method.name, ...method.aliases].map((name) => [name, method])))

/** They wait for the start that the file is a part of, or end it. */
const notInFiles = new Set(["framework_start_init", "framework_wait_init", "spdk_kill_instance"])

const problemOf = ({ method, place, subsystem }: SpdkConfigCall): string | undefined => {
  const found = byName.get(method)
  if (found !== undefined && notInFiles.has(found.name)) return `${place} ${method} has no place in a configuration`
  if (found !== undefined || !served.has(subsystem)) return undefined
  return `${place} there is no method ${method} here; rpc_get_methods lists them, docs/spdk-compatibility.md has more`
}

const countByName = (names: ReadonlyArray<string>): string => {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].map(([name, count]) => (count === 1 ? name : `${name} (${count} times)`)).join(", ")
}

/** Finds every call of a method that is not there, before anything is called. Problems are in the file's order. */
export const checkSpdkConfig = (
  file: SpdkConfigFile,
  { ignoreErrors, strict }: SpdkConfigOptions
): { readonly checked: CheckedSpdkConfig; readonly problems: ReadonlyArray<string> } => {
  const unknown = file.calls.flatMap((call) => problemOf(call) ?? [])
  const foreign = file.calls.filter(({ method, subsystem }) => !served.has(subsystem) && !byName.has(method))
  const left = [...new Set(foreign.map(({ subsystem }) => subsystem))].map((subsystem) => {
    const own = foreign.filter((call) => call.subsystem === subsystem)
    return (
      `${own[0]?.place ?? file.name} subsystem ${subsystem} does not concern a target and is left out: ` +
      countByName(own.map(({ method }) => method))
    )
  })
  const notices = [...(strict ? [] : left), ...(ignoreErrors ? unknown : [])]
  const calls = file.calls.filter((call) => byName.has(call.method) && problemOf(call) === undefined)
  return {
    checked: { name: file.name, calls, notices },
    problems: [...(strict ? left : []), ...(ignoreErrors ? [] : unknown)]
  }
}

const text = (place: string, method: string, { data, message }: RpcError): string => {
  const details = [data.reason, data.allowed === undefined ? undefined : `allowed: ${data.allowed}`, data.hint]
  const known = details.filter(
    (detail, index): detail is string =>
      detail !== undefined && detail !== message && (index === 0 || !data.reason.includes(detail))
  )
  return `${place} ${method}: ${message}${known.length === 0 ? "" : ` (${known.join("; ")})`}`
}

const runCall = (
  method: RpcMethod<RpcServices>,
  { params, place }: SpdkConfigCall,
  name: string
): Effect.Effect<void, SpdkConfigFailed, RpcServices> => {
  const caller: RpcCall["caller"] = { source: "config", actor: name }
  const call: RpcCall = {
    method: method.name,
    caller,
    cause: { ...caller, method: method.name },
    listMethods: () => [...byName.keys()]
  }
  return method.run(params, call).pipe(
    Effect.mapError((error) => new SpdkConfigFailed({ problem: text(place, method.name, error) })),
    Effect.asVoid
  )
}

/** Runs all calls; gives how many were run and the texts of those that failed, of which there are only ignored ones. */
export const applySpdkConfig = (
  file: CheckedSpdkConfig,
  { ignoreErrors }: SpdkConfigOptions
): Effect.Effect<
  { readonly applied: number; readonly failures: ReadonlyArray<string> },
  SpdkConfigFailed | AuthFileRefused,
  RpcServices
> =>
  Effect.gen(function* () {
    const isEarly = ({ method }: SpdkConfigCall) => byName.get(method)?.states.includes("STARTUP") === true
    const early = file.calls.filter(isEarly)
    const ordered = [...early, ...file.calls.filter((call) => !isEarly(call))]
    const failures: Array<string> = []
    let toldAt = yield* Clock.currentTimeMillis
    for (const [index, call] of ordered.entries()) {
      // Between the two, SPDK starts its subsystems.
      if (index === early.length) yield* loadAuthFile
      const method = byName.get(call.method)
      if (method === undefined) continue
      const run = runCall(method, call, file.name)
      yield* ignoreErrors ? Effect.catch(run, ({ problem }) => Effect.sync(() => void failures.push(problem))) : run
      const now = yield* Clock.currentTimeMillis
      if (now - toldAt < progressMillis) continue
      toldAt = now
      yield* Effect.logInfo(`configuration ${file.name}: ${index + 1} of ${ordered.length} calls`)
    }
    return { applied: ordered.length - failures.length, failures }
  })
