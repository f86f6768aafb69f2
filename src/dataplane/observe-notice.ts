/** What of the data plane's notices the event log remembers. */
import type { EventLog } from "../../eventlog/EventLog.ts"
import { loginStatusName } from "./iscsi/pdu/login.ts"
import type { Notice } from "./ReactorClient.ts"

/** Writes a notice as an observation. Never waits and never fails. */
export const observeNotice = (log: EventLog["Service"], notice: Notice): void => {
  if (notice._tag === "Crashed") {
    const cause = { source: "dataplane", actor: "local" } as const
    return log.observe({ type: "ReactorCrashed", v: 1, cause, payload: { detail: notice.detail } })
  }
  const { _tag: type, ...payload } = notice
  const cause = { source: "initiator", actor: notice.initiatorAddress } as const
  const named = notice._tag === "LoginRefused" ? { ...payload, statusName: loginStatusName(notice.status) } : payload
  log.observe({ type, v: 1, cause, payload: named })
}
