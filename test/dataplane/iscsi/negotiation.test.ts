/** Each key is answered by the result function that RFC 7143 section 13 gives it. */
import { assert, describe, it } from "vitest"
import { defaultParameters, Negotiation, type NegotiationPolicy } from "../../../src/dataplane/iscsi/negotiation.ts"
import { burstBytesMax, outstandingR2tMax, recvDataSegmentBytesMax } from "../../../src/dataplane/limits.ts"
import { negotiated, negotiationViolations } from "../../support/initiator/negotiation.ts"
import { makeRandom, type Random, runSeed } from "../../support/initiator/random.ts"
import type { KeyList } from "../../support/initiator/text-keys.ts"

const policy: NegotiationPolicy = {
  discovery: false,
  joins: false,
  maxConnections: 2,
  immediateData: true,
  firstBurstLength: 65_536,
  defaultTime2Wait: 2,
  defaultTime2Retain: 20,
  requireHeaderDigest: false,
  requireDataDigest: false
}

/** The answer to one key in a new login. */
const answer = (key: string, value: string, changes: Partial<NegotiationPolicy> = {}): string | undefined => {
  const answers = new Negotiation({ ...policy, ...changes }).answer([[key, value]])
  if ("refused" in answers) return `refused: ${answers.refused}`
  assert.isAtMost(answers.length, 1)
  return answers[0]?.[1]
}

/** `offered -> answered`, by key. */
const results: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  MaxConnections: { "1": "1", "2": "2", "8": "2", "65535": "2", "0": "Reject", "65536": "Reject" },
  InitialR2T: { Yes: "Yes", No: "No", yes: "Reject", "": "Reject" },
  ImmediateData: { Yes: "Yes", No: "No", "1": "Reject" },
  MaxBurstLength: {
    "512": "512",
    "262144": "262144",
    "1048576": String(burstBytesMax),
    "16777215": String(burstBytesMax),
    "0x1000": "4096",
    "511": "Reject",
    "16777216": "Reject",
    many: "Reject"
  },
  FirstBurstLength: { "512": "512", "65536": "65536", "262144": "65536", "0": "Reject" },
  MaxOutstandingR2T: { "1": "1", "4": "4", "65535": String(outstandingR2tMax), "0": "Reject" },
  DefaultTime2Wait: { "0": "2", "2": "2", "30": "30", "3600": "3600", "3601": "Reject" },
  DefaultTime2Retain: { "0": "0", "20": "20", "3600": "20", "-1": "Reject" },
  ErrorRecoveryLevel: { "0": "0", "1": "0", "2": "0", "3": "Reject" },
  DataPDUInOrder: { Yes: "Yes", No: "Yes", Maybe: "Reject" },
  DataSequenceInOrder: { Yes: "Yes", No: "Yes" },
  HeaderDigest: { None: "None", "CRC32C,None": "CRC32C", "None,CRC32C": "None", CRC32C: "CRC32C", "": "Reject" },
  DataDigest: { None: "None", "CRC32C,None": "CRC32C", "X-a,CRC32C": "CRC32C", Nonesuch: "Reject" },
  IFMarker: { No: "No", Yes: "No" },
  OFMarker: { No: "No", Yes: "No" },
  OFMarkInt: { "1~2048": "Reject" },
  IFMarkInt: { "1": "Reject" },
  TaskReporting: { RFC3720: "RFC3720", "FastAbort,RFC3720": "RFC3720", "ResponseFence,FastAbort": "Reject" },
  iSCSIProtocolLevel: { "0": "0", "1": "1", "2": "1", "0x1f": "1", "32": "Reject", one: "Reject" },
  "X-com.example.speed": { "9": "NotUnderstood" },
  constructor: { "1": "NotUnderstood" }
}

describe("an offered key is answered", () => {
  for (const [key, byOffer] of Object.entries(results)) {
    it(key, () => {
      for (const [offer, expected] of Object.entries(byOffer)) {
        assert.strictEqual(answer(key, offer), expected, `${key}=${offer}`)
      }
    })
  }

  it("by what the target wants, too", () => {
    assert.strictEqual(answer("ImmediateData", "Yes", { immediateData: false }), "No")
    assert.strictEqual(answer("FirstBurstLength", "65536", { firstBurstLength: 8192 }), "8192")
    assert.strictEqual(answer("DefaultTime2Wait", "0", { defaultTime2Wait: 7 }), "7")
    assert.strictEqual(answer("DefaultTime2Retain", "60", { defaultTime2Retain: 0 }), "0")
  })

  it("not at all when it is a declaration", () => {
    assert.isUndefined(answer("MaxRecvDataSegmentLength", "65536"))
    assert.isUndefined(answer("InitiatorAlias", "host"))
  })

  it("with a refusal when it is not the initiator's to offer, or not in a login", () => {
    assert.strictEqual(answer("SendTargets", "All"), "refused: SendTargets belongs into full feature phase")
    for (const key of ["TargetAlias", "TargetAddress", "TargetPortalGroupTag"]) {
      assert.strictEqual(answer(key, "1"), `refused: ${key}, which only targets declare`)
      // What the target declares needs no answer; some give one.
      assert.isUndefined(answer(key, "NotUnderstood"))
    }
    for (const key of ["InitialR2T", "MaxBurstLength", "HeaderDigest", "X-com.example.speed"]) {
      for (const value of ["Reject", "Irrelevant", "NotUnderstood"]) {
        assert.strictEqual(answer(key, value), `refused: ${key}=${value}, which is an answer to nothing`)
      }
    }
  })

  it("with a refusal when a length that is declared can't be one", () => {
    for (const length of ["0", "511", "16777216", "x"]) {
      assert.match(answer("MaxRecvDataSegmentLength", length) ?? "", /refused: MaxRecvDataSegmentLength=/)
    }
  })

  it("with Irrelevant in a discovery session, where it means nothing there", () => {
    const irrelevant = [
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
    ]
    for (const key of irrelevant) assert.strictEqual(answer(key, "1", { discovery: true }), "Irrelevant", key)
    assert.strictEqual(answer("DefaultTime2Wait", "0", { discovery: true }), "2")
    assert.strictEqual(answer("HeaderDigest", "None", { discovery: true }), "None")
  })
})

