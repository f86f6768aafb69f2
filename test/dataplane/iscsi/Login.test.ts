/** The login state machine: which requests lead on, and how all others are refused (RFC 7143 section 6.3). */
import { assert, beforeEach, describe, it } from "vitest"
import { type AuthPolicy, noAuthPolicy } from "../../../src/dataplane/iscsi/auth/AuthPolicy.ts"
import { Login, type LoginPeer, type LoginRefusal, type LoginReply } from "../../../src/dataplane/iscsi/Login.ts"
import { type LoginRequest, LoginStage, LoginStatus } from "../../../src/dataplane/iscsi/pdu/login.ts"
import { loginExchangesMax, textExchangeBytesMax } from "../../../src/dataplane/limits.ts"
import { compileAccessList } from "../../../src/domain/access.ts"
import { decodeKeys, encodeKeys, type KeyList } from "../../support/initiator/text-keys.ts"
import { addTarget, initiatorName, loggedIn, ramDisk, TestNode, targetName } from "./fixture.ts"

const { FullFeature, Operational, Security } = LoginStage
const identity: KeyList = [
  ["InitiatorName", initiatorName],
  ["TargetName", targetName]
]
const discovery: KeyList = [
  ["InitiatorName", initiatorName],
  ["SessionType", "Discovery"]
]

let node: TestNode
let login: Login

const required: AuthPolicy = { ...noAuthPolicy, requireChap: true, chapGroup: 1 }

const newLogin = (peer: Partial<LoginPeer> = {}): Login =>
  new Login(node, { portalGroupTag: 1, initiatorAddress: "127.0.0.1", ...peer })

beforeEach(() => {
  node = new TestNode()
  addTarget(node, { 0: ramDisk() })
  login = newLogin()
})

const request = (changes: Partial<LoginRequest> = {}): LoginRequest => ({
  transit: true,
  continues: false,
  currentStage: Operational,
  nextStage: FullFeature,
  versionMin: 0,
  isid: "800000000001",
  tsih: 0,
  initiatorTaskTag: 1,
  cid: 1,
  cmdSn: 1,
  ...changes
})

const step = (keys: KeyList | Buffer, changes: Partial<LoginRequest> = {}, on = login): LoginReply | LoginRefusal => {
  const outcome = on.step(request(changes), Buffer.isBuffer(keys) ? keys : encodeKeys(keys))
  assert(outcome._tag !== "Elsewhere", "only a front gives connections away")
  return outcome
}

/** The keys of a reply that must be one. */
const replied = (outcome: LoginReply | LoginRefusal): KeyList => {
  if (outcome._tag === "Refused") throw new Error(outcome.reason)
  return decodeKeys(outcome.text)
}

const refused = (outcome: LoginReply | LoginRefusal, status: number, reason: RegExp): void => {
  assert.strictEqual(outcome._tag, "Refused")
  if (outcome._tag !== "Refused") return
  assert.strictEqual(outcome.status, status, outcome.reason)
  assert.match(outcome.reason, reason)
}

describe("a login leads to full feature phase", () => {
  it("from the operational stage, in one request", () => {
    const outcome = step([...identity, ["InitialR2T", "No"]])
    assert.deepStrictEqual(replied(outcome), [
      ["TargetPortalGroupTag", "1"],
      ["InitialR2T", "No"],
      ["MaxRecvDataSegmentLength", "262144"]
    ])
    assert.deepInclude(outcome, { transit: true, nextStage: FullFeature })
    assert.deepInclude(login.purpose, { _tag: "Normal", initiatorName, session: undefined })
    assert.isFalse(login.negotiation?.parameters.initialR2t)
  })

  it("from the security stage by way of the operational one", () => {
    const security = step([...identity, ["AuthMethod", "CHAP,None"]], {
      currentStage: Security,
      nextStage: Operational
    })
    assert.deepStrictEqual(replied(security), [
      ["TargetPortalGroupTag", "1"],
      ["AuthMethod", "None"]
    ])
    assert.strictEqual(login.stage, Operational)
    assert.deepInclude(step([["HeaderDigest", "None"]]), { transit: true, nextStage: FullFeature })
  })

  it("from the security stage right away", () => {
    const outcome = step([...identity, ["AuthMethod", "None"]], { currentStage: Security })
    assert.deepInclude(outcome, { transit: true, nextStage: FullFeature })
  })

  it("after requests that stay in their stage", () => {
    assert.deepInclude(step(identity, { transit: false, nextStage: 0 }), { transit: false })
    assert.deepStrictEqual(replied(step([["MaxConnections", "4"]], { transit: false })), [["MaxConnections", "1"]])
    assert.deepInclude(step([]), { transit: true })
  })

  it("with the alias of the target, and for discovery without a target", () => {
    addTarget(node, {}, { alias: "Data Disk 1" })
    assert.deepInclude(replied(step(identity)), ["TargetAlias", "Data Disk 1"])
    const second = newLogin()
    const keys = replied(step([...discovery, ["InitialR2T", "No"]], {}, second))
    assert.deepStrictEqual(keys, [
      ["InitialR2T", "Irrelevant"],
      ["MaxRecvDataSegmentLength", "8192"]
    ])
    assert.deepStrictEqual(second.purpose, { _tag: "Discovery", initiatorName })
  })

  it("whatever the case of the names", () => {
    const keys: KeyList = [
      ["InitiatorName", initiatorName.toUpperCase()],
      ["TargetName", targetName.toUpperCase()]
    ]
    assert.deepInclude(step(keys), { transit: true })
    assert.deepInclude(login.purpose, { initiatorName })
  })

  it("with text that is spread over requests with the C bit", () => {
    const text = encodeKeys([...identity, ["InitialR2T", "No"]])
    for (let cut = 0; cut <= text.length; cut += 7) {
      const spread = newLogin()
      const first = step(text.subarray(0, cut), { transit: false, continues: true }, spread)
      assert.deepEqual(replied(first), [])
      assert.deepInclude(replied(step(text.subarray(cut), {}, spread)), ["InitialR2T", "No"])
    }
  })
})

