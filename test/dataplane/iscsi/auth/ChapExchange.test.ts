/** One CHAP exchange, step by step: who is proven, who is not, and what neither may learn from it. */
import { assert, describe, it } from "vitest"
import { type AuthUserView, authGroupOf } from "../../../../src/dataplane/iscsi/auth/AuthGroupView.ts"
import { type AuthPolicy, noAuthPolicy } from "../../../../src/dataplane/iscsi/auth/AuthPolicy.ts"
import {
  type ChapAnswer,
  ChapExchange,
  type ChapFailure,
  type ChapSurroundings,
  challengeBytes,
  initiatorChallengeBytesMax
} from "../../../../src/dataplane/iscsi/auth/ChapExchange.ts"
import { chapAlgorithms, chooseAlgorithm } from "../../../../src/dataplane/iscsi/auth/chap-algorithms.ts"
import { type Credentials, encodeBinary, provenBy } from "../../../support/initiator/chap.ts"
import type { KeyList } from "../../../support/initiator/text-keys.ts"

const anna: AuthUserView = { user: "anna", secret: "anna has a secret" }
const bert: AuthUserView = {
  user: "bert",
  secret: "bert has a secret",
  mutual: { user: "disk", secret: "the disk too" }
}
const sealed: AuthUserView = { user: "sealed", secret: undefined }
const twice: AuthUserView = { user: "twice", secret: "one for both", mutual: { user: "disk", secret: "one for both" } }
const required: AuthPolicy = { ...noAuthPolicy, requireChap: true, chapGroup: 3 }
const mutual: AuthPolicy = { ...required, mutualChap: true }

const start = (changes: Partial<ChapSurroundings> = {}): ChapExchange =>
  new ChapExchange({
    policy: required,
    group: () => authGroupOf({ tag: 3, users: [anna, bert, sealed, twice] }),
    isReflected: () => false,
    ...changes
  })

const step = (exchange: ChapExchange, keys: KeyList): ChapAnswer | ChapFailure => exchange.step(new Map(keys))

const keysOf = (answer: ChapAnswer | ChapFailure): KeyList => {
  if (answer._tag === "ChapFailure") throw new Error(answer.reason)
  return answer.keys
}

const challenged = (exchange: ChapExchange, algorithms = "5"): KeyList =>
  keysOf(step(exchange, [["CHAP_A", algorithms]]))

/** The whole exchange. */
const prove = (credentials: Credentials, changes: Partial<ChapSurroundings> = {}): ChapAnswer | ChapFailure => {
  const exchange = start(changes)
  const proof = provenBy(credentials, challenged(exchange, credentials.algorithms))
  const answer = step(exchange, proof.keys)
  if (answer._tag === "ChapAnswer") proof.check(answer.keys)
  return answer
}

const reasonOf = (answer: ChapAnswer | ChapFailure): string =>
  answer._tag === "ChapFailure" ? answer.reason : "proven"

const credentialsOf = ({ mutual, secret = "", user }: AuthUserView): Credentials => ({
  user,
  secret,
  ...(mutual === undefined ? {} : { mutual })
})
const bertAlone: Credentials = { user: "bert", secret: "bert has a secret" }

describe("an algorithm", () => {
  it("gives what other implementations of the hash give", () => {
    const challenge = Buffer.from([0, 1, 2, 3])
    const responses = chapAlgorithms.map(({ number, response }) => [
      number,
      response(0x17, "anna has a secret", challenge).toString("hex")
    ])
    assert.deepStrictEqual(responses, [
      [8, "5746070bccdaaa981c284804a34525c19434a43f38baa5c18b6533426e31d154"],
      [7, "d13e84a10e24a4ebd8b21231924cef3f3307e35024875706d8942d10b192173d"],
      [6, "e6f728f8fa40a4bb5aadc2acaeb835eac740cff9"],
      [5, "5c0b03b10c98fd49f6832cf2bcc936f5"]
    ])
  })

  it("is the best of those that are offered, in whatever order", () => {
    for (const [offered, chosen] of [
      ["5", 5],
      ["5,6,7,8", 8],
      ["7,5", 7],
      ["5,6", 6],
      ["1,2,5", 5],
      ["", undefined],
      ["9", undefined],
      ["05", undefined],
      ["5;7", undefined]
    ] as const) {
      assert.strictEqual(chooseAlgorithm(offered)?.number, chosen, offered)
    }
    assert.match(reasonOf(step(start(), [["CHAP_A", "1,2"]])), /none of the algorithms CHAP_A=1,2/)
  })
})

describe("a challenge", () => {
  it("is another each time, and says which algorithm it is for", () => {
    const [first, second] = [challenged(start(), "7"), challenged(start(), "7")]
    assert.deepStrictEqual(first[0], ["CHAP_A", "7"])
    assert.match(first[2]?.[1] ?? "", new RegExp(`^0x[0-9a-f]{${2 * challengeBytes}}$`))
    assert.notStrictEqual(first[2]?.[1], second[2]?.[1])
    assert.isBelow(Number(first[1]?.[1]), 256)
  })

  it("is answered by the secret alone", () => {
    for (const algorithms of ["5", "6", "7", "8"]) {
      for (const encoding of ["hex", "base64"] as const) {
        assert.strictEqual(reasonOf(prove({ ...bertAlone, algorithms, encoding })), "proven")
        assert.match(reasonOf(prove({ ...bertAlone, algorithms, encoding, secret: "guess" })), /another secret/)
      }
    }
  })

  it("is not answered by a response that is cut, padded, or no binary value", () => {
    const exchange = start()
    const [, [, response = ""] = []] = provenBy(bertAlone, challenged(exchange)).keys
    for (const wrong of [
      response.slice(0, -2),
      `${response}00`,
      response.slice(2),
      "0x",
      "",
      `0x00${response.slice(2)}`
    ]) {
      const answer = step(exchange, [
        ["CHAP_N", "bert"],
        ["CHAP_R", wrong]
      ])
      assert.match(reasonOf(answer), /another secret/, wrong)
    }
    const whole = step(exchange, [
      ["CHAP_N", "bert"],
      ["CHAP_R", response.toUpperCase().replace("0X", "0x")]
    ])
    assert.strictEqual(reasonOf(whole), "proven")
  })
})

