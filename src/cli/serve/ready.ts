/** What a server says when initiators are let in: every portal and every target, in one line each. */
import { Effect } from "effect"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import { DataPlane } from "../../domain/DataPlane.ts"
import { refusedLogins } from "../../domain/observation/refused-logins.ts"
import { activeLunsOf, activeTargetsOf } from "../../domain/State.ts"
import { originText } from "../../history/fork/origin-text.ts"

/** Lists beyond this are cut: a log line is no inventory. */
const linesMax = 20

/** Logs what is served, and what could not be brought up. */
export const serverReady: Effect.Effect<void, never, ControlPlane | DataPlane> = Effect.gen(function* () {
  const { portals, warnings } = yield* (yield* DataPlane).status
  for (const { code, host, port, state, tag } of portals.slice(0, linesMax)) {
    const at = `${host}:${port} (portal group ${tag})`
    if (state === "failed") yield* Effect.logWarning(`not listening on ${at}: ${code ?? "unknown reason"}; retried`)
    else yield* Effect.logInfo(`${state === "listening" ? "listening on" : "bound, accepting nothing yet:"} ${at}`)
  }
  const state = (yield* ControlPlane).state()
  if (state.fork !== undefined) yield* Effect.logInfo(originText(state.fork))
  const targets = activeTargetsOf(state)
  for (const target of targets.slice(0, linesMax)) {
    const count = activeLunsOf(target).length
    yield* Effect.logInfo(`target ${target.name} with ${count} LUN${count === 1 ? "" : "s"}`)
  }
  for (const warning of [...warnings.slice(0, linesMax), ...refusedLogins(state)]) yield* Effect.logWarning(warning)
  yield* Effect.logInfo(
    targets.length === 0 ? "ready, with no target yet: create some by RPC, or serve a file with -c" : "ready"
  )
})