describe("a login over a portal group that is redirected", () => {
  const ports = [
    {
      portalGroupTag: 1,
      relativePortId: 1,
      maps: [{ initiatorGroup: 1, readOnly: false }],
      redirect: { address: "[fd00::1]:3260", permanent: false }
    },
    { portalGroupTag: 2, relativePortId: 2, maps: [{ initiatorGroup: 1, readOnly: false }] }
  ]

  it("is told the address, in any stage, before anything else is asked of it", () => {
    addTarget(node, {}, { ports, auth: required })
    node.initiatorGroups.clear()
    for (const currentStage of [Security, Operational]) {
      const outcome = step(identity, { currentStage }, newLogin())
      refused(outcome, LoginStatus.TargetMovedTemporarily, /redirected to \[fd00::1\]:3260/)
      const text = outcome._tag === "Refused" ? outcome.text : undefined
      assert.deepStrictEqual(decodeKeys(text ?? Buffer.alloc(0)), [["TargetAddress", "[fd00::1]:3260"]])
    }
  })

  it("is told so for good, with a status of its own", () => {
    const [port, ...others] = ports
    assert(port !== undefined)
    const redirect = { address: "192.0.2.1:3260", permanent: true }
    addTarget(node, {}, { ports: [{ ...port, redirect }, ...others] })
    const outcome = step(identity)
    refused(outcome, 0x0102, /redirected to 192.0.2.1:3260 for good/)
    const text = outcome._tag === "Refused" ? outcome.text : undefined
    assert.deepStrictEqual(decodeKeys(text ?? Buffer.alloc(0)), [["TargetAddress", "192.0.2.1:3260"]])
  })

  it("is served over the others, and refused when the target is on its way out", () => {
    addTarget(node, {}, { ports })
    assert.deepInclude(step(identity, {}, newLogin({ portalGroupTag: 2 })), { transit: true })
    addTarget(node, {}, { ports, deleting: true })
    refused(step(identity, {}, newLogin()), LoginStatus.TargetRemoved, /being deleted/)
  })
})

