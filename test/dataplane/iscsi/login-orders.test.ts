/**
 * Logins in every order, right and wrong: random requests against a reference that says, rule by rule, what must come
 * (RFC 7143 sections 6.3 and 12). Whoever gets in has proven what was required, and a refusal is the last word.
 */
import { assert, describe, it } from "vitest"
import { authGroupOf } from "../../../src/dataplane/iscsi/auth/AuthGroupView.ts"
import { type AuthPolicy, noAuthPolicy } from "../../../src/dataplane/iscsi/auth/AuthPolicy.ts"
import { provenBy } from "../../support/initiator/chap.ts"
import { LoginStatus, Stage } from "../../support/initiator/login.ts"
import { makeRandom, type Random, runSeed } from "../../support/initiator/random.ts"
import { decodeKeys, encodeKeys, type KeyList } from "../../support/initiator/text-keys.ts"
import { addTarget, initiatorName, ramDisk, TestNode, TestPeer, targetName } from "./fixture.ts"

const anna = { user: "anna", secret: "anna has a secret" }
const bert = { user: "bert", secret: "bert has a secret", mutual: { user: "disk", secret: "the disk's own" } }
const users = [anna, bert]

const policies: readonly [AuthPolicy, ...ReadonlyArray<AuthPolicy>] = [
  noAuthPolicy,
  { ...noAuthPolicy, chapGroup: 1 },
  { ...noAuthPolicy, disableChap: true },
  { ...noAuthPolicy, requireChap: true, chapGroup: 1 },
  { ...noAuthPolicy, requireChap: true, mutualChap: true, chapGroup: 1 },
  { ...noAuthPolicy, requireChap: true, chapGroup: 2 }
]

/** One login request. */
interface Request {
  readonly stage: number
  readonly next: number
  readonly transit: boolean
  readonly continues: boolean
  readonly versionMin: number
  readonly keys: KeyList
  /** Another connection id than the first request's. */
  readonly strayed: boolean
}

/** What a login has come to, by the reference. */
interface Progress {
  readonly policy: AuthPolicy
  stage: number | undefined
  identity: ReadonlyMap<string, string> | undefined
  method: "None" | "CHAP" | undefined
  chap: "none" | "algorithm" | "response" | "proven"
  challenge: KeyList
  held: KeyList
  readonly negotiated: Set<string>
}

/** A status, or the T bit of a good answer. */
type Outcome = { readonly refused: number } | { readonly transit: boolean }
const refuse = (refused: number): Outcome => ({ refused })
const { authenticationFailure, initiatorError, invalidDuringLogin, missingParameter, notFound, unsupportedVersion } =
  LoginStatus

const identityKeys = ["InitiatorName", "SessionType", "TargetName"]
const isSecurity = (key: string): boolean => key === "AuthMethod" || key.startsWith("CHAP_")

const headerRule = (at: Progress, request: Request): number | undefined => {
  if (request.strayed) return initiatorError
  if (request.versionMin > 0) return unsupportedVersion
  if (request.transit && request.continues) return initiatorError
  if (request.stage > Stage.operational) return initiatorError
  if (request.transit && (request.next === 2 || request.next <= request.stage)) return initiatorError
  return at.stage !== undefined && request.stage !== at.stage ? invalidDuringLogin : undefined
}

const identityRule = (at: Progress, keys: KeyList): number | undefined => {
  const given = new Map(keys.filter(([key]) => identityKeys.includes(key)))
  if (at.identity !== undefined) {
    const { identity } = at
    return [...given].some(([key, value]) => identity.get(key) !== value) ? initiatorError : undefined
  }
  at.identity = given
  if (!given.has("InitiatorName") || !given.has("TargetName")) return missingParameter
  return given.get("TargetName") === targetName ? undefined : notFound
}

const methodRule = (at: Progress, offered: string): number | undefined => {
  if (at.method !== undefined) return initiatorError
  const { chapGroup, disableChap, requireChap } = at.policy
  const offers = offered.split(",").filter((method) => (method === "CHAP" ? !disableChap : method === "None"))
  const allowed = offers.filter((method) => method === "CHAP" || !requireChap)
  const chosen = chapGroup === 0 && allowed.includes("None") ? "None" : allowed[0]
  if (chosen === undefined) return authenticationFailure
  at.method = chosen === "CHAP" ? "CHAP" : "None"
  if (at.method === "CHAP") at.chap = "algorithm"
  return undefined
}

