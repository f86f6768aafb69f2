/** Auth groups, who must authenticate, where logins are sent, and requests to log out. */
import { assert, describe, it } from "vitest"
import { sealingContext } from "../../src/domain/auth/AuthGroup.ts"
import { checkSecretText } from "../../src/domain/auth/auth-group-decide.ts"
import type { Command } from "../../src/domain/Command.ts"
import { type Auth, noAuth } from "../../src/domain/options/IscsiOptions.ts"
import { authGroupsOf, findAuthGroup, findPortalGroup, findTarget, initialState } from "../../src/domain/State.ts"
import { at, createTarget, disk1, groundwork, guide, igTag, pgTag, startEpoch } from "./examples.ts"
import { throughSnapshot } from "./invariants.ts"
import { followedBy, given, historyOf } from "./specification.ts"

const sealed = (name: string) => ({ sealed: `sealed ${name}`, fingerprint: `fingerprint ${name}` })
const secret = (user: string) => ({ user, secret: sealed(user) })
const createGroup = (tag: number, ...users: ReadonlyArray<string>): Command => ({
  _tag: "CreateAuthGroup",
  tag,
  secrets: users.map(secret)
})
const withGroup = [startEpoch(), createGroup(7, "anna")]
const usersOf = (tag: number, ...commands: ReadonlyArray<Command>) =>
  findAuthGroup(historyOf(...commands).state, tag)?.secrets.map(({ user }) => user)

describe("an auth group", () => {
  it("has the secrets that it was given, in their order", () => {
    assert.deepStrictEqual(usersOf(7, createGroup(7, "anna", "bert")), ["anna", "bert"])
    const added: Command = { _tag: "AddAuthGroupSecret", tag: 7, secret: secret("carl") }
    assert.deepStrictEqual(usersOf(7, ...withGroup, added), ["anna", "carl"])
    assert.deepStrictEqual(usersOf(7, ...withGroup, added, { _tag: "RemoveAuthGroupSecret", tag: 7, user: "anna" }), [
      "carl"
    ])
    assert.isUndefined(usersOf(7, ...withGroup, { _tag: "DeleteAuthGroup", tag: 7 }))
  })

  it("keeps what the edge has sealed, both directions together", () => {
    const mutual = { ...secret("bert"), muser: "target", msecret: sealed("target") }
    given(...withGroup)
      .when({ _tag: "AddAuthGroupSecret", tag: 7, secret: mutual })
      .gives("AuthGroupSecretAdded")
    const { state } = historyOf(...withGroup, { _tag: "AddAuthGroupSecret", tag: 7, secret: mutual })
    const expected = { user: "bert", secret: sealed("bert"), mutual: { user: "target", secret: sealed("target") } }
    assert.strictEqual(JSON.stringify(findAuthGroup(state, 7)?.secrets[1]), JSON.stringify(expected))
    assert.deepStrictEqual(authGroupsOf(throughSnapshot(state)), authGroupsOf(state))
  })

  it("is refused a tag that is taken or that means something else", () => {
    given(...withGroup)
      .when(createGroup(7))
      .refused("AlreadyExists", /auth group 7 exists/)
    for (const tag of [0, -1, 1.5, 2 ** 31]) {
      given(startEpoch())
        .when(createGroup(tag))
        .refused("InvalidArgument", /tag out of range/)
    }
  })

  it("is refused with a secret that cannot be used, and nothing of it is there", () => {
    const create = (bad: object): Command => ({
      _tag: "CreateAuthGroup",
      tag: 1,
      secrets: [secret("anna"), { ...secret("bert"), ...bad }]
    })
    const { when } = given(startEpoch())
    when(create({ user: "anna" })).refused("AlreadyExists", /user "anna" of auth group 1 has a secret already/)
    when(create({ user: "" })).refused("InvalidArgument", /user name/)
    when(create({ user: "a\u0000b" })).refused("InvalidArgument", /control characters/)
    when(create({ user: "u".repeat(256) })).refused("InvalidArgument", /255 bytes/)
    when(create({ muser: "m" })).refused("InvalidArgument", /muser without msecret/)
    when(create({ msecret: sealed("m") })).refused("InvalidArgument", /msecret without muser/)
    when(create({ muser: "", msecret: sealed("m") })).refused("InvalidArgument", /user name/)
  })

  it("does not grow without end", () => {
    const users = Array.from({ length: 256 }, (_, index) => `user${index}`)
    given(createGroup(1, ...users))
      .when({ _tag: "AddAuthGroupSecret", tag: 1, secret: secret("one more") })
      .refused("LimitExceeded", /at most 256/)
    const groups = Array.from({ length: 1024 }, (_, index) => createGroup(index + 1))
    given(...groups)
      .when(createGroup(2000))
      .refused("LimitExceeded", /at most 1024/)
  })

  it("that is not there, or a user that it does not have, is said to be missing", () => {
    const { when } = given(...withGroup)
    when({ _tag: "DeleteAuthGroup", tag: 8 }).refused("NotFound", /auth group 8 does not exist/)
    when({ _tag: "AddAuthGroupSecret", tag: 8, secret: secret("x") }).refused("NotFound", /auth group 8/)
    when({ _tag: "RemoveAuthGroupSecret", tag: 7, user: "bert" }).refused("NotFound", /"bert" of auth group 7/)
  })

  it("is forgotten by an empty start and kept by one that resumes", () => {
    assert.isUndefined(usersOf(7, ...withGroup, startEpoch("empty")))
    assert.deepStrictEqual(usersOf(7, ...withGroup, startEpoch("resume")), ["anna"])
  })
})