describe("nobody is proven", () => {
  it("out of order", () => {
    const wrong: ReadonlyArray<KeyList> = [
      [],
      [["CHAP_N", "anna"]],
      [
        ["CHAP_A", "5"],
        ["CHAP_N", "anna"]
      ]
    ]
    for (const keys of wrong) assert.match(reasonOf(step(start(), keys)), /CHAP_A was expected/)
    const second: ReadonlyArray<KeyList> = [
      [],
      [["CHAP_A", "5"]],
      [["CHAP_N", "anna"]],
      [["CHAP_R", "0x00"]],
      [
        ["CHAP_N", "anna"],
        ["CHAP_R", "0x00"],
        ["CHAP_A", "5"]
      ]
    ]
    for (const keys of second) {
      const exchange = start()
      challenged(exchange)
      assert.match(reasonOf(step(exchange, keys)), /CHAP_N and CHAP_R were expected/)
    }
  })

  it("without a group, a user, or a secret that can be opened, each with its reason and no secret in it", () => {
    const none = { policy: { ...required, chapGroup: 0 }, group: () => undefined }
    const cases: ReadonlyArray<readonly [ChapAnswer | ChapFailure, RegExp]> = [
      [prove(credentialsOf(anna), none), /no auth group is set/],
      [prove(credentialsOf(anna), { group: () => undefined }), /auth group 3 does not exist/],
      [prove({ user: "eve", secret: "hers" }), /auth group 3 has no user "eve"/],
      [prove(credentialsOf(sealed)), /the secret of user "sealed" of auth group 3 cannot be opened/],
      [prove({ user: "x".repeat(255), secret: "hers" }), /has no user "x{64}"/],
      [prove(credentialsOf(twice), { policy: mutual }), /same secret for both directions/],
      [prove({ user: "twice", secret: "one for both" }), /same secret for both directions/]
    ]
    for (const [answer, expected] of cases) {
      assert.match(reasonOf(answer), expected)
      assert.notMatch(reasonOf(answer), /hers|has a secret|one for both/)
    }
  })
})

describe("the target", () => {
  it("proves itself where mutual CHAP is set, and only there", () => {
    assert.strictEqual(reasonOf(prove(credentialsOf(bert), { policy: mutual })), "proven")
    assert.match(reasonOf(prove(credentialsOf(bert))), /asks for mutual CHAP, which is not set here/)
    assert.match(reasonOf(prove(bertAlone, { policy: mutual })), /did not ask for mutual CHAP/)
    const withoutOne = { ...credentialsOf(anna), mutual: { user: "disk", secret: "any" } }
    assert.match(reasonOf(prove(withoutOne, { policy: mutual })), /has no mutual secret/)
  })

  it("says nothing to who has not proven himself first", () => {
    const answer = prove({ ...credentialsOf(bert), secret: "guess" }, { policy: mutual })
    assert.match(reasonOf(answer), /another secret/)
    assert.notProperty(answer, "keys")
  })

  it("does not answer its own challenge, of this login or of another", () => {
    const exchange = start({ policy: mutual })
    const keys = challenged(exchange)
    const own = Buffer.from((keys[2]?.[1] ?? "").slice(2), "hex")
    const proof = provenBy({ ...credentialsOf(bert), challenge: own }, keys)
    assert.match(reasonOf(step(exchange, proof.keys)), /own challenge back/)
    const elsewhere = Buffer.alloc(32, 9)
    const isReflected = (challenge: Buffer): boolean => challenge.equals(elsewhere)
    const reflected = prove({ ...credentialsOf(bert), challenge: elsewhere }, { policy: mutual, isReflected })
    assert.match(reasonOf(reflected), /own challenge back/)
  })

  it("takes challenges of 1 to 1,024 bytes with an identifier of a byte", () => {
    for (const length of [1, 16, initiatorChallengeBytesMax]) {
      const challenge = Buffer.alloc(length, 5)
      assert.strictEqual(reasonOf(prove({ ...credentialsOf(bert), challenge }, { policy: mutual })), "proven")
    }
    const changed = (key: string, value: string | undefined): string => {
      const exchange = start({ policy: mutual })
      const { keys } = provenBy(credentialsOf(bert), challenged(exchange))
      const others = keys.filter(([name]) => name !== key)
      return reasonOf(step(exchange, value === undefined ? others : [...others, [key, value]]))
    }
    assert.strictEqual(changed("CHAP_I", "0xff"), "proven")
    for (const value of ["256", "-1", "x", ""]) assert.match(changed("CHAP_I", value), /CHAP_I is no number/)
    const long = encodeBinary(Buffer.alloc(initiatorChallengeBytesMax + 1))
    for (const value of [long, "0x", "text"]) assert.match(changed("CHAP_C", value), /CHAP_C is no binary value/)
    for (const key of ["CHAP_I", "CHAP_C"]) assert.match(changed(key, undefined), /CHAP_I and CHAP_C go together/)
  })
})
