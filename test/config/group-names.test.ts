/** Groups that a configuration calls by names: the tags that they get, and everything that refers to them. */
import { assert, describe, it } from "vitest"
import type { Command } from "../../src/domain/Command.ts"
import {
  activeTargetsOf,
  authGroupsOf,
  findAuthGroup,
  initiatorGroupsOf,
  portalGroupsOf,
  type State
} from "../../src/domain/State.ts"
import { carryOut, desiredOf, nothing, readText } from "./support.ts"

const stateOf = (source: string, running: State = nothing) => desiredOf(readText(source), running).state

const tagsOf = (source: string, running?: State): ReadonlyArray<string> =>
  portalGroupsOf(stateOf(source, running)).map(({ name, tag }) => `${name ?? "-"} ${tag}`)

const portalGroup = (tag: number, name?: string): Command => ({
  _tag: "CreatePortalGroup",
  tag,
  ...(name === undefined ? {} : { name }),
  portals: [],
  private: false,
  wait: false
})

const three = `
portalGroups:
  - { name: front, portals: [] }
  - { tag: 1, portals: [] }
  - { name: back, portals: [] }
`

describe("a group with a name and without a tag", () => {
  it("gets the lowest tag that the file does not use", () => {
    assert.deepStrictEqual(tagsOf(three), ["front 2", "- 1", "back 3"])
  })

  it("keeps the tag of the running group of its name", () => {
    const state = carryOut([portalGroup(9, "front"), portalGroup(2)])
    assert.deepStrictEqual(tagsOf(three, state), ["front 9", "- 1", "back 3"])
  })

  it("gives way where the file gives that tag to another group", () => {
    const state = carryOut([portalGroup(1, "front")])
    assert.deepStrictEqual(tagsOf(three, state), ["front 2", "- 1", "back 3"])
  })
})

const whole = `
options: { discoveryAuth: { requireChap: true, chapGroup: hosts } }
authGroups:
  - name: hosts
    tag: 5
    secrets:
      - { user: u, secret: abcdefghijkl, mutualUser: t, mutualSecret: mnopqrstuvwx }
      - { user: v, secret: abcdefghijkl }
portalGroups:
  - { name: front, portals: ["127.0.0.1:3260"], auth: { requireChap: true, chapGroup: 5 }, wait: true }
  - { name: back, tag: 7, portals: ["127.0.0.1:3261"] }
initiatorGroups:
  - { name: all, initiators: [ANY], netmasks: [ANY] }
targets:
  - name: t
    maps:
      - { portalGroup: front, initiatorGroup: all }
      - { portalGroup: "7", initiatorGroup: 1 }
    luns: []
    auth: { requireChap: true, chapGroup: hosts }
    redirects:
      - { portalGroup: front, to: "10.0.0.1:3262" }
      - { portalGroup: 7, to: "[fd00::1]" }
`

describe("names and tags", () => {
  it("both work wherever a group is meant", () => {
    const state = stateOf(whole)
    const [target] = activeTargetsOf(state)
    assert.deepStrictEqual(
      target?.pgIgMaps.map(({ initiatorGroup, portalGroup }) => `${portalGroup}:${initiatorGroup}`),
      ["1:1", "7:1"]
    )
    assert.deepStrictEqual(
      target?.redirects.map(({ host, port, portalGroup }) => `${portalGroup} ${host}:${port}`),
      ["1 10.0.0.1:3262", "7 [fd00::1]:3260"]
    )
    assert.strictEqual(target?.auth.chapGroup, 5)
    assert.strictEqual(state.options.auth.chapGroup, 5)
    assert.deepStrictEqual(
      portalGroupsOf(state).map(({ auth, wait }) => `${auth.chapGroup} ${wait}`),
      ["5 true", "0 false"]
    )
    assert.deepStrictEqual(
      initiatorGroupsOf(state).map(({ name }) => String(name)),
      ["all"]
    )
  })

  it("are what secrets are sealed for", () => {
    const [group] = authGroupsOf(stateOf(whole))
    assert.strictEqual(group?.secrets[0]?.secret.fingerprint, '["auth group",5,"u","secret"] abcdefghijkl')
    assert.strictEqual(group?.secrets[0]?.mutual?.secret.fingerprint, '["auth group",5,"u","msecret"] mnopqrstuvwx')
  })

  it("keep the sealed bytes of a secret that has not changed", () => {
    const sealed = { sealed: "as it was", fingerprint: '["auth group",5,"u","secret"] abcdefghijkl' }
    const state = carryOut([{ _tag: "CreateAuthGroup", tag: 5, secrets: [{ user: "u", secret: sealed }] }])
    const kept = findAuthGroup(stateOf(whole, state), 5)?.secrets.map(({ secret }) => secret.sealed)
    assert.deepStrictEqual(kept, ["as it was", "abcdefghijkl"])
  })

  it("of an auth group may be those of one that no file declares, if it is a tag", () => {
    const state = stateOf("targets: [{ name: t, maps: [], luns: [], auth: { chapGroup: 12 } }]")
    assert.strictEqual(activeTargetsOf(state)[0]?.auth.chapGroup, 12)
  })
})

describe("options that a file leaves alone", () => {
  it("have their defaults for what the file declares: what it wants does not depend on what runs", () => {
    const state = carryOut([
      {
        _tag: "SetIscsiOptions",
        options: { ...nothing.options, nodeBase: "iqn.2020-01.org.example", maxQueueDepth: 9 }
      }
    ])
    const [target] = activeTargetsOf(stateOf("targets: [{ name: t, maps: [], luns: [] }]", state))
    assert.deepStrictEqual([String(target?.name), target?.queueDepth], ["iqn.2016-06.io.spdk:t", 64])
  })
})