describe("a secret in clear", () => {
  it("has 1 to 255 bytes of text, and no error repeats it", () => {
    assert.isUndefined(checkSecretText(1, "anna", "sesame open now"))
    for (const text of ["", "s".repeat(256), "sesame\u0000", "sesame\u0007"]) {
      const refusal = checkSecretText(1, "anna", text)
      assert.match(refusal?.message ?? "", /user "anna" of auth group 1/)
      if (text !== "") assert.notInclude(refusal?.message ?? "", text.slice(0, 6))
    }
  })

  it("is sealed for its place alone", () => {
    const contexts = [
      sealingContext(1, "anna", "secret"),
      sealingContext(1, "anna", "msecret"),
      sealingContext(2, "anna", "secret"),
      sealingContext(1, 'anna","x', "secret")
    ]
    assert.strictEqual(new Set(contexts).size, contexts.length)
  })
})

const required: Auth = { ...noAuth, requireChap: true, chapGroup: 7 }

describe("authentication", () => {
  it("is set for discovery, a portal group and a target, and once is enough", () => {
    const commands: ReadonlyArray<Command> = [
      { _tag: "SetDiscoveryAuth", auth: required },
      { _tag: "SetPortalGroupAuth", tag: 1, auth: required },
      { _tag: "SetTargetNodeAuth", target: disk1.toUpperCase(), auth: required }
    ]
    const { state } = historyOf(...guide, ...commands)
    for (const result of [state, throughSnapshot(state)]) {
      assert.deepStrictEqual(result.options.auth, required)
      assert.deepStrictEqual(findPortalGroup(result, 1)?.auth, required)
      assert.deepStrictEqual(findTarget(result, disk1)?.auth, required)
    }
    for (const command of commands)
      given(...guide, ...commands)
        .when(command)
        .givesExactly()
  })

  it.each<[string, Partial<Auth>]>([
    ["that is disabled and required", { disableChap: true, requireChap: true }],
    ["that is mutual without being required", { mutualChap: true }],
    ["of a negative group", { chapGroup: -1 }]
  ])("%s is refused", (_what, wrong) => {
    const auth = { ...noAuth, ...wrong }
    const { when } = given(...guide)
    when({ _tag: "SetDiscoveryAuth", auth }).refused("InvalidArgument", /discovery authentication/)
    when({ _tag: "SetPortalGroupAuth", tag: 1, auth }).refused("InvalidArgument", /portal group 1/)
    when({ _tag: "SetTargetNodeAuth", target: disk1, auth }).refused("InvalidArgument", /target iqn/)
  })

  it("of what is not there is refused", () => {
    given(...guide)
      .when({ _tag: "SetPortalGroupAuth", tag: 9, auth: noAuth })
      .refused("NotFound", /portal group 9/)
    given(...guide)
      .when({ _tag: "SetTargetNodeAuth", target: "iqn.2016-06.io.spdk:none", auth: noAuth })
      .refused("NotFound", /none/)
  })
})

const redirect = (
  to: { readonly host?: string; readonly port?: number; readonly permanent?: true } = {},
  portalGroup = 1
): Command => ({
  _tag: "SetTargetNodeRedirect",
  target: disk1,
  portalGroup,
  ...to
})
const elsewhere = { host: "127.0.0.1", port: 3261 }
const redirected = { _tag: "TargetNodeRedirectSet", target: disk1, portalGroup: pgTag(1), ...elsewhere } as const

