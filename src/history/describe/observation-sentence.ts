/**
 * What each observation says, in one sentence. Read off the stored fields: an observation may be of an older or newer
 * version, and lacks what was not known.
 */
import { bytesText, counted, memberOf, spanText, valueText } from "./words.ts"

/** Reads fields of a payload as words; what is not there is `?` or nothing. */
class Fields {
  readonly #payload: unknown

  constructor(payload: unknown) {
    this.#payload = payload
  }

  has(name: string): boolean {
    const value = memberOf(this.#payload, name)
    return value !== undefined && value !== "" && value !== null && value !== false
  }

  text(name: string): string {
    const value = this.has(name) ? memberOf(this.#payload, name) : "?"
    return typeof value === "string" ? value : valueText(value)
  }

  number(name: string): number {
    const value = memberOf(this.#payload, name)
    return typeof value === "number" ? value : 0
  }

  within(name: string): Fields {
    return new Fields(memberOf(this.#payload, name))
  }

  /** `words` if the field is there. */
  when(name: string, words: (text: string) => string): string {
    return this.has(name) ? words(this.text(name)) : ""
  }

  texts(name: string): ReadonlyArray<string> {
    const value = memberOf(this.#payload, name)
    return Array.isArray(value) ? value.map(valueText) : []
  }

  entries(name: string): ReadonlyArray<readonly [string, unknown]> {
    const value = memberOf(this.#payload, name)
    return typeof value === "object" && value !== null ? Object.entries(value) : []
  }
}

type Sentence = (fields: Fields) => string

const who = (f: Fields): string =>
  f.has("initiatorName")
    ? `${f.text("initiatorName")}${f.when("initiatorAddress", (address) => ` (${address})`)}`
    : f.text("initiatorAddress")

const byWhom = (f: Fields): string => (f.has("initiatorName") || f.has("initiatorAddress") ? ` by ${who(f)}` : "")

const lun = (f: Fields): string =>
  f.has("targetName") ? `LUN ${f.number("lun")} of ${f.text("targetName")}` : `LUN ${f.number("lun")}`

const disk = (f: Fields): string => {
  const bdev = f.has("bdev") ? `bdev ${f.text("bdev")}` : ""
  if (!f.has("targetName")) return bdev
  return bdev === "" ? lun(f) : `${lun(f)} (${bdev})`
}

const extent = (f: Fields): string => {
  const blocks = f.has("blocks") ? `${counted(f.number("blocks"), "block")} ` : ""
  return f.has("logicalBlockAddress") || f.has("blocks") ? ` of ${blocks}at LBA ${f.number("logicalBlockAddress")}` : ""
}

const times = (f: Fields): string => {
  const count = f.number("repeated")
  return count > 1 ? `, ${count} times` : ""
}

/** Of refusals that were told together only the last one's reason is known. */
const lastOf = (f: Fields): string => {
  const count = f.number("repeated")
  return count > 1 ? ` (the last of ${count} refusals)` : ""
}

const senseText = (f: Fields): string => {
  if (!f.has("sense")) return f.has("status") ? `: ${f.text("status")}` : ""
  const sense = f.within("sense")
  return `: ${sense.text("keyName")}${sense.when("name", (name) => `, ${name}`)}`
}

const wereOf = (count: number): string => (count === 1 ? "was" : "were")

const portal = (f: Fields): string =>
  `portal ${f.text("host")}:${f.text("port")} of portal group ${f.text("portalGroupTag")}`

const traffic = (f: Fields): string => {
  const parts = [
    ...(f.has("durationMillis") ? [`after ${spanText(f.number("durationMillis"))}`] : []),
    ...(f.has("commands") ? [counted(f.number("commands"), "command")] : []),
    ...(f.has("readBytes") ? [`${bytesText(f.number("readBytes"))} read`] : []),
    ...(f.has("writtenBytes") ? [`${bytesText(f.number("writtenBytes"))} written`] : []),
    ...(f.number("inFlight") > 0 ? [`${counted(f.number("inFlight"), "command")} without an answer`] : [])
  ]
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`
}

const sessions: Readonly<Record<string, Sentence>> = {
  SessionOpened: (f) => {
    const replaced = f.when("replacedTsih", (tsih) => ` of session ${tsih}`)
    const instead = f.when("reinstated", () => `, in place${replaced}`)
    const as = f.when("chapUser", (user) => ` as ${user}`)
    return `${who(f)} logged in to ${f.text("targetName")}${as}, session ${f.text("tsih")}${instead}`
  },
  SessionClosed: (f) =>
    `${who(f)} left ${f.text("targetName")}, session ${f.text("tsih")}: ${f.text("reason")}${traffic(f)}${times(f)}`,
  SessionLogoutRequested: (f) =>
    `${who(f)} was asked to log out of ${f.text("targetName")}, session ${f.text("tsih")}` +
    (f.number("limitMillis") > 0 ? `, within ${spanText(f.number("limitMillis"))}` : ", and cut"),
  DiscoverySession: (f) => `${who(f)} asked which targets there are: ${f.text("reason")}${times(f)}`,
  LoginRefused: (f) => {
    const what = f.has("targetName") ? ` to ${f.text("targetName")}` : ""
    // Class 01 sends the initiator elsewhere (RFC 7143 section 11.13.5).
    const verb = Math.floor(f.number("status") / 256) === 1 ? "was redirected" : "was refused"
    return `login of ${who(f)}${what} ${verb}: ${f.text("reason")}${lastOf(f)}`
  },
  LoginAbandoned: (f) => `login of ${who(f)} was given up: ${f.text("reason")}${times(f)}`,
  ConnectionRefused: (f) => `connection of ${f.text("initiatorAddress")} was refused: ${f.text("reason")}${times(f)}`,
  TaskManagement: (f) =>
    `${who(f)} sent ${f.text("function")}${f.has("lun") ? ` for ${lun(f)}` : ""}: ${f.text("response")}, ` +
    `${counted(f.number("aborted"), "command")} aborted${times(f)}`,
  PduRejected: (f) => `a PDU of ${who(f)} was rejected: ${f.text("opcode")}, ${f.text("rejectReason")}${times(f)}`,
  DigestError: (f) => `the ${f.text("digest")} digest of a PDU of ${who(f)} was wrong: ${f.text("opcode")}${times(f)}`,
  ProtocolError: (f) => `${who(f)} broke the protocol and was cut: ${f.text("reason")}${times(f)}`,
  InternalError: (f) =>
    `a mistake of lunlog itself cost ${who(f)} its connection: ${f.text("detail").split("\n")[0]}${times(f)}`
}

const io: Readonly<Record<string, Sentence>> = {
  IoFailed: (f) => `a ${f.text("operation")}${extent(f)}${byWhom(f)} failed at ${disk(f)}${senseText(f)}${times(f)}`,
  BdevIoFailed: (f) =>
    `${f.text("operation")} at byte ${f.number("byteOffset")} of bdev ${f.text("bdev")} failed: ` +
    `${f.text("code")}${times(f)}`,
  SlowIo: (f) =>
    `a ${f.text("operation")}${extent(f)}${byWhom(f)} took ${spanText(f.number("millis"))} at ${disk(f)}` +
    `${f.when("rateLimited", () => ", rate limits included")}${times(f)}`,
  IoStuck: (f) =>
    `${disk(f)} has not answered ${counted(f.number("outstanding"), "command")} for ` +
    `${spanText(f.within("oldest").number("millis") || f.number("thresholdMillis"))}`,
  QueueFull: (f) => `commands${byWhom(f)} for ${lun(f)} got ${f.text("status")}: ${f.text("reason")}${times(f)}`,
  QosThrottlingBegan: (f) => `IO of bdev ${f.text("bdev")} began to wait for its rate limits`,
  QosThrottlingEnded: (f) =>
    `IO of bdev ${f.text("bdev")} waits for its rate limits no more: ${f.number("delayed")} had to, ` +
    `at most ${f.number("mostWaiting")} at once, in ${spanText(f.number("durationMillis"))}`,
  LunDrainStarted: (f) =>
    `${disk(f)} takes no commands any more, ${counted(f.number("inFlight"), "command")} in flight`,
  LunDrainEnded: (f) =>
    `${disk(f)} has drained in ${spanText(f.number("durationMillis"))}: ${f.number("drained")} ended, ` +
    `${f.number("aborted")} aborted${f.when("late", () => ", past the deadline")}`
}

const host: Readonly<Record<string, Sentence>> = {
  PortalUp: (f) => {
    const failed = f.number("failedAttempts")
    return `${portal(f)} listens${failed === 0 ? "" : ` after ${counted(failed, "attempt")} in vain`}`
  },
  PortalFailed: (f) => `${portal(f)} cannot be opened: ${f.text("code")}${f.when("detail", (text) => `, ${text}`)}`,
  PortalClosed: (f) => `${portal(f)} is closed`,
  BdevUp: (f) =>
    `bdev ${f.text("bdev")} is open${f.number("blockCount") > 0 ? `, ${f.number("blockCount")} blocks` : ""}`,
  BdevFailed: (f) =>
    `bdev ${f.text("bdev")} cannot be opened: ${f.text("code")}${f.when("detail", (text) => `, ${text}`)}`,
  BdevHealth: (f) =>
    f.text("health") === "ok"
      ? `bdev ${f.text("bdev")} works as it should again`
      : `bdev ${f.text("bdev")} is degraded: ${f.text("detail")}`,
  BdevClosed: (f) => `bdev ${f.text("bdev")} is closed`,
  ProcessStarted: (f) => {
    const before = f.text("previousEnd") === "missing" ? "; the one before was killed, or lost power" : ""
    return `process ${f.text("pid")} of lunlog ${f.text("version")} started on ${f.text("host")}${before}`
  },
  ProcessEnded: (f) => `the process ended in order: ${f.text("reason")}`,
  ConfigurationRead: (f) => `configuration ${f.text("config")} was read at ${f.text("occasion")}: ${f.text("result")}`,
  ReactorCrashed: (f) => {
    const why = f.text("detail").split("\n")[0]
    if (!f.has("reactor")) return `the data path has failed and the target must be restarted: ${why}`
    const after = f.has("forGood") ? "is not started again: the target must be restarted" : "is started again"
    const what = `reactor ${f.text("reactor")} has failed with ${counted(f.number("connections"), "connection")}`
    return `${what}, and ${after}: ${why}`
  },
  ReactorRecovered: (f) => {
    const what = `${counted(f.number("targets"), "target")} and ${counted(f.number("bdevs"), "bdev")}`
    const lost = f.texts("contentLost")
    return (
      `reactor ${f.text("reactor")} runs again after ${spanText(f.number("durationMillis"))}, with ${what}` +
      `${lost.length === 0 ? "" : `; the content of ${lost.join(", ")} is lost`}`
    )
  },
  TargetsMoved: (f) =>
    `${f.texts("targets").join(", ")} moved from reactor ${f.text("fromReactor")} to ${f.text("toReactor")} with ` +
    `${counted(f.number("bdevs"), "bdev")}; ` +
    `${counted(f.number("sessionsClosed") + f.number("sessionsCut"), "session")} had to come back`,
  ObservationsSuppressed: (f) => {
    const types = f.entries("byType").map(([type, count]) => `${valueText(count)} ${type}`)
    return `observations were not recorded, as there were too many: ${types.join(", ")}`
  },
  ObservationsDropped: (f) => {
    const count = f.number("count")
    return `${counted(count, "old observation")}, up to record ${f.number("through")}, ${wereOf(count)} dropped`
  },
  LogCompacted: (f) => {
    const where = f.has("archive") ? `put into ${f.text("archive")}` : "deleted for good"
    const records = f.number("records")
    return `${counted(records, "control record")}, up to record ${f.number("through")}, ${wereOf(records)} ${where}`
  },
  ClockStepped: (f) => {
    const millis = (f.number("to") - f.number("from")) / 1000
    if (f.text("reason") === "suspended") return `the machine was suspended for ${spanText(millis)}`
    return `the clock was set ${millis < 0 ? "back" : "forward"} by ${spanText(Math.abs(millis))}`
  },
  LogRecovered: (f) =>
    `the event log takes changes again after ${spanText(f.number("awayMillis"))}: ${f.text("code")}, ` +
    `${f.number("undone")} records undone`,
  LossAccepted: (f) => `records that were lost from the event log were given up: ${f.number("newBreaks")} breaks`
}

const sentences = new Map<string, Sentence>(Object.entries({ ...sessions, ...io, ...host }))

/** Types that there is a sentence for. */
export const describedObservations: ReadonlyArray<string> = [...sentences.keys()]

/** Any other observation is its type with its fields. */
export const observationSentence = (type: string, payload: unknown): string => {
  const sentence = sentences.get(type)
  if (sentence !== undefined) return sentence(new Fields(payload))
  const fields = typeof payload === "object" && payload !== null ? valueText(payload).slice(1, -1) : valueText(payload)
  return fields === "" ? type : `${type} ${fields}`
}
