/** What a reactor says of itself when it is asked. */
import type { Connection } from "../iscsi/Connection.ts"
import type { IscsiNode } from "../iscsi/IscsiNode.ts"
import type { BdevLimits } from "./BdevLimits.ts"
import type { LunDrain } from "./drain-lun.ts"
import type { FactGate } from "./FactGate.ts"
import type { ConnectionReport, ReactorReport } from "./protocol.ts"

/** A connection without a session shows this session handle, as SPDK does. */
const noTsih = 0xffff

const connectionReport = (connection: Connection): ConnectionReport => {
  const { login, origin, session } = connection
  const purpose = login.purpose
  return {
    id: connection.id,
    cid: connection.cid,
    tsih: session?.tsih ?? noTsih,
    state: connection.state,
    loggedIn: connection.fullFeature !== undefined,
    loginStage: connection.fullFeature === undefined ? login.stage : undefined,
    discovery: purpose?._tag === "Discovery",
    initiatorName: purpose?.initiatorName ?? "",
    initiatorAddress: origin.initiatorAddress,
    targetAddress: origin.targetAddress,
    targetName: purpose?._tag === "Normal" ? purpose.target.spec.name : "",
    portalGroupTag: origin.portalGroupTag
  }
}

/** Takes the report. */
export const reportOf = (
  node: IscsiNode,
  drains: Iterable<LunDrain>,
  limits: BdevLimits,
  { suppressedCount }: FactGate
): ReactorReport => {
  const now = node.now()
  return {
    connections: [...node.connections].map(connectionReport),
    drains: [...drains].map(({ deadlineAt, mapping, target }) => ({
      target: target.spec.name,
      lun: mapping.lun,
      incarnation: mapping.incarnation,
      commandsLeft: mapping.submitted.size,
      millisLeft: Math.max(0, Math.round(deadlineAt - now))
    })),
    limits: limits.report(),
    sessionCount: node.sessions.size,
    taskBufferBytes: node.tasks.bufferBytes,
    suppressedObservations: suppressedCount
  }
}