/** Whether the keys prove an initiator to the letter. */
const proves = ({ challenge, policy }: Progress, keys: ReadonlyMap<string, string>): boolean => {
  if (policy.chapGroup !== 1) return false
  const user = users.find(({ user }) => user === keys.get("CHAP_N"))
  if (user === undefined) return false
  const expected = provenBy({ user: user.user, secret: user.secret }, challenge).keys[1]?.[1]
  if (keys.get("CHAP_R") !== expected) return false
  const asksBack = keys.has("CHAP_C")
  return policy.mutualChap ? asksBack && "mutual" in user : !asksBack
}

/** The security stage; `undefined` if nothing is wrong. */
const securityRule = (at: Progress, all: KeyList): number | undefined => {
  const keys = new Map(all.filter(([key]) => isSecurity(key)))
  const offered = keys.get("AuthMethod")
  keys.delete("AuthMethod")
  const wrongMethod = offered === undefined ? undefined : methodRule(at, offered)
  if (wrongMethod !== undefined) return wrongMethod
  const isOpen = at.chap === "algorithm" || at.chap === "response"
  if (!isOpen) return keys.size > 0 ? initiatorError : undefined
  if (keys.size === 0 && offered !== undefined) return undefined
  if (at.chap === "algorithm") {
    if (keys.size !== 1 || keys.get("CHAP_A") !== "5") return authenticationFailure
    at.chap = "response"
    return undefined
  }
  if (keys.has("CHAP_A") || !proves(at, keys)) return authenticationFailure
  at.chap = "proven"
  return undefined
}

const operationalRule = (at: Progress, keys: KeyList): number | undefined => {
  for (const [key, value] of keys) {
    if (identityKeys.includes(key) || isSecurity(key)) continue
    if (at.negotiated.has(key) || key === "SendTargets" || value === "Reject") return initiatorError
    at.negotiated.add(key)
  }
  return undefined
}

/** What must come; changes `at` as the request does. */
const expected = (at: Progress, request: Request): Outcome => {
  const wrong = headerRule(at, request)
  if (wrong !== undefined) return refuse(wrong)
  at.stage = request.stage
  const keys = [...at.held, ...request.keys]
  at.held = request.continues ? keys : []
  if (request.continues) return { transit: false }
  if (new Set(keys.map(([key]) => key)).size < keys.length) return refuse(initiatorError)
  const stranger = identityRule(at, keys)
  if (stranger !== undefined) return refuse(stranger)
  const inSecurity = request.stage === Stage.security
  if (!inSecurity && keys.some(([key]) => isSecurity(key))) return refuse(initiatorError)
  const unproven = inSecurity ? securityRule(at, keys) : undefined
  if (unproven !== undefined) return refuse(unproven)
  const isOver = !inSecurity || at.chap === "none" || at.chap === "proven"
  const leaves = !inSecurity || (request.transit && isOver)
  if (leaves && at.policy.requireChap && at.chap !== "proven") return refuse(authenticationFailure)
  const broken = operationalRule(at, keys)
  if (broken !== undefined) return refuse(broken)
  const transit = request.transit && isOver
  if (transit) at.stage = request.next
  return { transit }
}

const names: KeyList = [
  ["InitiatorName", initiatorName],
  ["TargetName", targetName]
]

/** Keys that lead on. */
const rightKeys = (at: Progress, random: Random): KeyList => {
  const who = at.identity === undefined ? names : []
  if (at.chap === "algorithm") return [["CHAP_A", "5"]]
  if (at.chap === "response") {
    const wantsMutual = at.policy.mutualChap
    const user = wantsMutual ? bert : random.pick([anna, { user: bert.user, secret: bert.secret }])
    return provenBy(user, at.challenge).keys
  }
  const isStart = (at.stage ?? Stage.security) === Stage.security && at.method === undefined
  if (isStart) return [...who, ["AuthMethod", random.pick(["CHAP,None", "CHAP", "None,CHAP", "None"])]]
  const more: KeyList = [[`X-${random.below(1000)}`, "1"]]
  return [...who, ...(random.chance(0.3) ? more : [])]
}

