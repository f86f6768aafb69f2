/** What becomes of the data plane's notices: observations in the event log. */
import type { EventLog } from "../../eventlog/EventLog.ts"
import type { Cause } from "../../eventlog/record.ts"
import { encodeObservation, type Observation } from "../domain/Observation.ts"
import { loginStatusName } from "./iscsi/pdu/login.ts"
import type { Notice } from "./ReactorClient.ts"

/** What a peer does is caused by it; a notice of a disk, a LUN or the reactor by the data plane. */
const causeOf = (notice: Notice): Cause => {
  const correlation =
    "correlationId" in notice && notice.correlationId !== undefined ? { correlationId: notice.correlationId } : {}
  return "initiatorAddress" in notice
    ? { source: "initiator", actor: notice.initiatorAddress, ...correlation }
    : { source: "dataplane", actor: "local", ...correlation }
}

const observationOf = (notice: Notice): Observation => {
  if (notice._tag === "Crashed") return { _tag: "ReactorCrashed", detail: notice.detail }
  const { correlationId: _, ...observation } = notice
  if (observation._tag !== "LoginRefused") return observation
  return { ...observation, statusName: loginStatusName(observation.status) }
}

/** Writes a notice as an observation. Never waits and never fails. */
export const observeNotice = (log: EventLog["Service"], notice: Notice): void =>
  log.observe(encodeObservation(observationOf(notice), causeOf(notice)))
