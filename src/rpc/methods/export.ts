/** `lunlog_export`: the state as a configuration file. Secrets are in it only if they are asked for. */
import { Effect, Schema } from "effect"
import { exportFormatNames } from "../../config/ExportFormat.ts"
import { partOfState } from "../../config/native/part-of-state.ts"
import { ControlPlane } from "../../domain/ControlPlane.ts"
import type { Secrets } from "../../domain/Secrets.ts"
import { activeTargetsOf, type State } from "../../domain/State.ts"
import { exportFormats } from "../export-formats.ts"
import { optional, Text } from "../param.ts"
import { errnoError, type RpcError, rpcError } from "../RpcError.ts"
import { defineMethod, type RpcMethod } from "../RpcMethod.ts"

/** Names in one hint. */
const namesMax = 20

/** A target by its full name, by what follows the prefix of names, or by what only one has after its first colon. */
const partFor = (state: State, name: string): Effect.Effect<State, RpcError> => {
  const names = activeTargetsOf(state).map((target) => target.name)
  const called = names.filter((one) => one.slice(one.indexOf(":") + 1) === name.toLowerCase())
  const candidates = [name, `${state.options.nodeBase}:${name}`, ...(called.length === 1 ? called : [])]
  const part = candidates.map((one) => partOfState(state, one)).find((found) => found !== undefined)
  if (part !== undefined) return Effect.succeed(part)
  const hint = names.length === 0 ? "there is none" : `there are ${names.slice(0, namesMax).join(", ")}`
  const object = `target ${JSON.stringify(name)}`
  return Effect.fail(rpcError(errnoError("ENODEV"), { reason: `${object} does not exist; ${hint}`, object, hint }))
}

const lunlogExport = defineMethod({
  name: "lunlog_export",
  kind: "query",
  paramsOptional: true,
  params: Schema.Struct({
    format: optional(Schema.Literals(exportFormatNames)),
    target: optional(Text),
    with_secrets: optional(Schema.Boolean)
  }),
  handler: ({ format = "yaml", target, with_secrets = false }) =>
    Effect.gen(function* () {
      const { state } = yield* ControlPlane
      const now = state()
      const part = target === undefined ? now : yield* partFor(now, target)
      return yield* exportFormats[format](part, { withSecrets: with_secrets, isWhole: target === undefined })
    })
})

/** This file's methods. */
export const exportMethods: ReadonlyArray<RpcMethod<ControlPlane | Secrets>> = [lunlogExport]
