/** CHAP on the wire: bytes in any pieces, answers that tell nothing, challenges passed on, and many failures. */
import { assert, beforeEach, describe, it } from "vitest"
import { authGroupOf } from "../../../src/dataplane/iscsi/auth/AuthGroupView.ts"
import { noAuthPolicy } from "../../../src/dataplane/iscsi/auth/AuthPolicy.ts"
import { chapFailuresBurst } from "../../../src/dataplane/limits.ts"
import { type Credentials, provenBy } from "../../support/initiator/chap.ts"
import { LoginStatus } from "../../support/initiator/login.ts"
import { Opcode, type Pdu } from "../../support/initiator/pdu.ts"
import { decodeKeys, type KeyList } from "../../support/initiator/text-keys.ts"
import { addTarget, initiatorName, ramDisk, TestNode, TestPeer, targetName } from "./fixture.ts"

const anna: Credentials = { user: "anna", secret: "anna has a secret" }
const bert: Credentials = {
  user: "bert",
  secret: "bert has a secret",
  mutual: { user: "disk", secret: "the disk has one" }
}
const required = { ...noAuthPolicy, requireChap: true, chapGroup: 1 }
const mutual = { ...required, mutualChap: true }

/** CSG and NSG: security to full feature phase. */
const security = 0x03
const transit = 0x80

let node: TestNode

beforeEach(() => {
  node = new TestNode()
  node.authGroups.set(1, authGroupOf({ tag: 1, users: [anna, bert] }))
  addTarget(node, { 0: ramDisk() }, { auth: required })
})

const identity: KeyList = [
  ["InitiatorName", initiatorName],
  ["TargetName", targetName],
  ["AuthMethod", "CHAP,None"]
]

/** The keys of the challenge, which is the second answer. */
const challenged = (peer: TestPeer, isid: string, name = targetName): KeyList => {
  const keys = identity.map(([key, value]): readonly [string, string] => [key, key === "TargetName" ? name : value])
  peer.sendLogin(transit | security, keys, { isid })
  assert.deepInclude(decodeKeys(peer.one().data), ["AuthMethod", "CHAP"])
  peer.sendLogin(transit | security, [["CHAP_A", "7,5"]], { isid })
  return decodeKeys(peer.one().data)
}

const prove = (peer: TestPeer, credentials: Credentials, isid = "800000000001"): Pdu => {
  peer.sendLogin(transit | security, provenBy(credentials, challenged(peer, isid)).keys, { isid })
  return peer.one()
}

