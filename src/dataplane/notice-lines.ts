/** Lines about the data plane's notices for who watches the process. */
import { Effect } from "effect"
import { isRedirect, loginStatusName } from "./iscsi/pdu/login.ts"
import type { Notice } from "./ReactorClient.ts"

/** Lines in one second; a hostile peer must not flood the log of the process. All notices are still observed. */
const linesPerSecond = 10

type NoticeOf<Tag extends Notice["_tag"]> = Extract<Notice, { readonly _tag: Tag }>

/** What becomes of several reactors. */
type PoolNotice = NoticeOf<"ReactorCrashed" | "ReactorRecovered" | "TargetsMoved">

/** What initiators do. */
type PeerNotice = Extract<Notice, { readonly initiatorAddress: string }>

const times = (repeated: number | undefined): string =>
  repeated === undefined || repeated <= 1 ? "" : ` (${repeated} times since the last line)`

const whoIs = (notice: { readonly initiatorName?: string; readonly initiatorAddress: string }): string => {
  const { initiatorAddress, initiatorName = "" } = notice
  return initiatorName === "" ? initiatorAddress : `${initiatorName} (${initiatorAddress})`
}

const inFlightText = (inFlight: number | undefined): string =>
  inFlight === undefined || inFlight === 0 ? "" : `, with ${inFlight} commands in flight`

const refusalLine = (notice: NoticeOf<"LoginRefused">): Effect.Effect<void> => {
  const { reason, repeated, status } = notice
  const who = `${whoIs(notice)}`
  if (isRedirect(status)) return Effect.logInfo(`login of ${who} redirected: ${reason}`)
  // They may have had other reasons: what is told together is one host's, to one target, with one status.
  const last = repeated === undefined || repeated <= 1 ? "" : ` (the last of ${repeated} since the last line)`
  return Effect.logWarning(`login of ${who} refused (${loginStatusName(status)}): ${reason}${last}`)
}

const peerLine = (notice: PeerNotice): Effect.Effect<void> => {
  const who = whoIs(notice)
  switch (notice._tag) {
    case "SessionOpened":
      return Effect.logInfo(`${who} logged in to ${notice.targetName}, session ${notice.tsih}`)
    case "SessionClosed": {
      const { inFlight, reason, targetName, tsih } = notice
      return Effect.logInfo(`${who} left ${targetName}, session ${tsih}: ${reason}${inFlightText(inFlight)}`)
    }
    case "DiscoverySession":
    case "PduRejected":
      return Effect.void
    case "LoginRefused":
      return refusalLine(notice)
    case "LoginAbandoned":
      return Effect.logInfo(`login of ${who} came to nothing: ${notice.reason}${times(notice.repeated)}`)
    case "ConnectionRefused":
      return Effect.logWarning(`connection of ${who} turned away: ${notice.reason}${times(notice.repeated)}`)
    case "TaskManagement": {
      const { aborted, lun, repeated, response, targetName } = notice
      const where = lun === undefined ? targetName : `LUN ${lun} of ${targetName}`
      return Effect.logWarning(
        `${notice.function} of ${who} at ${where}: ${response}, ${aborted} aborted${times(repeated)}`
      )
    }
    case "DigestError":
      return Effect.logWarning(`${notice.digest} digest of a PDU of ${who} is wrong${times(notice.repeated)}`)
    case "ProtocolError":
      return Effect.logWarning(`connection of ${who} closed, protocol error: ${notice.reason}${times(notice.repeated)}`)
    case "InternalError":
      return Effect.logError(`a mistake of lunlog itself cost ${who} its connection; please report: ${notice.detail}`)
  }
}

const ioText = (io: NoticeOf<"IoFailed" | "SlowIo"> | NoticeOf<"IoStuck">["oldest"]): string =>
  io.blocks === undefined ? io.operation : `${io.operation} of ${io.blocks} blocks at ${io.logicalBlockAddress}`

