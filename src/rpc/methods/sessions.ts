/**
 * `lunlog_get_sessions` and `lunlog_kick_session`: who is connected, by name, and asking one of them to leave. SPDK has
 * only `iscsi_get_connections`, without names, and `iscsi_target_node_request_logout` for a whole target.
 */
import { Effect, Schema } from "effect"
import { EventLog } from "../../../eventlog/EventLog.ts"
import { type ConnectionInfo, DataPlane } from "../../domain/DataPlane.ts"
import { encodeObservation } from "../../domain/observation/Observation.ts"
import { integerWithin, optional, Text, Uint32 } from "../param.ts"
import { errnoError, invalidParameters, rpcError } from "../RpcError.ts"
import { defineMethod, defineMethodWithoutParams, type RpcCall, type RpcMethod } from "../RpcMethod.ts"

type Services = DataPlane | EventLog

/** Names of the initiator and the target are whole; `target_name` is empty in a discovery session. */
const sessionView = (connection: ConnectionInfo) => ({
  id: connection.id,
  tsih: connection.tsih,
  state: connection.state,
  login_phase: connection.loginPhase,
  initiator_name: connection.initiatorName,
  initiator_addr: connection.initiatorAddress,
  target_name: connection.targetName,
  target_addr: connection.targetAddress,
  portal_group_tag: connection.portalGroupTag
})

const lunlogGetSessions = defineMethodWithoutParams<Services>({
  name: "lunlog_get_sessions",
  kind: "query",
  handler: () =>
    Effect.map(
      Effect.flatMap(DataPlane, ({ connections }) => connections),
      (connections) => connections.map(sessionView)
    )
})

const kickParams = {
  id: optional(Uint32),
  tsih: optional(Uint32),
  initiator: optional(Text),
  target: optional(Text),
  /** Milliseconds until a session that does not log out is cut. */
  timeout: optional(integerWithin(0, 300_000))
}
const KickParams = Schema.Struct(kickParams)

const sameName = (wanted: string | undefined, name: string): boolean =>
  wanted === undefined || wanted.toLowerCase() === name.toLowerCase()

/** A target may also be named by what follows the first colon, as `iscsi_get_connections` shows it. */
const sameTarget = (wanted: string | undefined, name: string): boolean =>
  sameName(wanted, name) || sameName(wanted, name.slice(name.indexOf(":") + 1))

const isWanted = ({ id, initiator, target, tsih }: typeof KickParams.Type, connection: ConnectionInfo): boolean =>
  (id === undefined || id === connection.id) &&
  (tsih === undefined || tsih === connection.tsih) &&
  sameName(initiator, connection.initiatorName) &&
  sameTarget(target, connection.targetName)

const logoutTimeoutMillis = 30_000

const observe = (
  call: RpcCall,
  { initiatorAddress, initiatorName, targetName, tsih }: ConnectionInfo,
  millis: number
) =>
  Effect.map(EventLog, (log) =>
    log.observe(
      encodeObservation(
        { _tag: "SessionLogoutRequested", initiatorName, initiatorAddress, targetName, tsih, limitMillis: millis },
        call.cause
      )
    )
  )

const allowed = "one or more of id, tsih, initiator, target; what fits all of them is asked to log out"

/** Answers with those that were asked; what does not log out in time is cut. */
const lunlogKickSession = defineMethod<typeof KickParams.Type, Services>({
  name: "lunlog_kick_session",
  kind: "change",
  params: KickParams,
  handler: (params, call) =>
    Effect.gen(function* () {
      const { timeout = logoutTimeoutMillis, ...wanted } = params
      const object = `sessions with ${JSON.stringify(wanted)}`
      if (Object.keys(wanted).length === 0) {
        return yield* rpcError(invalidParameters, { reason: "nothing says which session", allowed })
      }
      const dataPlane = yield* DataPlane
      const found = (yield* dataPlane.connections).filter((connection) => isWanted(wanted, connection))
      if (found.length === 0) {
        const hint = "lunlog session list shows those that are there"
        return yield* rpcError(errnoError("ENODEV"), { reason: "there is no such session", object, hint })
      }
      yield* Effect.forEach(found, (connection) => observe(call, connection, timeout), { discard: true })
      yield* dataPlane.requestLogout(
        found.map(({ id }) => id),
        timeout
      )
      return found.map(sessionView)
    })
})

/** This file's methods. */
export const sessionMethods: ReadonlyArray<RpcMethod<Services>> = [lunlogGetSessions, lunlogKickSession]
