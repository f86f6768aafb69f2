/** The rules of portal groups, initiator groups and options. */
import { assert, describe, it } from "vitest"
import type { Command } from "../../src/domain/Command.ts"
import { defaultIscsiOptions, type IscsiOptions, noAuth } from "../../src/domain/options/IscsiOptions.ts"
import { findInitiatorGroup, findPortalGroup, portalGroupsOf } from "../../src/domain/State.ts"
import { at, createInitiatorGroup, createPortalGroup, disk1, guide, igTag, pgTag } from "./examples.ts"
import { given, historyOf } from "./specification.ts"

describe("a portal group", () => {
  it("is created with the portals as they were written", () => {
    given()
      .when(createPortalGroup(1, ["127.0.0.1", 3260], ["[::1]", 3260]))
      .givesExactly({
        _tag: "PortalGroupCreated",
        tag: pgTag(1),
        portals: [
          { host: "127.0.0.1", port: 3260 },
          { host: "[::1]", port: 3260 }
        ],
        private: false,
        wait: false
      })
  })

  it("may have no portal, a wildcard, and a link-local address with its zone", () => {
    given().when(createPortalGroup(1)).gives("PortalGroupCreated")
    given()
      .when(createPortalGroup(1, ["*", 3260], ["[*]", 3261]))
      .gives("PortalGroupCreated")
    given()
      .when(createPortalGroup(1, ["[fe80::1%eth0]", 3260]))
      .gives("PortalGroupCreated")
  })

  it("has a tag of its own", () => {
    given(createPortalGroup(1))
      .when(createPortalGroup(1))
      .refused("AlreadyExists", /portal group 1 exists/)
  })

  it.each([0, -1, 65536, 1.5, Number.NaN])("cannot have the tag %s, which does not fit 16 bits", (tag) => {
    given()
      .when(createPortalGroup(tag))
      .refused("InvalidArgument", /16 bits.*1 to 65535/)
  })

  it.each(["", "localhost", "::1", "[::1", "127.0.0.256", "127.0.0.01", "[127.0.0.1]", "[fe80::1%a b]", "1.2.3"])(
    "cannot listen on the host %j",
    (host) => {
      given()
        .when(createPortalGroup(1, [host, 3260]))
        .refused("InvalidArgument", /not an address; use an IPv4/)
    }
  )

  it.each([0, 65536, -3, 3260.5])("cannot listen on port %s", (port) => {
    given()
      .when(createPortalGroup(1, ["127.0.0.1", port]))
      .refused("InvalidArgument", /1 to 65535/)
  })

  it("cannot take an address and port of another group, however it is spelled", () => {
    const taken = given(createPortalGroup(1, ["127.0.0.1", 3260], ["[::1]", 3260], ["*", 3261]))
    taken.when(createPortalGroup(2, ["127.0.0.1", 3260])).refused("AlreadyExists", /belongs to portal group 1/)
    taken.when(createPortalGroup(2, ["[0:0::0:1]", 3260])).refused("AlreadyExists", /belongs to portal group 1/)
    taken.when(createPortalGroup(2, ["0.0.0.0", 3261])).refused("AlreadyExists", /belongs to portal group 1/)
    taken.when(createPortalGroup(2, ["127.0.0.1", 3262])).gives("PortalGroupCreated")
  })

  it("cannot have one portal twice", () => {
    given()
      .when(createPortalGroup(1, ["127.0.0.1", 3260], ["127.0.0.1", 3260]))
      .refused("AlreadyExists", /given twice/)
  })

  it("gives its portals back when it is deleted", () => {
    const history = historyOf(createPortalGroup(1, ["127.0.0.1", 3260]), { _tag: "DeletePortalGroup", tag: 1 })
    assert.deepStrictEqual(portalGroupsOf(history.state), [])
    given(...[createPortalGroup(1, ["127.0.0.1", 3260])], { _tag: "DeletePortalGroup", tag: 1 })
      .when(createPortalGroup(2, ["127.0.0.1", 3260]))
      .gives("PortalGroupCreated")
  })

  it("takes the maps of targets with it", () => {
    given(...guide)
      .when({ _tag: "DeletePortalGroup", tag: 1 })
      .givesExactly(
        {
          _tag: "TargetNodeMapsRemoved",
          target: disk1,
          maps: [{ portalGroup: pgTag(1), initiatorGroup: igTag(2) }],
          cause: "portal-group-deleted"
        },
        { _tag: "PortalGroupDeleted", tag: pgTag(1), incarnation: at(2) }
      )
  })

  it("that waits is started once", () => {
    const waiting: Command = { _tag: "CreatePortalGroup", tag: 1, portals: [], private: false, wait: true }
    const start: Command = { _tag: "StartPortalGroup", tag: 1 }
    const started = given(waiting).when(start).gives("PortalGroupStarted")
    assert.strictEqual(findPortalGroup(started.state, 1)?.wait, false)
    given(waiting, start).when(start).givesExactly()
  })

  it("must exist to be started or deleted", () => {
    given()
      .when({ _tag: "StartPortalGroup", tag: 7 })
      .refused("NotFound", /portal group 7 does not exist/)
    given()
      .when({ _tag: "DeletePortalGroup", tag: 7 })
      .refused("NotFound", /portal group 7 does not exist/)
  })

  it("has at most 1024 portals", () => {
    const portals = Array.from({ length: 1025 }, (_, index) => ["127.0.0.1", 1000 + index] as const)
    given()
      .when(createPortalGroup(1, ...portals.slice(1)))
      .gives("PortalGroupCreated")
    given()
      .when(createPortalGroup(1, ...portals))
      .refused("LimitExceeded", /1025 portals.*1024/)
  })
})

