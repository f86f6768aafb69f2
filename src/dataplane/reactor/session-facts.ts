/** What a reactor tells of connections and sessions: the node's listener, in the words of the log. */
import type { Connection } from "../iscsi/Connection.ts"
import type { ConnectionEnd } from "../iscsi/ConnectionEnd.ts"
import type { NodeListener } from "../iscsi/IscsiNode.ts"
import { opcodeName } from "../iscsi/pdu/opcodes.ts"
import { rejectReasonName, taskManagementFunctionName, taskManagementResultName } from "../iscsi/pdu/session-control.ts"
import type { Session } from "../iscsi/Session.ts"
import type { TaskManagementOutcome } from "../iscsi/task-management.ts"
import type { ReactorObservation } from "./protocol.ts"

/** Texts that peers send are part of reasons; what is longer is cut. */
const textMax = 512

const cut = (text: string): string => (text.length <= textMax ? text : `${text.slice(0, textMax)}...`)

const nexusOf = (connection: Connection, session: Session | undefined) => {
  const { origin } = connection
  const { claimed, purpose } = connection.login
  return {
    initiatorName: session?.identity.initiatorName ?? purpose?.initiatorName ?? claimed.initiatorName,
    initiatorAddress: origin.initiatorAddress,
    targetName: session?.targetName ?? (purpose?._tag === "Normal" ? purpose.target.spec.name : claimed.targetName),
    portalGroupTag: origin.portalGroupTag
  }
}

/** It has come of the PDU that was received last. */
const receivedOf = ({ id, recorder }: Connection) =>
  recorder.lastReceived < 0 ? {} : { pdu: { connection: id, ordinal: recorder.lastReceived } }

/** It has come of all that was said: it is told at the last PDU. */
const lastOf = ({ id, recorder }: Connection) =>
  recorder.count === 0 ? {} : { pdu: { connection: id, ordinal: recorder.count - 1 } }

const tsihOf = (session: Session | undefined) => (session === undefined ? {} : { tsih: session.tsih })

/** Whose PDU it is that something is wrong with. */
const peerOf = (connection: Connection) => ({
  ...nexusOf(connection, connection.session),
  ...tsihOf(connection.session),
  ...receivedOf(connection)
})

const opened = (session: Session, connection: Connection, replacedTsih: number | undefined): ReactorObservation => {
  const { chapUser, initiatorAlias } = connection.login
  return {
    _tag: "SessionOpened",
    ...nexusOf(connection, session),
    tsih: session.tsih,
    isid: session.identity.isid,
    parameters: { ...session.parameters },
    ...receivedOf(connection),
    targetAddress: connection.origin.targetAddress,
    initiatorPort: connection.origin.initiatorPort,
    ...(initiatorAlias === undefined ? {} : { initiatorAlias }),
    ...(chapUser === undefined ? {} : { chapUser }),
    ...(replacedTsih === undefined ? {} : { reinstated: true, replacedTsih })
  }
}

const endOf = ({ asked, ending, reason }: ConnectionEnd) => ({
  reason: cut(reason),
  ending,
  ...(asked === undefined ? {} : { asked: asked.ending }),
  ...(asked?.correlationId === undefined ? {} : { correlationId: asked.correlationId })
})

const managed = (connection: Connection, session: Session, outcome: TaskManagementOutcome): ReactorObservation => {
  const { aborted, bdev, code, durationMillis, lun, ordinal, referencedTaskTag, result } = outcome
  return {
    _tag: "TaskManagement",
    ...nexusOf(connection, session),
    tsih: session.tsih,
    function: taskManagementFunctionName(code),
    ...(lun < 0 ? {} : { lun }),
    ...(bdev === undefined ? {} : { bdev }),
    ...(referencedTaskTag === undefined ? {} : { referencedTaskTag }),
    aborted,
    response: taskManagementResultName(result),
    durationMillis,
    pdu: { connection: connection.id, ordinal }
  }
}

/** Ends of logins that are told otherwise, or that the target's own end leads to. */
const toldOtherwise: ReadonlySet<string> = new Set(["loginRefused", "protocolError", "internalError", "serverEnd"])

const loginEnd = (connection: Connection, end: ConnectionEnd): ReactorObservation | undefined => {
  // Who only connects is a port scan or a load balancer's check, unless it keeps others waiting.
  if (toldOtherwise.has(end.ending) || (connection.receivedBytes === 0 && end.ending !== "loginTimeout"))
    return undefined
  const { durationMillis, ending, reason } = end
  const how = { reason: cut(reason), ending, durationMillis }
  return { _tag: "LoginAbandoned", ...nexusOf(connection, undefined), ...how, ...lastOf(connection) }
}

/** The listener that tells all this. */
export const sessionFacts = (tell: (fact: ReactorObservation) => void): NodeListener => ({
  sessionOpened: (session, connection, replacedTsih) => tell(opened(session, connection, replacedTsih)),
  sessionClosed: (session, connection, end) =>
    tell({
      _tag: "SessionClosed",
      ...nexusOf(connection, session),
      tsih: session.tsih,
      ...endOf(end),
      ...end.totals,
      durationMillis: end.durationMillis,
      ...lastOf(connection)
    }),
  discoveryClosed: (connection, { durationMillis, ending, reason }) => {
    const how = { reason: cut(reason), ending, durationMillis }
    tell({ _tag: "DiscoverySession", ...nexusOf(connection, undefined), ...how, ...lastOf(connection) })
  },
  loginEnded: (connection, end) => {
    const fact = loginEnd(connection, end)
    if (fact !== undefined) tell(fact)
  },
  loginRefused: (connection, status, reason) =>
    tell({
      _tag: "LoginRefused",
      ...nexusOf(connection, undefined),
      status,
      reason: cut(reason),
      ...receivedOf(connection)
    }),
  connectionRefused: ({ initiatorAddress, portalGroupTag }, reason) =>
    tell({ _tag: "ConnectionRefused", initiatorAddress, portalGroupTag, reason }),
  tasksManaged: (connection, session, outcome) => tell(managed(connection, session, outcome)),
  pduRejected: (connection, opcode, code) =>
    tell({
      _tag: "PduRejected",
      ...peerOf(connection),
      opcode: opcodeName(opcode),
      rejectReason: rejectReasonName(code),
      rejectCode: code
    }),
  digestError: (connection, digest, opcode) =>
    tell({ _tag: "DigestError", ...peerOf(connection), digest, opcode: opcodeName(opcode) }),
  protocolError: (connection, reason) => tell({ _tag: "ProtocolError", ...peerOf(connection), reason: cut(reason) }),
  internalError: (connection, error) =>
    tell({
      _tag: "InternalError",
      ...nexusOf(connection, connection.session),
      detail: cut(error instanceof Error ? (error.stack ?? error.message) : String(error)),
      ...receivedOf(connection)
    })
})