describe("a redirect", () => {
  it("is set, replaced and cleared", () => {
    given(...guide)
      .when(redirect(elsewhere))
      .givesExactly(redirected)
    const history = historyOf(...guide, redirect(elsewhere), redirect({ host: "[fd00::1]", port: 3260 }))
    const now = [{ portalGroup: pgTag(1), host: "[fd00::1]", port: 3260 }]
    assert.deepStrictEqual(findTarget(history.state, disk1)?.redirects, now)
    assert.deepStrictEqual(findTarget(followedBy(history, redirect()).state, disk1)?.redirects, [])
  })

  it("for good is another than one for now, and can become one", () => {
    const forGood = { ...redirected, permanent: true } as const
    given(...guide, redirect(elsewhere))
      .when(redirect({ ...elsewhere, permanent: true }))
      .givesExactly(forGood)
    given(...guide, redirect({ ...elsewhere, permanent: true }))
      .when(redirect(elsewhere))
      .givesExactly(redirected)
    const { state } = historyOf(...guide, redirect({ ...elsewhere, permanent: true }))
    const expected = [{ portalGroup: pgTag(1), ...elsewhere, permanent: true as const }]
    assert.deepStrictEqual(findTarget(throughSnapshot(state), disk1)?.redirects, expected)
  })

  it("that is there already, or gone already, is no event", () => {
    given(...guide, redirect(elsewhere))
      .when(redirect(elsewhere))
      .givesExactly()
    given(...guide)
      .when(redirect())
      .givesExactly()
  })

  it("outlives a restart, and a snapshot", () => {
    const { state } = historyOf(...guide, redirect(elsewhere), startEpoch("resume"))
    const expected = [{ portalGroup: pgTag(1), ...elsewhere }]
    assert.deepStrictEqual(findTarget(state, disk1)?.redirects, expected)
    assert.deepStrictEqual(findTarget(throughSnapshot(state), disk1)?.redirects, expected)
  })

  it("goes with the last map of its portal group", () => {
    const maps = [{ portalGroup: 1, initiatorGroup: 2 }]
    const removed = historyOf(...guide, redirect(elsewhere), { _tag: "RemovePgIgMaps", target: disk1, maps })
    assert.deepStrictEqual(findTarget(removed.state, disk1)?.redirects, [])
    const again = followedBy(removed, { _tag: "AddPgIgMaps", target: disk1, maps })
    assert.deepStrictEqual(findTarget(again.state, disk1)?.redirects, [])
    const deleted = historyOf(...guide, redirect(elsewhere), { _tag: "DeletePortalGroup", tag: 1 })
    assert.deepStrictEqual(findTarget(deleted.state, disk1)?.redirects, [])
  })

  it.each<[string, Command, RegExp]>([
    ["with a host alone", redirect({ host: "127.0.0.1" }), /a host and no port/],
    ["with a port alone", redirect({ port: 3260 }), /a port and no host/],
    ["for good, to nowhere", redirect({ permanent: true }), /permanent and leads nowhere/],
    ["to a name", redirect({ host: "localhost", port: 3260 }), /IPv4 address/],
    ["to an IPv6 address without brackets", redirect({ host: "fd00::1", port: 3260 }), /brackets/],
    ["to no address in particular", redirect({ host: "0.0.0.0", port: 3260 }), /leads to the host/],
    ["to a zone of this machine", redirect({ host: "[fe80::1%eth0]", port: 3260 }), /leads to the host/],
    ["to port 0", redirect({ host: "127.0.0.1", port: 0 }), /1 to 65535/],
    ["to port 70000", redirect({ host: "127.0.0.1", port: 70000 }), /1 to 65535/],
    ["to no port", redirect({ host: "127.0.0.1", port: Number.NaN }), /1 to 65535/],
    ["to its own portal group", redirect({ host: "127.0.0.1", port: 3260 }), /in a circle/],
    ["over a group that is not mapped", redirect(elsewhere, 2), /not mapped/],
    ["cleared over a group that is not mapped", redirect({}, 2), /not mapped/]
  ])("%s is refused", (_what, command, message) => {
    given(...guide)
      .when(command)
      .refused("InvalidArgument", message)
  })

  it("over a private portal group is refused", () => {
    const hidden: Command = {
      _tag: "CreatePortalGroup",
      tag: 3,
      portals: [{ host: "127.0.0.1", port: 3263 }],
      private: true,
      wait: false
    }
    const target = createTarget({ maps: [{ portalGroup: 3, initiatorGroup: igTag(2) }] })
    given(...groundwork, hidden, target)
      .when(redirect(elsewhere, 3))
      .refused("InvalidArgument", /private/)
  })

  it("of a target that is not there is refused", () => {
    given(...groundwork)
      .when(redirect(elsewhere))
      .refused("NotFound", /disk1/)
  })
})

describe("a logout request", () => {
  it("is recorded, and changes nothing that is wanted", () => {
    const { history, when } = given(...guide)
    const requested = { _tag: "TargetNodeLogoutRequested", target: disk1, incarnation: at(6) } as const
    const after = when({ _tag: "RequestTargetNodeLogout", target: disk1 }).givesExactly(requested)
    assert.deepStrictEqual(after.state, history.state)
    when({ _tag: "RequestTargetNodeLogout", target: disk1, portalGroup: 9 }).givesExactly({
      ...requested,
      portalGroup: pgTag(9)
    })
  })

  it("of nobody, or over a group that cannot be, is refused", () => {
    given(...guide)
      .when({ _tag: "RequestTargetNodeLogout", target: "iqn.2016-06.io.spdk:none" })
      .refused("NotFound", /none/)
    given(...guide)
      .when({ _tag: "RequestTargetNodeLogout", target: disk1, portalGroup: 0 })
      .refused("InvalidArgument", /1 to 65535/)
  })
})

it("nothing of it is there in the beginning", () => {
  assert.deepStrictEqual(authGroupsOf(initialState), [])
})
