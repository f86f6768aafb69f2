/**
 * Operational parameters of a session and how they are negotiated (RFC 7143 sections 6.2 and 13). One `Negotiation`
 * lives as long as a login; what it has agreed on is read when the login ends.
 */
import { burstBytesMax, loginDataSegmentBytesMax, outstandingR2tMax, recvDataSegmentBytesMax } from "../limits.ts"
import type { Digests } from "./PduReader.ts"
import { parseNumber, type TextPairs } from "./text-keys.ts"

/** What a session runs with. Lengths in bytes, times in seconds. */
export interface SessionParameters {
  maxConnections: number
  initialR2t: boolean
  immediateData: boolean
  maxBurstLength: number
  firstBurstLength: number
  maxOutstandingR2t: number
  defaultTime2Wait: number
  defaultTime2Retain: number
  errorRecoveryLevel: number
  /** What the initiator takes in one data segment. */
  initiatorMaxRecvDataSegmentLength: number
}

/** What the target brings to the negotiation. */
export interface NegotiationPolicy {
  readonly discovery: boolean
  readonly immediateData: boolean
  readonly firstBurstLength: number
  readonly defaultTime2Wait: number
  readonly defaultTime2Retain: number
  readonly maxConnections: number
  /** The connection joins a session, whose parameters hold: it negotiates no more than what is its own. */
  readonly joins: boolean
  /** The target demands CRC32C: nothing else is agreed to. */
  readonly requireHeaderDigest: boolean
  readonly requireDataDigest: boolean
}

/** The values that hold where a key is not negotiated, RFC 7143 section 13. */
export const defaultParameters = (): SessionParameters => ({
  maxConnections: 1,
  initialR2t: true,
  immediateData: true,
  maxBurstLength: 262_144,
  firstBurstLength: 65_536,
  maxOutstandingR2t: 1,
  defaultTime2Wait: 2,
  defaultTime2Retain: 20,
  errorRecoveryLevel: 0,
  initiatorMaxRecvDataSegmentLength: 8192
})

/** The answer to one key: a value, nothing (the key was a declaration), or the reason to refuse the login. */
type Answer = string | undefined | { readonly refused: string }

type NumberKey = Exclude<keyof SessionParameters, "initialR2t" | "immediateData">
type NumberRule = {
  readonly name: NumberKey
  readonly minimum: number
  readonly maximum: number
  readonly result: (offered: number, policy: NegotiationPolicy) => number
}

const lengthMax = 0xff_ff_ff
const numberRules: Readonly<Record<string, NumberRule>> = {
  MaxConnections: {
    name: "maxConnections",
    minimum: 1,
    maximum: 65_535,
    result: (offered, policy) => Math.min(offered, policy.maxConnections)
  },
  MaxBurstLength: {
    name: "maxBurstLength",
    minimum: 512,
    maximum: lengthMax,
    result: (offered) => Math.min(offered, burstBytesMax)
  },
  FirstBurstLength: {
    name: "firstBurstLength",
    minimum: 512,
    maximum: lengthMax,
    result: (offered, policy) => Math.min(offered, policy.firstBurstLength)
  },
  MaxOutstandingR2T: {
    name: "maxOutstandingR2t",
    minimum: 1,
    maximum: 65_535,
    result: (offered) => Math.min(offered, outstandingR2tMax)
  },
  DefaultTime2Wait: {
    name: "defaultTime2Wait",
    minimum: 0,
    maximum: 3600,
    result: (offered, policy) => Math.max(offered, policy.defaultTime2Wait)
  },
  DefaultTime2Retain: {
    name: "defaultTime2Retain",
    minimum: 0,
    maximum: 3600,
    result: (offered, policy) => Math.min(offered, policy.defaultTime2Retain)
  },
  ErrorRecoveryLevel: { name: "errorRecoveryLevel", minimum: 0, maximum: 2, result: () => 0 }
}

/** Keys that mean nothing in a discovery session. */
const irrelevantInDiscovery: ReadonlySet<string> = new Set([
  "MaxConnections",
  "InitialR2T",
  "ImmediateData",
  "MaxBurstLength",
  "FirstBurstLength",
  "MaxOutstandingR2T",
  "DataPDUInOrder",
  "DataSequenceInOrder",
  "TaskReporting",
  "iSCSIProtocolLevel"
])

/** Declared by targets alone. */
const targetKeys: ReadonlySet<string> = new Set(["TargetAlias", "TargetAddress", "TargetPortalGroupTag"])

/** RFC 7143 section 6.2: answers, which nobody may propose. */
const answersOnly: ReadonlySet<string> = new Set(["Reject", "Irrelevant", "NotUnderstood"])

/** RFC 7143 section 13.24: 1 is what that document describes, 2 would be RFC 7144. */
const protocolLevel = 1
const protocolLevelMax = 31

/** Keys that are negotiated in a login alone; in full feature phase it is too late for them. */
const otherLoginKeys: ReadonlySet<string> = new Set(["HeaderDigest", "DataDigest", "AuthMethod", "SessionType"])

/** Whether a key is for logins, and known. */
export const isLoginKey = (key: string): boolean =>
  Object.hasOwn(numberRules, key) || irrelevantInDiscovery.has(key) || otherLoginKeys.has(key)

/** Keys that only the first connection of a session may use (RFC 7143 chapter 13: LO). */
const leadingOnly: ReadonlySet<string> = new Set([
  ...irrelevantInDiscovery,
  "DefaultTime2Wait",
  "DefaultTime2Retain",
  "ErrorRecoveryLevel"
])

const refused = (reason: string): Answer => ({ refused: reason })