const strayKeys: readonly [KeyList, ...ReadonlyArray<KeyList>] = [
  names,
  [["InitiatorName", "iqn.2024-01.test:else"]],
  [["TargetName", "iqn.2024-01.test:nowhere"]],
  [["AuthMethod", "None"]],
  [["AuthMethod", "KRB5,SRP"]],
  [["CHAP_A", "5"]],
  [["CHAP_A", "9"]],
  [
    ["CHAP_N", "anna"],
    ["CHAP_R", "0x00"]
  ],
  [["MaxBurstLength", "8192"]],
  [["InitialR2T", "Reject"]],
  [["SendTargets", "All"]],
  []
]

const randomRequest = (at: Progress, random: Random): Request => {
  const stage = at.stage ?? random.pick([Stage.security, Stage.security, Stage.operational])
  const next = stage === Stage.security && random.chance(0.5) ? Stage.operational : Stage.fullFeature
  const right = { stage, next, transit: random.chance(0.7), continues: false, versionMin: 0, strayed: false }
  const request = {
    ...right,
    keys: at.stage === undefined ? [...rightKeys({ ...at, stage }, random)] : rightKeys(at, random)
  }
  if (random.chance(0.75)) return request
  return random.pick<() => Request>([
    () => ({ ...request, stage: random.below(4) }),
    () => ({ ...request, transit: true, next: random.below(4) }),
    () => ({ ...request, continues: true, transit: random.chance(0.2) }),
    () => ({ ...request, versionMin: 1 }),
    () => ({ ...request, strayed: at.stage !== undefined }),
    () => ({ ...request, keys: random.pick(strayKeys) }),
    () => ({ ...request, keys: [...request.keys, ...random.pick(strayKeys)] })
  ])()
}

const flagsOf = ({ continues, next, stage, transit }: Request): number =>
  (transit ? 0x80 : 0) | (continues ? 0x40 : 0) | (stage << 2) | next

/** One login until it is over; whether it got in. */
const play = (node: TestNode, policy: AuthPolicy, random: Random): boolean => {
  const peer = new TestPeer(node)
  const at: Progress = {
    policy,
    stage: undefined,
    identity: undefined,
    method: undefined,
    chap: "none",
    challenge: [],
    held: [],
    negotiated: new Set()
  }
  const story: Array<string> = [JSON.stringify(policy)]
  for (let round = 0; round < 12; round++) {
    const request = randomRequest(at, random)
    const outcome = expected(at, request)
    story.push(JSON.stringify({ ...request, outcome }))
    const cid = request.strayed ? 9 : 1
    peer.sendLogin(flagsOf(request), encodeKeys(request.keys), { cid, versionMin: request.versionMin })
    const response = peer.one()
    const told = story.join("\n")
    if ("refused" in outcome) {
      assert.strictEqual(response.loginStatus, outcome.refused, told)
      assert.isFalse(response.final, told)
      assert.strictEqual(peer.connection.state, "exiting", told)
      return false
    }
    assert.strictEqual(response.loginStatus, 0, `${told}\n${node.told.at(-1)}`)
    assert.strictEqual(response.final, outcome.transit, told)
    const keys = decodeKeys(response.data)
    if (keys.some(([key]) => key === "CHAP_C")) at.challenge = keys
    if (at.stage !== Stage.fullFeature) continue
    assert.strictEqual(peer.connection.state, "full-feature", told)
    assert.isTrue(!policy.requireChap || at.chap === "proven", told)
    peer.connection.close("the test is over")
    return true
  }
  peer.connection.close("the test is over")
  return false
}

describe("a login in any order", () => {
  it("is answered as the rules say, by every setting of CHAP", () => {
    const random = makeRandom(runSeed(21))
    const node = new TestNode()
    node.authGroups.set(1, authGroupOf({ tag: 1, users }))
    let admitted = 0
    for (let round = 0; round < 1000; round++) {
      const policy = random.pick(policies)
      addTarget(node, { 0: ramDisk(8) }, { auth: policy })
      node.told.length = 0
      // Who fails at CHAP again and again is put off after a while, unless time passes.
      node.clock += 1000
      if (play(node, policy, random)) admitted++
      assert.strictEqual(node.sessions.size, 0)
    }
    assert.isAbove(admitted, 150)
    assert.isBelow(admitted, 850)
  })
})
