/** From a reactor's report to what the control side shows. */
import { Schema } from "effect"
import type { ConnectionInfo, LunDrain } from "../domain/DataPlane.ts"
import { Incarnation, IscsiName, Lun, PortalGroupTag } from "../domain/ids.ts"
import type { ConnectionReport, DrainReport, MemberReport } from "./reactor/protocol.ts"

const loginPhase = ({ loggedIn, loginStage }: ConnectionReport): ConnectionInfo["loginPhase"] => {
  if (loggedIn) return "full_feature_phase"
  if (loginStage === undefined) return "not_started"
  return loginStage === 0 ? "security_negotiation_phase" : "operational_negotiation_phase"
}

const connectionStates = {
  login: "running",
  "full-feature": "running",
  exiting: "exiting",
  closed: "exited"
} as const

/** One connection as `iscsi_get_connections` shows it; its reactor, if there are several, stays on this core. */
export const connectionInfo = (report: ConnectionReport, core?: number): ConnectionInfo => ({
  id: report.id,
  cid: report.cid,
  tsih: report.tsih,
  state: connectionStates[report.state],
  loginPhase: loginPhase(report),
  initiatorName: report.initiatorName,
  initiatorAddress: report.initiatorAddress,
  targetAddress: report.targetAddress,
  targetName: report.targetName,
  portalGroupTag: PortalGroupTag.make(report.portalGroupTag),
  threadName: report.reactor === 0 ? "app_thread" : `iscsi_poll_group_${core ?? report.reactor ?? 0}`
})

const isName = Schema.is(IscsiName)

/** LUNs that drain, with the deadline as a time of the day. `now` is in milliseconds since the epoch. */
export const lunDrains = (drains: ReadonlyArray<DrainReport>, now: number): ReadonlyArray<LunDrain> =>
  drains.flatMap(({ commandsLeft, incarnation, lun, millisLeft, target }) =>
    isName(target)
      ? [
          {
            target,
            lun: Lun.make(lun),
            incarnation: Incarnation.make(incarnation),
            commandsLeft,
            deadlineAt: now + millisLeft
          }
        ]
      : []
  )

/** Targets that one warning names. */
const namesMax = 20

const isDownFor = (targets: ReadonlyArray<string>): string => {
  const names = targets.slice(0, namesMax).join(", ")
  const more = targets.length > namesMax ? ` and ${targets.length - namesMax} more` : ""
  return targets.length === 0 ? "it had no targets" : `its targets are down: ${names}${more}`
}

/** Sentences about reactors that do not run. */
export const reactorWarnings = (reactors: ReadonlyArray<MemberReport>): ReadonlyArray<string> =>
  reactors.flatMap(({ index, state, targets }) => {
    if (state === "up") return []
    if (state === "down") return [`reactor ${index} has failed and is being started again; ${isDownFor(targets)}`]
    return [`reactor ${index} has failed too often and is not started again; ${isDownFor(targets)}; restart the target`]
  })