describe("a login with CHAP", () => {
  it("stays in its stage until the initiator is proven, whatever it wants", () => {
    const peer = new TestPeer(node)
    peer.sendLogin(transit | security, identity)
    assert.deepInclude(peer.one(), { final: false, loginStatus: 0 })
    peer.sendLogin(transit | security, [["CHAP_A", "5"]])
    const challenge = peer.one()
    assert.isFalse(challenge.final)
    // Without the T bit it may go on by itself.
    peer.sendLogin(security, provenBy(anna, decodeKeys(challenge.data)).keys)
    assert.deepInclude(peer.one(), { final: false, loginStatus: 0 })
    peer.sendLogin(0x87, [["MaxBurstLength", "8192"]])
    assert.strictEqual(peer.one().loginStatus, LoginStatus.invalidDuringLogin)
    assert.strictEqual(node.sessions.size, 0)
  })

  it("arrives in any pieces, and is not answered before its last byte", () => {
    const whole = new TestPeer(node)
    let pieces: Array<Buffer> = []
    whole.bytes = (bytes) => void pieces.push(bytes)
    const deliver = (): Pdu => {
      const bytes = Buffer.concat(pieces)
      pieces = []
      for (const [index, byte] of bytes.entries()) {
        assert.lengthOf(whole.received(), 0, `after ${index} of ${bytes.length} bytes`)
        whole.connection.receive(Buffer.from([byte]), 1)
      }
      return whole.one()
    }
    whole.sendLogin(transit | security, identity)
    deliver()
    whole.sendLogin(transit | security, [["CHAP_A", "8"]])
    const challenge = decodeKeys(deliver().data)
    whole.sendLogin(transit | security, provenBy(anna, challenge).keys)
    assert.isUndefined(whole.connection.login.chapUser)
    assert.deepInclude(deliver(), { final: true, loginStatus: 0 })
    assert.strictEqual(node.sessions.size, 1)
    assert.strictEqual(whole.connection.login.chapUser, "anna")
  })

  it("is over: another login request on the connection is an error of the protocol", () => {
    const peer = new TestPeer(node)
    assert.deepInclude(prove(peer, anna), { final: true, loginStatus: 0 })
    peer.sendLogin(transit | security, identity)
    assert.deepStrictEqual(peer.received(), [])
    assert.include(node.told, "protocol error: a login request in full feature phase")
    assert.strictEqual(node.sessions.size, 0)
  })

  it("fails in the same way for a wrong secret, an unknown user, and a group that is not there", () => {
    const answers: Array<string> = []
    for (const [credentials, chapGroup] of [
      [{ ...anna, secret: "guess" }, 1],
      [{ ...anna, user: "eve" }, 1],
      [anna, 2],
      [anna, 0]
    ] as const) {
      addTarget(node, {}, { auth: { ...required, chapGroup } })
      const peer = new TestPeer(node)
      const { data, header } = prove(peer, credentials)
      answers.push(`${header.toString("hex")} ${data.toString("hex")}`)
      assert.strictEqual(peer.connection.state, "exiting")
    }
    assert.lengthOf(new Set(answers), 1)
    assert.include(answers[0], "0201")
    assert.lengthOf(new Set(node.told), 4)
  })

  it("lets others in while somebody fails again and again", () => {
    const { authenticationFailure, outOfResources } = LoginStatus
    for (let round = 0; round < 200; round++) {
      const peer = new TestPeer(node, 1, "127.0.0.1", "192.0.2.66")
      const { loginStatus } = prove(peer, { ...anna, secret: `guess ${round}` })
      if (round < chapFailuresBurst) assert.strictEqual(loginStatus, authenticationFailure)
      else assert.include([authenticationFailure, outOfResources], loginStatus)
      peer.socket.destroy()
    }
    assert.deepInclude(prove(new TestPeer(node), anna), { final: true, loginStatus: 0 })
  })
})

describe("a challenge of the target", () => {
  it("is not answered for who has got it on another connection", () => {
    addTarget(node, { 0: ramDisk() }, { auth: mutual })
    const first = new TestPeer(node)
    const [, , [, theirs = ""] = []] = challenged(first, "800000000001")
    // The attacker wants the target's answer to what the target has asked of somebody else.
    const second = new TestPeer(node)
    const own = challenged(second, "800000000002")
    const challenge = Buffer.from(theirs.slice(2), "hex")
    second.sendLogin(transit | security, provenBy({ ...bert, challenge }, own).keys, { isid: "800000000002" })
    const refused = second.one()
    assert.strictEqual(refused.loginStatus, LoginStatus.authenticationFailure)
    assert.lengthOf(refused.data, 0)
    assert.match(node.told.at(-1) ?? "", /sent the target's own challenge back/)
    assert.strictEqual(first.connection.state, "login")
  })

  it("is answered where both sides have their own", () => {
    addTarget(node, { 0: ramDisk() }, { auth: mutual })
    const peer = new TestPeer(node)
    const proof = provenBy(bert, challenged(peer, "800000000001"))
    peer.sendLogin(transit | security, proof.keys)
    const response = peer.one()
    assert.deepInclude(response, { final: true, loginStatus: 0 })
    proof.check(decodeKeys(response.data))
    assert.strictEqual(response.opcode, Opcode.loginResponse)
  })
})
