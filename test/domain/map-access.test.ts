/** What a map gives to those whom it lets in: the rules, and which of several maps lets somebody in. */
import { assert, describe, it } from "vitest"
import { type AccessList, admittingRule, compileAccessList, discoverable } from "../../src/domain/access.ts"
import { parsePeerAddress } from "../../src/domain/address.ts"
import type { Command } from "../../src/domain/Command.ts"
import { findTarget } from "../../src/domain/State.ts"
import { createInitiatorGroup, createTarget, disk1, groundwork, guide, igTag, lunId, pgTag } from "./examples.ts"
import { diceOf } from "./random.ts"
import { given, historyOf } from "./specification.ts"

const ref = { portalGroup: 1, initiatorGroup: 2 }
const set = (access: { readonly luns?: ReadonlyArray<number>; readonly readOnly?: boolean }): Command => ({
  _tag: "SetTargetNodeMapAccess",
  target: disk1,
  ...ref,
  ...access
})
const changed = {
  _tag: "TargetNodeMapAccessSet",
  target: disk1,
  portalGroup: pgTag(1),
  initiatorGroup: igTag(2)
} as const

const mapsAfter = (...commands: ReadonlyArray<Command>): ReadonlyArray<object> | undefined =>
  findTarget(historyOf(...commands).state, disk1)?.pgIgMaps

describe("a map", () => {
  it("is made with the LUNs that it shows, ascending, and without the right to write", () => {
    const maps = [{ ...ref, luns: [7, 0], readOnly: true }]
    assert.deepStrictEqual(mapsAfter(...groundwork, createTarget({ maps })), [{ ...ref, luns: [0, 7], readOnly: true }])
  })

  it("that may write and shows all says nothing of it", () => {
    const maps = [{ ...ref, readOnly: false }]
    assert.deepStrictEqual(mapsAfter(...groundwork, createTarget({ maps })), [ref])
  })

  it("is changed in place, and back", () => {
    given(...guide)
      .when(set({ luns: [1, 0] }))
      .givesExactly({ ...changed, luns: [lunId(0), lunId(1)] })
    given(...guide, set({ luns: [1] }))
      .when(set({ readOnly: true }))
      .givesExactly({ ...changed, readOnly: true })
    given(...guide, set({ luns: [1], readOnly: true }))
      .when(set({}))
      .givesExactly(changed)
    assert.deepStrictEqual(mapsAfter(...guide, set({ luns: [1], readOnly: true }), set({})), [ref])
  })

  it("that gives this already is left alone", () => {
    given(...guide)
      .when(set({ readOnly: false }))
      .givesExactly()
    given(...guide, set({ luns: [0, 1], readOnly: true }))
      .when(set({ luns: [1, 0], readOnly: true }))
      .givesExactly()
  })

  it("keeps its place among the maps", () => {
    const more: ReadonlyArray<Command> = [
      createInitiatorGroup(3),
      { _tag: "AddPgIgMaps", target: disk1, maps: [{ portalGroup: 1, initiatorGroup: 3, readOnly: true }] }
    ]
    assert.deepStrictEqual(mapsAfter(...guide, ...more, set({ luns: [1] })), [
      { ...ref, luns: [1] },
      { portalGroup: 1, initiatorGroup: 3, readOnly: true }
    ])
  })

  it("goes by its groups alone, whatever it gives", () => {
    const removal: Command = { _tag: "RemovePgIgMaps", target: disk1, maps: [ref] }
    assert.deepStrictEqual(mapsAfter(...guide, set({ luns: [1] }), removal), [])
    given(...guide, set({ luns: [1] }))
      .when({ _tag: "AddPgIgMaps", target: disk1, maps: [{ ...ref, luns: [0] }] })
      .refused("AlreadyExists", /has the map 1:2 already/)
  })

  it.each([
    [[], "map 1:2 of target iqn.2016-06.io.spdk:disk1 has an empty list of LUNs; give at least one, or leave out"],
    [[0, 1, 0], "names LUN 0 twice; give each LUN id once"],
    [[256], "names the LUN 256; use 0 to 255"],
    [[-1], "names the LUN -1; use 0 to 255"],
    [[0.5], "names the LUN 0.5; use 0 to 255"]
  ])("cannot show the LUNs %j", (luns, message) => {
    given(...guide)
      .when(set({ luns }))
      .refused("InvalidArgument", new RegExp(message.replaceAll(".", "\\.")))
    given(...groundwork)
      .when(createTarget({ maps: [{ ...ref, luns }] }))
      .refused("InvalidArgument", new RegExp(message.replaceAll(".", "\\.")))
  })

  it("that is not there cannot be changed", () => {
    given(...guide)
      .when({ _tag: "SetTargetNodeMapAccess", target: disk1, portalGroup: 1, initiatorGroup: 9 })
      .refused("NotFound", /map 1:9 of target .*disk1 does not exist; list the target's maps, or add this one/)
  })
})

const names = ["iqn.2020-01.org.ex:a", "iqn.2020-01.org.ex:b", "IQN.2020-01.ORG.EX:A"] as const
const patterns = ["ANY", "!ANY", ...names, `!${names[0]}`, `!${names[1]}`] as const
const addresses = ["10.0.0.1", "10.1.0.1", "fd00::1"] as const
const netmasks = ["ANY", "10.0.0.0/16", "10.0.0.0/8", "[fd00::]/64"] as const
const covering = new Map<string, ReadonlyArray<string>>([
  ["ANY", addresses],
  ["10.0.0.0/16", ["10.0.0.1"]],
  ["10.0.0.0/8", ["10.0.0.1", "10.1.0.1"]],
  ["[fd00::]/64", ["fd00::1"]]
])

interface Group {
  readonly initiators: ReadonlyArray<string>
  readonly netmasks: ReadonlyArray<string>
}

/** The rule in the reference's words, as one search over all names of all groups. */
const expected = (groups: ReadonlyArray<Group>, name: string, address: string): number => {
  const firsts = groups.map((group) =>
    group.initiators.find((pattern) => {
      const bare = pattern.replace("!", "").toLowerCase()
      return bare === "any" || bare === name.toLowerCase()
    })
  )
  const end = firsts.findIndex((first) => first?.startsWith("!") === true)
  const asked = end < 0 ? groups : groups.slice(0, end)
  return asked.findIndex(
    (group, index) =>
      firsts[index] !== undefined && group.netmasks.some((mask) => covering.get(mask)?.includes(address) === true)
  )
}

describe("of several maps", () => {
  it("the first that accepts name and address lets in, unless one before it denies the name", () => {
    const dice = diceOf(7)
    const seen = new Set<number>()
    for (let round = 0; round < 2000; round++) {
      const groups = Array.from({ length: dice.roll(5) }, () => ({
        initiators: dice.some(() => dice.pick(patterns)),
        netmasks: dice.some(() => dice.pick(netmasks))
      }))
      const rules = groups.map((group, index): { readonly list: AccessList; readonly index: number } => ({
        list: compileAccessList(group),
        index
      }))
      const [name, address] = [dice.pick(names), dice.pick(addresses)]
      const found = admittingRule(rules, name, address)?.index ?? -1
      assert.strictEqual(found, expected(groups, name, address), JSON.stringify({ groups, name, address }))
      seen.add(found)
      const lists = rules.map(({ list }) => list)
      if (found >= 0) assert.isTrue(discoverable(lists.slice(found), name), "who may log in may look")
    }
    assert.deepStrictEqual([...seen].sort(), [-1, 0, 1, 2, 3])
    for (const address of addresses) assert.isDefined(parsePeerAddress(address))
  })
})
