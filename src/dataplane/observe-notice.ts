/** What becomes of the data plane's notices: observations in the event log. */
import type { EventLog } from "../../eventlog/EventLog.ts"
import type { Cause } from "../../eventlog/record.ts"
import { encodeObservation, type Observation } from "../domain/observation/Observation.ts"
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

const observationOf = (notice: Notice, nowMillis: number): Observation => {
  if (notice._tag === "Crashed") return { _tag: "ReactorCrashed", detail: notice.detail }
  const { correlationId: _, firstMillisAgo, pdu: __, ...told } = notice
  const first = firstMillisAgo === undefined ? {} : { firstAt: Math.round((nowMillis - firstMillisAgo) * 1000) }
  const observation = { ...told, ...first }
  if (observation._tag !== "LoginRefused") return observation
  return { ...observation, statusName: loginStatusName(observation.status) }
}

/** Writes a notice as an observation: its seq. `nowMillis` is the time of day. Never waits and never fails. */
export const observeNotice = (log: EventLog["Service"], notice: Notice, nowMillis: number): number | undefined =>
  log.observe(encodeObservation(observationOf(notice, nowMillis), causeOf(notice)))
