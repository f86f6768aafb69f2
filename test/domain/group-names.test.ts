/** The rules of the names of groups. */
import { assert, describe, it } from "vitest"
import type { Command } from "../../src/domain/Command.ts"
import { GroupName } from "../../src/domain/ids.ts"
import { findPortalGroup } from "../../src/domain/State.ts"
import { pgTag } from "./examples.ts"
import { given } from "./specification.ts"

const portalGroup = (tag: number, name?: string): Command => ({
  _tag: "CreatePortalGroup",
  tag,
  ...(name === undefined ? {} : { name }),
  portals: [],
  private: false,
  wait: false
})
const initiatorGroup = (tag: number, name: string): Command => ({
  _tag: "CreateInitiatorGroup",
  tag,
  name,
  initiators: ["ANY"],
  netmasks: ["ANY"]
})
const authGroup = (tag: number, name: string): Command => ({ _tag: "CreateAuthGroup", tag, name, secrets: [] })
const nameGroup = (tag: number, name?: string): Command => ({
  _tag: "NameGroup",
  kind: "portal",
  tag,
  ...(name === undefined ? {} : { name })
})

describe("the name of a group", () => {
  it("is given when the group is created", () => {
    const { state } = given().when(portalGroup(1, "front")).gives("PortalGroupCreated")
    assert.strictEqual(findPortalGroup(state, 1)?.name, GroupName.make("front"))
    given().when(initiatorGroup(1, "hosts")).gives("InitiatorGroupCreated")
    given().when(authGroup(1, "hosts")).gives("AuthGroupCreated")
  })

  it("is one of each kind", () => {
    given(portalGroup(1, "a")).when(initiatorGroup(1, "a")).gives("InitiatorGroupCreated")
    const taken = /group 2 cannot be called "a": \w+ group 1 is; use another name/
    given(portalGroup(1, "a")).when(portalGroup(2, "a")).refused("AlreadyExists", taken)
    given(initiatorGroup(1, "a")).when(initiatorGroup(2, "a")).refused("AlreadyExists", taken)
    given(authGroup(1, "a")).when(authGroup(2, "a")).refused("AlreadyExists", taken)
    given(portalGroup(1, "a"), portalGroup(2)).when(nameGroup(2, "a")).refused("AlreadyExists", taken)
  })

  it("is never taken for a tag", () => {
    for (const name of ["", "12", "a b", "ä", "x".repeat(65)]) {
      given()
        .when(portalGroup(1, name))
        .refused("InvalidArgument", /has the name .*; use 1 to 64 letters, .*not digits alone$/)
    }
    given().when(portalGroup(1, "12a")).gives("PortalGroupCreated")
  })

  it("can be changed, taken away, and is free again", () => {
    const { state } = given(portalGroup(1, "a"))
      .when(nameGroup(1, "b"))
      .givesExactly({ _tag: "GroupNamed", kind: "portal", tag: pgTag(1), name: GroupName.make("b") })
    assert.strictEqual(findPortalGroup(state, 1)?.name, GroupName.make("b"))
    given(portalGroup(1, "a"), nameGroup(1)).when(portalGroup(2, "a")).gives("PortalGroupCreated")
    given(portalGroup(1, "a")).when(nameGroup(1, "a")).givesExactly()
    given(portalGroup(1)).when(nameGroup(1)).givesExactly()
    given()
      .when(nameGroup(1, "a"))
      .refused("NotFound", /portal group 1 does not exist/)
  })
})
