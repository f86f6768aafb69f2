/** What becomes of the data plane's notices: observations in the event log, and lines for who watches the process. */
import { Effect } from "effect"
import type { EventLog } from "../../eventlog/EventLog.ts"
import { LoginStatus, loginStatusName } from "./iscsi/pdu/login.ts"
import type { Notice } from "./ReactorClient.ts"

/** Lines in one second; a hostile peer must not flood the log of the process. All notices are still observed. */
const linesPerSecond = 10

/** Writes a notice as an observation. Never waits and never fails. */
export const observeNotice = (log: EventLog["Service"], notice: Notice): void => {
  if (notice._tag === "Crashed") {
    const cause = { source: "dataplane", actor: "local" } as const
    return log.observe({ type: "ReactorCrashed", v: 1, cause, payload: { detail: notice.detail } })
  }
  const { _tag: type, ...payload } = notice
  if (notice._tag === "BdevIoFailed") {
    return log.observe({ type, v: 1, cause: { source: "dataplane", actor: "local" }, payload })
  }
  const cause = { source: "initiator", actor: notice.initiatorAddress } as const
  const named = notice._tag === "LoginRefused" ? { ...payload, statusName: loginStatusName(notice.status) } : payload
  log.observe({ type, v: 1, cause, payload: named })
}

const lineOf = (notice: Notice): Effect.Effect<void> => {
  if (notice._tag === "Crashed") return Effect.logFatal(`the reactor has failed: ${notice.detail}`)
  if (notice._tag === "BdevIoFailed") {
    const { bdev, byteOffset, code, operation, repeated } = notice
    const times = repeated > 1 ? `, ${repeated} times since the last line` : ""
    return Effect.logError(`bdev ${bdev}: ${operation} at byte ${byteOffset} failed: ${code}${times}`)
  }
  const { initiatorAddress, initiatorName, targetName } = notice
  const who = initiatorName === "" ? initiatorAddress : `${initiatorName} (${initiatorAddress})`
  switch (notice._tag) {
    case "SessionOpened":
      return Effect.logInfo(`${who} logged in to ${targetName}, session ${notice.tsih}`)
    case "SessionClosed":
      return Effect.logInfo(`${who} left ${targetName}, session ${notice.tsih}: ${notice.reason}`)
    case "LoginRefused":
      if (notice.status === LoginStatus.TargetMovedTemporarily) {
        return Effect.logInfo(`login of ${who} redirected: ${notice.reason}`)
      }
      return Effect.logWarning(`login of ${who} refused (${loginStatusName(notice.status)}): ${notice.reason}`)
    case "ProtocolError":
      return Effect.logWarning(`connection of ${who} closed, protocol error: ${notice.reason}`)
    case "InternalError":
      return Effect.logError(`a mistake of lunlog itself cost ${who} its connection; please report: ${notice.detail}`)
  }
}

/** Gives the line of each notice, but no more than a few a second. `now` is in milliseconds and only goes forward. */
export const noticeLines = (now: () => number): ((notice: Notice) => Effect.Effect<void>) => {
  let second = 0
  let lines = 0
  return (notice) => {
    const current = Math.floor(now() / 1000)
    if (current !== second) {
      second = current
      lines = 0
    }
    lines++
    return lines > linesPerSecond ? Effect.void : lineOf(notice)
  }
}