describe("a login", () => {
  it("has the RFC's defaults where nothing is offered", () => {
    const negotiation = new Negotiation(policy)
    negotiation.answer([])
    assert.deepStrictEqual(negotiation.parameters, defaultParameters())
    assert.strictEqual(negotiation.parameters.initiatorMaxRecvDataSegmentLength, 8192)
    assert.strictEqual(negotiation.parameters.maxBurstLength, 262_144)
  })

  it("may not negotiate a key twice, in one exchange or in two", () => {
    const negotiation = new Negotiation(policy)
    assert.deepStrictEqual(negotiation.answer([["InitialR2T", "No"]]), [["InitialR2T", "No"]])
    assert.deepStrictEqual(negotiation.answer([["InitialR2T", "No"]]), {
      refused: "InitialR2T was negotiated already in this login"
    })
  })

  it("keeps FirstBurstLength within MaxBurstLength, whichever comes first", () => {
    const keys = [
      ["FirstBurstLength", "65536"],
      ["MaxBurstLength", "4096"]
    ] as const
    for (const pairs of [keys, keys.toReversed()]) {
      const answers = new Negotiation(policy).answer(pairs)
      assert.deepStrictEqual(new Map("refused" in answers ? [] : answers).get("FirstBurstLength"), "4096")
    }
  })

  it("declares the target's own segment length once", () => {
    const negotiation = new Negotiation(policy)
    assert.deepStrictEqual(negotiation.declarations(), [["MaxRecvDataSegmentLength", String(recvDataSegmentBytesMax)]])
    assert.deepStrictEqual(negotiation.declarations(), [])
  })

  it("fails closed when a digest is required that is not agreed on", () => {
    for (const key of ["HeaderDigest", "DataDigest"] as const) {
      const required = key === "HeaderDigest" ? { requireHeaderDigest: true } : { requireDataDigest: true }
      assert.strictEqual(answer(key, "None,CRC32C", required), "CRC32C")
      for (const offer of ["None", "crc32c", ""]) {
        assert.match(answer(key, offer, required) ?? "", /refused: the target requires .*=CRC32C/)
      }
      // Not offered at all is not agreed on.
      assert.strictEqual(new Negotiation({ ...policy, ...required }).unmet(), `the target requires ${key}=CRC32C`)
    }
    assert.isUndefined(new Negotiation(policy).unmet())
  })
})

const randomOffer = (random: Random): KeyList => {
  const length = () => String(random.pick([512, 1024, 4096, 65_536, 262_144, 1_048_576, 0xff_ff_ff]))
  const yesNo = () => random.pick(["Yes", "No"])
  const all: KeyList = [
    ["InitialR2T", yesNo()],
    ["ImmediateData", yesNo()],
    ["MaxBurstLength", length()],
    ["FirstBurstLength", length()],
    ["MaxRecvDataSegmentLength", length()],
    ["MaxOutstandingR2T", String(random.between(1, 20))],
    ["MaxConnections", String(random.between(1, 4))],
    ["DefaultTime2Wait", String(random.below(60))],
    ["DefaultTime2Retain", String(random.below(60))],
    ["ErrorRecoveryLevel", String(random.below(3))],
    ["DataPDUInOrder", yesNo()],
    ["DataSequenceInOrder", yesNo()],
    ["HeaderDigest", random.pick(["None", "CRC32C,None"])],
    ["DataDigest", random.pick(["None", "CRC32C,None"])]
  ]
  return all.filter(() => random.chance(0.7)).sort(() => (random.chance(0.5) ? 1 : -1))
}

describe("any offer", () => {
  it("is answered by the rules, and both sides come to the same parameters", () => {
    const random = makeRandom(runSeed(5))
    for (let round = 0; round < 500; round++) {
      const offered = randomOffer(random)
      const negotiation = new Negotiation({
        ...policy,
        immediateData: random.chance(0.7),
        firstBurstLength: random.pick([512, 8192, 65_536, 1_048_576])
      })
      const answers = negotiation.answer(offered)
      assert.isFalse("refused" in answers, JSON.stringify(answers))
      if ("refused" in answers) continue
      const answered = [...answers, ...negotiation.declarations()]
      assert.deepStrictEqual(negotiationViolations(offered, answered), [])
      const initiators = negotiated(offered, answered)
      const { parameters } = negotiation
      assert.strictEqual(parameters.initialR2t, initiators.initialR2t)
      assert.strictEqual(parameters.immediateData, initiators.immediateData)
      assert.strictEqual(parameters.maxBurstLength, initiators.maxBurstLength)
      assert.strictEqual(Math.min(parameters.firstBurstLength, parameters.maxBurstLength), initiators.firstBurstLength)
      assert.strictEqual(parameters.maxOutstandingR2t, initiators.maxOutstandingR2t)
      assert.strictEqual(parameters.initiatorMaxRecvDataSegmentLength, initiators.maxRecvDataSegmentLength)
    }
  })
})