const poolLine = (notice: PoolNotice): Effect.Effect<void> => {
  switch (notice._tag) {
    case "ReactorCrashed": {
      const { connections, detail, forGood, reactor } = notice
      const what = `reactor ${reactor} has failed, with ${connections} connections: ${detail}`
      return forGood === true
        ? Effect.logFatal(`${what}; it is not started again, and its targets are down: restart the target`)
        : Effect.logError(`${what}; it is started again`)
    }
    case "ReactorRecovered": {
      const { bdevs, contentLost, durationMillis, reactor, targets } = notice
      const lost = contentLost.length === 0 ? "" : `; the content of ${contentLost.join(", ")} is lost`
      const what = `${targets} targets and ${bdevs} bdevs`
      return Effect.logWarning(`reactor ${reactor} runs again after ${durationMillis} ms, with ${what}${lost}`)
    }
    case "TargetsMoved": {
      const { fromReactor, sessionsClosed, sessionsCut, targets, toReactor } = notice
      const who = `${sessionsClosed + sessionsCut} sessions were asked to come back`
      return Effect.logInfo(`${targets.join(", ")} moved from reactor ${fromReactor} to ${toReactor}; ${who}`)
    }
  }
}

const deviceLine = (notice: Exclude<Notice, PeerNotice>): Effect.Effect<void> => {
  switch (notice._tag) {
    case "Crashed":
      return Effect.logFatal(`the reactor has failed: ${notice.detail}`)
    case "ReactorCrashed":
    case "ReactorRecovered":
    case "TargetsMoved":
      return poolLine(notice)
    case "BdevIoFailed": {
      const { bdev, byteOffset, code, operation, repeated } = notice
      return Effect.logError(`bdev ${bdev}: ${operation} at byte ${byteOffset} failed: ${code}${times(repeated)}`)
    }
    case "IoFailed": {
      const { bdev, initiatorName, lun, repeated, sense, status, targetName } = notice
      const why = sense === undefined ? status : `${sense.keyName}, ${sense.name}`
      const what = `bdev ${bdev}: ${ioText(notice)} failed`
      return Effect.logError(`${what} (LUN ${lun} of ${targetName}, ${initiatorName}): ${why}${times(repeated)}`)
    }
    case "SlowIo": {
      const { bdev, lun, millis, repeated, targetName } = notice
      const what = `bdev ${bdev}: ${ioText(notice)} took ${millis} ms`
      return Effect.logWarning(`${what} (LUN ${lun} of ${targetName})${times(repeated)}`)
    }
    case "IoStuck": {
      const { bdev, lun, oldest, outstanding, targetName } = notice
      const what = `bdev ${bdev} has not answered ${outstanding} commands of LUN ${lun} of ${targetName}`
      return Effect.logError(`${what}; the oldest is a ${ioText(oldest)}, ${oldest.millis} ms ago`)
    }
    case "QueueFull": {
      const { lun, reason, repeated, status, targetName } = notice
      return Effect.logWarning(`LUN ${lun} of ${targetName} answers ${status}: ${reason}${times(repeated)}`)
    }
    case "LunDrainEnded": {
      const { aborted, durationMillis, late, lun, targetName } = notice
      if (!late) return Effect.void
      const what = `LUN ${lun} of ${targetName} has not drained in ${durationMillis} ms`
      return Effect.logError(`${what}: ${aborted} commands are not waited for any longer`)
    }
    case "ObservationsSuppressed": {
      const text = Object.entries(notice.byType).map(([type, count]) => `${count} of ${type}`)
      return Effect.logWarning(`too much to be told: ${text.join(", ")}`)
    }
    case "LunDrainStarted":
    case "QosThrottlingBegan":
    case "QosThrottlingEnded":
      return Effect.void
  }
}

const isSilent = ({ _tag }: Notice): boolean =>
  _tag === "DiscoverySession" ||
  _tag === "PduRejected" ||
  _tag === "LunDrainStarted" ||
  _tag === "QosThrottlingBegan" ||
  _tag === "QosThrottlingEnded"

/** Gives the line of each notice, but no more than a few a second. `now` is in milliseconds and only goes forward. */
export const noticeLines = (now: () => number): ((notice: Notice) => Effect.Effect<void>) => {
  let second = 0
  let lines = 0
  return (notice) => {
    if (isSilent(notice)) return Effect.void
    const current = Math.floor(now() / 1000)
    if (current !== second) {
      second = current
      lines = 0
    }
    lines++
    if (lines > linesPerSecond) return Effect.void
    return "initiatorAddress" in notice ? peerLine(notice) : deviceLine(notice)
  }
}