describe("a login is refused", () => {
  it("when a name is missing or too long", () => {
    refused(step([["TargetName", targetName]]), LoginStatus.MissingParameter, /no InitiatorName/)
    refused(step([["InitiatorName", ""]], {}, newLogin()), LoginStatus.MissingParameter, /no InitiatorName/)
    refused(step([["InitiatorName", "i"]], {}, newLogin()), LoginStatus.MissingParameter, /no TargetName/)
    const long: KeyList = [
      ["InitiatorName", "i".repeat(224)],
      ["TargetName", targetName]
    ]
    refused(step(long, {}, newLogin()), LoginStatus.InitiatorError, /more than 223 bytes/)
  })

  it("when there is no such target, session type, or target any more", () => {
    const elsewhere: KeyList = [
      ["InitiatorName", initiatorName],
      ["TargetName", "iqn.x"]
    ]
    refused(step(elsewhere), LoginStatus.NotFound, /no target iqn.x/)
    const type: KeyList = [...identity, ["SessionType", "Strange"]]
    refused(step(type, {}, newLogin()), LoginStatus.SessionTypeNotSupported, /use Normal or Discovery/)
    addTarget(node, {}, { deleting: true })
    refused(step(identity, {}, newLogin()), LoginStatus.TargetRemoved, /is being deleted/)
  })

  it("when the portal group or the initiator group is not for it", () => {
    const elsewhere = newLogin({ portalGroupTag: 2 })
    refused(step(identity, {}, elsewhere), LoginStatus.Forbidden, /no map for portal group 2/)
    node.initiatorGroups.set(1, compileAccessList({ initiators: ["ANY"], netmasks: ["10.0.0.0/8"] }))
    refused(step(identity), LoginStatus.Forbidden, /admits it from 127.0.0.1/)
    assert.deepInclude(step(identity, {}, newLogin({ initiatorAddress: "10.1.2.3" })), { transit: true })
    node.initiatorGroups.set(1, compileAccessList({ initiators: [`!${initiatorName}`], netmasks: ["ANY"] }))
    refused(step(identity, {}, newLogin()), LoginStatus.Forbidden, /admits it/)
    node.initiatorGroups.delete(1)
    refused(step(identity, {}, newLogin()), LoginStatus.Forbidden, /admits it/)
  })

  it("when its stages make no sense", () => {
    const wrong: ReadonlyArray<readonly [Partial<LoginRequest>, number, RegExp]> = [
      [{ currentStage: 2 }, LoginStatus.InitiatorError, /a current stage of 2/],
      [{ currentStage: FullFeature }, LoginStatus.InitiatorError, /a current stage of 3/],
      [{ nextStage: 2 }, LoginStatus.InitiatorError, /from stage 1 to 2/],
      [{ nextStage: Operational }, LoginStatus.InitiatorError, /from stage 1 to 1/],
      [{ nextStage: Security }, LoginStatus.InitiatorError, /from stage 1 to 0/],
      [{ continues: true }, LoginStatus.InitiatorError, /both T and C/],
      [{ versionMin: 1 }, LoginStatus.UnsupportedVersion, /only 0 is offered/]
    ]
    for (const [changes, status, reason] of wrong) refused(step(identity, changes, newLogin()), status, reason)
  })

  it("when it is in another stage than it says", () => {
    replied(step([...identity, ["AuthMethod", "None"]], { currentStage: Security, nextStage: Operational }))
    refused(
      step([], { currentStage: Security }),
      LoginStatus.InvalidDuringLogin,
      /stage 0 while the login is in stage 1/
    )
    const other = newLogin()
    replied(step(identity, { transit: false }, other))
    refused(step([], { currentStage: Security }, other), LoginStatus.InvalidDuringLogin, /stage 0/)
  })

  it("when its text can't be read, repeats a key, or never ends", () => {
    refused(step(Buffer.from("nonsense")), LoginStatus.InitiatorError, /login text with a key without =/)
    const twice: KeyList = [...identity, ["InitialR2T", "No"], ["InitialR2T", "No"]]
    refused(step(twice, {}, newLogin()), LoginStatus.InitiatorError, /InitialR2T twice/)
    const again = newLogin()
    replied(step([...identity, ["InitialR2T", "No"]], { transit: false }, again))
    refused(step([["InitialR2T", "No"]], {}, again), LoginStatus.InitiatorError, /negotiated already/)
    const endless = newLogin()
    replied(step(identity, { transit: false }, endless))
    for (let round = 1; round < loginExchangesMax; round++) replied(step([], { transit: false }, endless))
    refused(step([], { transit: false }, endless), LoginStatus.InitiatorError, /does not end/)
  })

  it("when it becomes somebody else's on the way; saying the same again does no harm", () => {
    for (const [key, value] of [
      ["InitiatorName", "iqn.else"],
      ["TargetName", "iqn.else"],
      ["SessionType", "Discovery"]
    ] as const) {
      const changing = newLogin()
      replied(step([...identity, ["SessionType", "Normal"]], { transit: false }, changing))
      replied(step(identity, { transit: false }, changing))
      refused(step([[key, value]], {}, changing), LoginStatus.InitiatorError, new RegExp(`another ${key}`))
    }
  })

  it("when it asks for targets, which is for full feature phase", () => {
    refused(step([...discovery, ["SendTargets", "All"]]), LoginStatus.InitiatorError, /belongs into full feature phase/)
  })

  it("when its text is too long in all, over however many requests", () => {
    const many = Array.from({ length: 1000 }, (_, index): readonly [string, string] => [`X-${index}`, "1"])
    let last = step([...identity, ...many], { transit: false })
    for (let round = 1; round < 20 && last._tag === "Reply"; round++) {
      last = step(
        many.map(([key, value]) => [`${key}-${round}`, value] as const),
        { transit: false }
      )
    }
    refused(last, LoginStatus.InitiatorError, /more than 65536 bytes/)
  })

  it("when one text is too long", () => {
    const piece = Buffer.alloc(8192, 0x41)
    let outcome = step(piece, { transit: false, continues: true })
    for (let sent = piece.length; sent < textExchangeBytesMax; sent += piece.length) {
      assert.strictEqual(outcome._tag, "Reply")
      outcome = step(piece, { transit: false, continues: true })
    }
    assert.strictEqual(outcome._tag, "Reply")
    refused(
      step(Buffer.alloc(1), { transit: false, continues: true }),
      LoginStatus.InitiatorError,
      /more than 65536 bytes/
    )
  })

  it("when it declares an impossible segment length", () => {
    const keys: KeyList = [...identity, ["MaxRecvDataSegmentLength", "100"]]
    refused(step(keys), LoginStatus.InitiatorError, /is not a length of 512/)
  })
})