describe("an initiator group", () => {
  it("keeps the order of its members and writes ALL as ANY", () => {
    const group = findInitiatorGroup(
      given()
        .when(createInitiatorGroup(2, ["!iqn.2020-01.org.ex:bad", "ALL"], ["ALL", "10.1.0.0/16"]))
        .gives("InitiatorGroupCreated").state,
      2
    )
    assert.deepEqual<ReadonlyArray<string> | undefined>(group?.initiators, ["!iqn.2020-01.org.ex:bad", "ANY"])
    assert.deepEqual<ReadonlyArray<string> | undefined>(group?.netmasks, ["ANY", "10.1.0.0/16"])
  })

  it("needs initiators and netmasks", () => {
    given()
      .when(createInitiatorGroup(2, [], ["ANY"]))
      .refused("InvalidArgument", /at least one initiator/)
    given()
      .when(createInitiatorGroup(2, ["ANY"], []))
      .refused("InvalidArgument", /at least one initiator/)
  })

  it.each([
    ["255.255.0.0", /never matches.*prefix: 10\.1\.0\.0\/16/],
    ["10.0.0.0/0", /outside of 1 to 32.*use ANY/],
    ["10.0.0.0/33", /outside of 1 to 32/],
    ["10.0.0.0/", /outside of 1 to 32/],
    ["[fd00::]/129", /outside of 1 to 128/],
    ["fd00::", /without brackets; write \[fd00::\]/],
    ["[::ffff:10.0.0.1]", /write the IPv4 address/],
    ["0.0.0.0", /no peer has/],
    ["224.0.0.0/4", /multicast/],
    ["host", /not a network/],
    ["", /not a network/],
    ["1".repeat(65), /longer than 64/]
  ])("refuses the netmask %j, which could never match", (netmask, message) => {
    given()
      .when(createInitiatorGroup(2, ["ANY"], [netmask]))
      .refused("InvalidArgument", message)
  })

  it.each(["", "!", "!!ANY", "a b", "a\u0000b", "x".repeat(224)])("refuses the initiator %j", (initiator) => {
    given()
      .when(createInitiatorGroup(2, [initiator]))
      .refused("InvalidArgument", /initiator/)
  })

  it("refuses a member twice, in any case", () => {
    given()
      .when(createInitiatorGroup(2, ["iqn.2020-01.org.ex:A", "iqn.2020-01.org.ex:a"]))
      .refused("AlreadyExists", /in initiator group 2 already/)
    given(createInitiatorGroup(2))
      .when({ _tag: "AddInitiatorGroupMembers", tag: 2, initiators: ["any"], netmasks: [] })
      .refused("AlreadyExists", /"ANY" is in initiator group 2/)
  })

  it("adds all members or none", () => {
    const group = given(createInitiatorGroup(2, ["ANY"], ["ANY"]))
    group
      .when({ _tag: "AddInitiatorGroupMembers", tag: 2, initiators: ["iqn.x"], netmasks: ["bad"] })
      .refused("InvalidArgument", /"bad"/)
    const { state } = group
      .when({ _tag: "AddInitiatorGroupMembers", tag: 2, initiators: ["iqn.x"], netmasks: ["10.0.0.1"] })
      .gives("InitiatorGroupMembersAdded")
    assert.deepEqual<ReadonlyArray<string> | undefined>(findInitiatorGroup(state, 2)?.initiators, ["ANY", "iqn.x"])
  })

  it("removes all members or none", () => {
    const group = given(createInitiatorGroup(2, ["iqn.x", "ANY"], ["10.0.0.1", "ANY"]))
    group
      .when({ _tag: "RemoveInitiatorGroupMembers", tag: 2, initiators: ["iqn.x", "iqn.y"], netmasks: [] })
      .refused("NotFound", /"iqn\.y" is not in initiator group 2/)
    const { state } = group
      .when({ _tag: "RemoveInitiatorGroupMembers", tag: 2, initiators: ["IQN.X"], netmasks: ["ALL"] })
      .gives("InitiatorGroupMembersRemoved")
    assert.deepEqual<ReadonlyArray<string> | undefined>(findInitiatorGroup(state, 2)?.initiators, ["ANY"])
    assert.deepEqual<ReadonlyArray<string> | undefined>(findInitiatorGroup(state, 2)?.netmasks, ["10.0.0.1"])
  })

  it("has at most 256 initiators", () => {
    const names = Array.from({ length: 257 }, (_, index) => `iqn.2020-01.org.ex:${index}`)
    given()
      .when(createInitiatorGroup(2, names))
      .refused("LimitExceeded", /at most 256/)
    given(createInitiatorGroup(2, names.slice(1)))
      .when({ _tag: "AddInitiatorGroupMembers", tag: 2, initiators: ["ANY"], netmasks: [] })
      .refused("LimitExceeded", /257 initiators/)
  })

  it("takes the maps of targets with it", () => {
    given(...guide)
      .when({ _tag: "DeleteInitiatorGroup", tag: 2 })
      .gives("TargetNodeMapsRemoved", "InitiatorGroupDeleted")
  })
})

