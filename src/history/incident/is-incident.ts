/**
 * Which records are incidents: what the target keeps the PDUs and the numbers of the minutes around for. Fewer than
 * those that say that something went wrong (`trouble.ts`): not what initiators are told every day, nor what anybody who
 * can reach a portal can bring about.
 */
import type { LogRecord } from "../../../eventlog/record.ts"
import { memberOf } from "../describe/words.ts"

/** Types of which every record is one. */
const incidentTypes: ReadonlySet<string> = new Set([
  "InternalError",
  "ReactorCrashed",
  "IoFailed",
  "IoStuck",
  "BdevIoFailed",
  "BdevFailed",
  "LogRecovered",
  "LossAccepted"
])

/** Ends of sessions that are. */
const badEndings: ReadonlySet<unknown> = new Set(["protocolError", "internalError", "pingTimeout"])

/** Whether a record is an incident. */
export const isIncident = ({ payload, type }: Pick<LogRecord, "payload" | "type">): boolean => {
  const count = (name: string): number => {
    const value = memberOf(payload, name)
    return typeof value === "number" ? value : 0
  }
  switch (type) {
    case "SessionClosed": {
      // A host that goes away without a word is common; one that waited for answers has lost something.
      const ending = memberOf(payload, "ending")
      return badEndings.has(ending) || (ending === "connectionLost" && count("inFlight") > 0)
    }
    // Without a session it was anybody: a scanner of ports, say.
    case "ProtocolError":
    case "PduRejected":
    case "DigestError":
      return count("tsih") > 0
    case "TaskManagement":
    case "LunRemoved":
      return count("aborted") > 0
    case "LunDrainEnded":
      return count("aborted") > 0 || memberOf(payload, "late") === true
    case "TargetNodeSessionsClosed":
      return count("cut") > 0
    case "BdevRemovalStarted":
      return memberOf(payload, "cause") === "vanished"
    case "BdevHealth":
      return memberOf(payload, "health") === "degraded"
    case "ProcessStarted":
      return memberOf(payload, "previousEnd") === "missing"
    default:
      return incidentTypes.has(type)
  }
}
