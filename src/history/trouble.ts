/** Which records say that something went wrong: what `lunlog log tail --errors` shows. */
import type { LogRecord } from "../../eventlog/record.ts"
import { memberOf } from "./describe/words.ts"

/** Types of which every record does. */
const troubleTypes: ReadonlySet<string> = new Set([
  "LoginRefused",
  "LoginAbandoned",
  "ConnectionRefused",
  "PduRejected",
  "ProtocolError",
  "DigestError",
  "InternalError",
  "ReactorCrashed",
  "BdevIoFailed",
  "BdevFailed",
  "PortalFailed",
  "IoFailed",
  "SlowIo",
  "IoStuck",
  "QueueFull",
  "TaskManagement",
  "ObservationsSuppressed",
  "ClockStepped",
  "LogRecovered",
  "LossAccepted"
])

/** Endings of sessions that somebody wanted, or that the server's own end brought. */
const orderlyEndings: ReadonlySet<unknown> = new Set(["logout", "kicked", "targetDeleted", "serverEnd"])
/** The same in words, where an older version has written no more. */
const orderlyWords = /log(?:ged)? ?out|closed it|target|shut/iu

/** Whether a record says that something went wrong, and not only that somebody wanted something. */
export const isTrouble = ({ payload, type }: Pick<LogRecord, "payload" | "type">): boolean => {
  const member = (name: string) => {
    const value = memberOf(payload, name)
    // An object is none of what is looked for, and cannot always be made a number or text.
    return typeof value === "object" ? undefined : value
  }
  switch (type) {
    case "LoginRefused":
      // 01/01 and 01/02 send the initiator elsewhere (RFC 7143 section 11.13.5).
      return Math.floor(Number(member("status")) / 256) !== 1
    case "SessionClosed":
      return member("ending") === undefined
        ? !orderlyWords.test(String(member("reason")))
        : !orderlyEndings.has(member("ending"))
    case "ProcessStarted":
      return member("previousEnd") === "missing"
    case "LunRemoved":
      return Number(member("aborted")) > 0 || member("cause") === "boot"
    case "LunRemovalStarted":
      return member("cause") === "bdev-vanished"
    case "BdevHealth":
      return member("health") !== "ok"
    case "BdevRemovalStarted":
      return member("cause") === "vanished"
    case "TargetNodeSessionsClosed":
      return Number(member("cut")) > 0
    case "LunDrainEnded":
      return Number(member("aborted")) > 0 || Number(member("late")) > 0
    default:
      return troubleTypes.has(type)
  }
}
