/**
 * What a login agreed on, worked out from both sides' keys by the result functions of RFC 7143 section 13, and the
 * list of answers that break those rules.
 */
import type { KeyList } from "./text-keys.ts"

/** The operational parameters of a session's only connection. */
export interface Negotiated {
  readonly headerDigest: boolean
  readonly dataDigest: boolean
  readonly initialR2t: boolean
  readonly immediateData: boolean
  readonly maxBurstLength: number
  readonly firstBurstLength: number
  readonly maxOutstandingR2t: number
  readonly maxConnections: number
  readonly errorRecoveryLevel: number
  /** What the target may send in one PDU: declared by the initiator. */
  readonly maxRecvDataSegmentLength: number
  /** What the initiator may send in one PDU: declared by the target. */
  readonly targetMaxRecvDataSegmentLength: number
}

/** Values that hold when a key is not negotiated, RFC 7143 section 13. */
export const keyDefaults: Readonly<Record<string, string>> = {
  HeaderDigest: "None",
  DataDigest: "None",
  MaxConnections: "1",
  InitialR2T: "Yes",
  ImmediateData: "Yes",
  MaxRecvDataSegmentLength: "8192",
  MaxBurstLength: "262144",
  FirstBurstLength: "65536",
  DefaultTime2Wait: "2",
  DefaultTime2Retain: "20",
  MaxOutstandingR2T: "1",
  DataPDUInOrder: "Yes",
  DataSequenceInOrder: "Yes",
  ErrorRecoveryLevel: "0"
}

/** How two values give one. `declared` keys have no common result. */
type Rule = "and" | "or" | "min" | "max" | "list" | "declared"

const rules: Readonly<Record<string, Rule>> = {
  HeaderDigest: "list",
  DataDigest: "list",
  AuthMethod: "list",
  MaxConnections: "min",
  InitialR2T: "or",
  ImmediateData: "and",
  MaxRecvDataSegmentLength: "declared",
  MaxBurstLength: "min",
  FirstBurstLength: "min",
  DefaultTime2Wait: "max",
  DefaultTime2Retain: "min",
  MaxOutstandingR2T: "min",
  DataPDUInOrder: "or",
  DataSequenceInOrder: "or",
  ErrorRecoveryLevel: "min"
}

const valueFor = (keys: KeyList, key: string): string | undefined => keys.find(([name]) => name === key)?.[1]

const brokenRule = (key: string, offer: string, answer: string): string | undefined => {
  const said = `${key}: offered ${offer}, answered ${answer}`
  switch (rules[key]) {
    case "and":
      return answer === "No" || (answer === "Yes" && offer === "Yes") ? undefined : said
    case "or":
      return answer === "Yes" || (answer === "No" && offer === "No") ? undefined : said
    case "min":
      return /^\d+$/.test(answer) && Number(answer) <= Number(offer) ? undefined : said
    case "max":
      return /^\d+$/.test(answer) && Number(answer) >= Number(offer) ? undefined : said
    case "list":
      return offer.split(",").includes(answer) ? undefined : said
    default:
      return undefined
  }
}

const duplicates = (keys: KeyList): ReadonlyArray<string> =>
  keys
    .map(([key]) => key)
    .filter((key, index, all) => all.indexOf(key) !== index)
    .map((key) => `${key} was answered twice`)

/** Answers that break the result functions, and offers that got no answer. Irrelevant and Reject are answers. */
export const negotiationViolations = (offered: KeyList, answered: KeyList): ReadonlyArray<string> => {
  const found: Array<string> = [...duplicates(answered)]
  for (const [key, offer] of offered) {
    const rule = rules[key]
    if (rule === undefined || rule === "declared") continue
    const answer = valueFor(answered, key)
    if (answer === undefined) found.push(`${key}=${offer} got no answer`)
    else if (answer !== "Irrelevant" && answer !== "Reject") {
      const broken = brokenRule(key, offer, answer)
      if (broken !== undefined) found.push(broken)
    }
  }
  const burst = Number(valueFor(answered, "MaxBurstLength") ?? keyDefaults["MaxBurstLength"])
  const first = valueFor(answered, "FirstBurstLength")
  if (first !== undefined && Number(first) > burst)
    found.push(`FirstBurstLength ${first} is above MaxBurstLength ${burst}`)
  return found
}

/** The keys that both sides' login texts agree on. */
export const negotiated = (offered: KeyList, answered: KeyList): Negotiated => {
  const agreed = (key: string): string => {
    const answer = valueFor(answered, key)
    return answer === undefined || answer === "Irrelevant" || answer === "Reject" ? (keyDefaults[key] ?? "") : answer
  }
  const maxBurstLength = Number(agreed("MaxBurstLength"))
  return {
    headerDigest: agreed("HeaderDigest") === "CRC32C",
    dataDigest: agreed("DataDigest") === "CRC32C",
    initialR2t: agreed("InitialR2T") === "Yes",
    immediateData: agreed("ImmediateData") === "Yes",
    maxBurstLength,
    firstBurstLength: Math.min(Number(agreed("FirstBurstLength")), maxBurstLength),
    maxOutstandingR2t: Number(agreed("MaxOutstandingR2T")),
    maxConnections: Number(agreed("MaxConnections")),
    errorRecoveryLevel: Number(agreed("ErrorRecoveryLevel")),
    maxRecvDataSegmentLength: Number(
      valueFor(offered, "MaxRecvDataSegmentLength") ?? keyDefaults["MaxRecvDataSegmentLength"]
    ),
    targetMaxRecvDataSegmentLength: Number(
      valueFor(answered, "MaxRecvDataSegmentLength") ?? keyDefaults["MaxRecvDataSegmentLength"]
    )
  }
}