describe("what is required is not gone without", () => {
  it("CHAP of a target, by another method, in the operational stage, or by leaving the security stage", () => {
    addTarget(node, {}, { auth: required })
    const none: KeyList = [...identity, ["AuthMethod", "None"]]
    for (const [keys, currentStage] of [
      [none, Security],
      [identity, Operational],
      [identity, Security]
    ] as const) {
      refused(step(keys, { currentStage }, newLogin()), LoginStatus.AuthenticationFailed, /CHAP is required/)
    }
  })

  it("a target that comes to require CHAP during the login", () => {
    replied(step([...identity, ["AuthMethod", "None"]], { currentStage: Security, nextStage: Operational }))
    const target = node.findTarget(targetName)
    assert(target !== undefined)
    target.spec = { ...target.spec, auth: required }
    refused(step([]), LoginStatus.AuthenticationFailed, /CHAP is required/)
  })

  it("discovery that requires CHAP, while targets that don't can be logged in to", () => {
    node.options = { ...node.options, discoveryAuth: required }
    refused(step(discovery), LoginStatus.AuthenticationFailed, /CHAP is required/)
    assert.deepInclude(step(identity, {}, newLogin()), { transit: true })
  })

  it("the security stage of what belongs into it", () => {
    for (const key of ["AuthMethod", "CHAP_A", "CHAP_R"]) {
      const late: KeyList = [...identity, [key, "None"]]
      refused(step(late, {}, newLogin()), LoginStatus.InitiatorError, /outside security negotiation/)
    }
  })

  it("a digest that the target requires", () => {
    for (const [key, spec] of [
      ["HeaderDigest", { headerDigest: true }],
      ["DataDigest", { dataDigest: true }]
    ] as const) {
      addTarget(node, {}, spec)
      refused(step(identity, {}, newLogin()), LoginStatus.InitiatorError, new RegExp(`requires ${key}=CRC32C`))
      const none: KeyList = [...identity, [key, "None"]]
      refused(step(none, {}, newLogin()), LoginStatus.InitiatorError, new RegExp(`requires ${key}=CRC32C`))
      const offered: KeyList = [...identity, [key, "None,CRC32C"]]
      assert.deepInclude(replied(step(offered, {}, newLogin())), [key, "CRC32C"])
      const security = newLogin()
      refused(step(identity, { currentStage: Security }, security), LoginStatus.InitiatorError, /requires/)
    }
  })
})

describe("a session handle", () => {
  it("names the session that the connection comes back to", () => {
    const peer = loggedIn(node)
    const tsih = peer.connection.session?.tsih ?? 0
    assert.deepInclude(step(identity, { tsih }), { transit: true })
    assert.deepInclude(login.purpose, { session: peer.connection.session })
  })

  it("of a discovery session is none to come back to", () => {
    refused(step(discovery, { tsih: 1 }), LoginStatus.SessionDoesNotExist, /has one connection/)
  })

  it("of nobody, of somebody else, or of a second connection is refused", () => {
    const tsih = loggedIn(node).connection.session?.tsih ?? 0
    refused(step(identity, { tsih: tsih + 1 }), LoginStatus.SessionDoesNotExist, /no session/)
    const cases: ReadonlyArray<readonly [Partial<LoginRequest>, number]> = [
      [{ isid: "800000000002" }, LoginStatus.CannotInclude],
      [{ cid: 2 }, LoginStatus.TooManyConnections]
    ]
    for (const [changes, status] of cases) refused(step(identity, { tsih, ...changes }, newLogin()), status, /session/)
    const stranger: KeyList = [
      ["InitiatorName", "iqn.x"],
      ["TargetName", targetName]
    ]
    refused(step(stranger, { tsih }, newLogin()), LoginStatus.CannotInclude, /another I_T nexus/)
  })
})