describe("the options", () => {
  const set = (changes: Partial<IscsiOptions>): Command => ({
    _tag: "SetIscsiOptions",
    options: { ...defaultIscsiOptions, ...changes }
  })

  it("replace each other as a whole", () => {
    const { state } = given(set({ nopTimeout: 5 }))
      .when(set({ maxSessions: 7 }))
      .gives("IscsiOptionsSet")
    assert.strictEqual(state.options.nopTimeout, 60)
    assert.strictEqual(state.options.maxSessions, 7)
  })

  it.each([
    [{ nopInInterval: 61 }, /nopInInterval is 61; use 0 to 60/],
    [{ maxSessions: 0 }, /maxSessions/],
    [{ maxQueueDepth: 257 }, /maxQueueDepth is 257; use 1 to 256/],
    [{ firstBurstLength: 511 }, /firstBurstLength/],
    [{ errorRecoveryLevel: 3 }, /errorRecoveryLevel/],
    [{ pduPoolSize: 0 }, /pduPoolSize/],
    [{ nodeBase: "" }, /nodeBase/],
    [{ auth: { ...noAuth, disableChap: true, requireChap: true } }, /disables CHAP and requires it/],
    [{ auth: { ...noAuth, disableChap: true, mutualChap: true } }, /disables CHAP/],
    [{ auth: { ...noAuth, mutualChap: true } }, /mutual CHAP without/]
  ] as const)("are refused with %j", (changes, message) => {
    given().when(set(changes)).refused("InvalidArgument", message)
  })

  it("take the combinations of CHAP flags that mean something", () => {
    for (const auth of [
      noAuth,
      { ...noAuth, disableChap: true },
      { ...noAuth, requireChap: true, chapGroup: 3 },
      { ...noAuth, requireChap: true, mutualChap: true }
    ]) {
      given().when(set({ auth })).gives("IscsiOptionsSet")
    }
  })
})