/** The operational part of one login. */
export class Negotiation {
  readonly parameters: SessionParameters = defaultParameters()
  readonly #policy: NegotiationPolicy
  readonly #seen = new Set<string>()
  #declared = false
  readonly #digests = { header: false, data: false }

  constructor(policy: NegotiationPolicy) {
    this.#policy = policy
  }

  /** What has been agreed on for this connection, from its first PDU after the login on. */
  get digests(): Digests {
    return this.#digests
  }

  /** Answers operational keys of one exchange, or gives the reason to refuse the login. */
  answer(pairs: TextPairs): TextPairs | { readonly refused: string } {
    const answers: Array<readonly [string, string]> = []
    // FirstBurstLength may not exceed MaxBurstLength, so that one has to be known first.
    const ordered = [...pairs].sort((a, b) => Number(a[0] === "FirstBurstLength") - Number(b[0] === "FirstBurstLength"))
    for (const [key, value] of ordered) {
      if (this.#seen.has(key)) return { refused: `${key} was negotiated already in this login` }
      this.#seen.add(key)
      const misplaced = this.#misplaced(key, value)
      if (misplaced !== undefined) return { refused: misplaced }
      const answer = this.#answerKey(key, value)
      if (typeof answer === "object") return answer
      if (answer !== undefined) answers.push([key, answer])
    }
    return answers
  }

  /** What the target declares by itself, once, as soon as operational keys are exchanged. */
  declarations(): TextPairs {
    if (this.#declared) return []
    this.#declared = true
    const length = this.#policy.discovery ? loginDataSegmentBytesMax : recvDataSegmentBytesMax
    return [["MaxRecvDataSegmentLength", String(length)]]
  }

  /** Why full feature phase can't start with what was agreed on; undefined if it can. */
  unmet(): string | undefined {
    const policy = this.#policy
    if (policy.requireHeaderDigest && !this.#digests.header) return "the target requires HeaderDigest=CRC32C"
    if (policy.requireDataDigest && !this.#digests.data) return "the target requires DataDigest=CRC32C"
    return undefined
  }

  /** Why a key may not come here at all. */
  #misplaced(key: string, value: string): string | undefined {
    if (key === "SendTargets") return "SendTargets belongs into full feature phase"
    if (answersOnly.has(value)) {
      // An answer to what the target has declared.
      return targetKeys.has(key) || key === "InitiatorAlias"
        ? undefined
        : `${key}=${value}, which is an answer to nothing`
    }
    return targetKeys.has(key) ? `${key}, which only targets declare` : undefined
  }

  #answerKey(key: string, value: string): Answer {
    if (this.#policy.discovery && irrelevantInDiscovery.has(key)) return "Irrelevant"
    if (this.#policy.joins && leadingOnly.has(key)) return "Irrelevant"
    const rule = Object.hasOwn(numberRules, key) ? numberRules[key] : undefined
    if (rule !== undefined) return this.#answerNumber(rule, value)
    const parameters = this.parameters
    switch (key) {
      case "MaxRecvDataSegmentLength": {
        const length = parseNumber(value)
        if (length === undefined || length < 512 || length > lengthMax) {
          return refused(`MaxRecvDataSegmentLength=${value} is not a length of 512 to ${lengthMax}`)
        }
        parameters.initiatorMaxRecvDataSegmentLength = length
        return undefined
      }
      case "InitialR2T":
        return this.#answerBoolean(value, (offered) => {
          parameters.initialR2t = offered
          return offered
        })
      case "ImmediateData":
        return this.#answerBoolean(value, (offered) => {
          parameters.immediateData = offered && this.#policy.immediateData
          return parameters.immediateData
        })
      case "DataPDUInOrder":
      case "DataSequenceInOrder":
        return this.#answerBoolean(value, () => true)
      case "HeaderDigest":
      case "DataDigest":
        return this.#answerDigest(key, value)
      case "IFMarker":
      case "OFMarker":
        return "No"
      case "IFMarkInt":
      case "OFMarkInt":
        // RFC 7143 section 13.25: obsolete, and known all the same.
        return "Reject"
      case "TaskReporting":
        return value.split(",").includes("RFC3720") ? "RFC3720" : "Reject"
      case "iSCSIProtocolLevel": {
        const level = parseNumber(value)
        return level === undefined || level > protocolLevelMax ? "Reject" : String(Math.min(level, protocolLevel))
      }
      case "InitiatorAlias":
        return undefined
      default:
        return targetKeys.has(key) ? undefined : "NotUnderstood"
    }
  }

  #answerNumber(rule: NumberRule, value: string): Answer {
    const offered = parseNumber(value)
    if (offered === undefined || offered < rule.minimum || offered > rule.maximum) return "Reject"
    const result = rule.result(offered, this.#policy)
    this.parameters[rule.name] =
      rule.name === "firstBurstLength" ? Math.min(result, this.parameters.maxBurstLength) : result
    return String(this.parameters[rule.name])
  }

  #answerBoolean(value: string, agree: (offered: boolean) => boolean): Answer {
    if (value !== "Yes" && value !== "No") return "Reject"
    return agree(value === "Yes") ? "Yes" : "No"
  }

  /** RFC 7143 section 6.2.1: the first value of the list that can be agreed to. */
  #answerDigest(key: "HeaderDigest" | "DataDigest", value: string): Answer {
    const isHeader = key === "HeaderDigest"
    const required = isHeader ? this.#policy.requireHeaderDigest : this.#policy.requireDataDigest
    const agreed = value.split(",").find((offer) => offer === "CRC32C" || (offer === "None" && !required))
    if (agreed === undefined && required) return refused(`the target requires ${key}=CRC32C; ${value} is offered`)
    this.#digests[isHeader ? "header" : "data"] = agreed === "CRC32C"
    return agreed ?? "Reject"
  }
}
