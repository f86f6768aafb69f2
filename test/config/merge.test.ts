/** The three-way merge of last file, new file and running state: each cell of its table. */
import { assert, describe, it } from "vitest"
import type { Command, CommandOf } from "../../src/domain/Command.ts"
import { defaultIscsiOptions, noAuth } from "../../src/domain/options/IscsiOptions.ts"
import { activeLunsOf, findBdev, findInitiatorGroup, findPortalGroup, findTarget } from "../../src/domain/State.ts"
import { createInitiatorGroup, createPortalGroup, disk1 } from "../domain/examples.ts"
import {
  applyTo,
  byRpc,
  driftTexts,
  nothing,
  planFor,
  type Running,
  recorded,
  stepTexts,
  targetNames,
  wanting
} from "./plan-support.ts"

const nullBdev = (name: string, blockCount = 8): Command => ({
  _tag: "CreateBdev",
  name,
  bdev: { _tag: "Null", blockCount, blockSize: 512, physicalBlockSize: 0 }
})
const mallocBdev = (name: string, blockCount = 8): Command => ({
  _tag: "CreateBdev",
  name,
  bdev: { _tag: "Malloc", blockCount, blockSize: 512, physicalBlockSize: 0, optimalIoBoundary: 0 }
})

interface TargetParts {
  readonly alias?: string
  readonly luns?: ReadonlyArray<readonly [number, string]>
  readonly maps?: ReadonlyArray<readonly [number, number]>
}

const target = ({ alias = "", luns = [], maps = [] }: TargetParts = {}): CommandOf<"CreateTargetNode"> => ({
  _tag: "CreateTargetNode",
  name: disk1,
  alias,
  maps: maps.map(([portalGroup, initiatorGroup]) => ({ portalGroup, initiatorGroup })),
  luns: luns.map(([lun, bdev]) => ({ lun, bdev })),
  queueDepth: 64,
  auth: noAuth,
  headerDigest: false,
  dataDigest: false,
  requireLunZero: false
})

const options = (nopTimeout: number): Command => ({
  _tag: "SetIscsiOptions",
  options: { ...defaultIscsiOptions, nopTimeout }
})

const members = (running: Running, tag = 1) => findInitiatorGroup(running.state, tag)?.initiators.map(String)
const lunTexts = ({ state }: Running) => {
  const found = findTarget(state, disk1)
  return found === undefined ? [] : activeLunsOf(found).map(({ bdev, lun }) => `${lun} ${bdev.name}`)
}

describe("an object that the last file had, and the new one has", () => {
  const file = wanting(nullBdev("a"), createInitiatorGroup(1, ["ANY"]))
  const made = applyTo(nothing, file)

  it("is left as it runs, if the file has not changed: what differs is drift", () => {
    const changed = byRpc(made, { _tag: "AddInitiatorGroupMembers", tag: 1, initiators: ["!ANY"], netmasks: [] })
    const plan = planFor(changed, file)
    assert.deepStrictEqual(plan.works, [])
    assert.deepStrictEqual(driftTexts(plan), ["initiator !ANY of initiator group 1 was added by RPC"])
    assert.deepStrictEqual(recorded(changed, plan), [])
  })

  it("stays away, if it was removed by RPC, and comes back with --enforce or a change of the file", () => {
    const without = byRpc(made, { _tag: "DeleteBdev", name: "a" })
    assert.deepStrictEqual(planFor(without, file).works, [])
    assert.deepStrictEqual(driftTexts(planFor(without, file)), ["bdev a was removed by RPC"])
    assert.deepStrictEqual(stepTexts(planFor(without, file, { enforce: true })), ["create bdev a"])
    const larger = wanting(nullBdev("a", 16), createInitiatorGroup(1, ["ANY"]))
    assert.deepStrictEqual(stepTexts(planFor(without, larger)), ["create bdev a"])
  })

  it("is told to be away, if something new needs it", () => {
    const groups = [createPortalGroup(1, ["127.0.0.1", 3260]), createInitiatorGroup(1)]
    const without = byRpc(applyTo(nothing, wanting(...groups)), { _tag: "DeletePortalGroup", tag: 1 })
    const { conflicts } = planFor(without, wanting(...groups, target({ maps: [[1, 1]] })))
    assert.match(
      conflicts[0]?.message ?? "",
      /^portal group 1 does not exist.* \(removed by RPC: portal group 1; --enforce makes it again\)$/
    )
  })

  it("shows no secret and no fingerprint of one", () => {
    const group = (fingerprint: string): Command => ({
      _tag: "CreateAuthGroup",
      tag: 1,
      secrets: [{ user: "anna", secret: { sealed: "s", fingerprint } }]
    })
    const plan = planFor(applyTo(nothing, wanting(group("print1"))), wanting(group("print2")))
    assert.deepStrictEqual(stepTexts(plan), ['change auth group 1; user "anna": secret -> another secret'])
    assert.notInclude(JSON.stringify([plan.steps, plan.drift]), "print")
  })

  it("gets what the new file has changed, and keeps what was changed by RPC elsewhere in it", () => {
    const before = applyTo(nothing, wanting(options(60)))
    const now = byRpc(before, {
      _tag: "SetIscsiOptions",
      options: { ...defaultIscsiOptions, nopTimeout: 61, maxSessions: 7 }
    })
    const after = applyTo(now, wanting(options(90)))
    assert.strictEqual(after.state.options.nopTimeout, 90)
    assert.strictEqual(after.state.options.maxSessions, 7)
    assert.deepStrictEqual(driftTexts(planFor(after, wanting(options(90)))), [
      "maxSessions of options is 7, and 128 in the file"
    ])
  })

  it("gets new members, loses removed ones, and keeps those of RPC in their place", () => {
    const first = applyTo(nothing, wanting(createInitiatorGroup(1, ["iqn.2020-01.a:1", "ANY"])))
    const banned = byRpc(
      first,
      { _tag: "RemoveInitiatorGroupMembers", tag: 1, initiators: ["ANY"], netmasks: [] },
      { _tag: "AddInitiatorGroupMembers", tag: 1, initiators: ["!iqn.2020-01.a:bad", "ANY"], netmasks: [] }
    )
    const after = applyTo(banned, wanting(createInitiatorGroup(1, ["ANY", "iqn.2020-01.a:2"])))
    assert.deepStrictEqual(members(after), ["!iqn.2020-01.a:bad", "ANY", "iqn.2020-01.a:2"])
    const enforced = applyTo(after, wanting(createInitiatorGroup(1, ["ANY", "iqn.2020-01.a:2"])), { enforce: true })
    assert.deepStrictEqual(members(enforced), ["ANY", "iqn.2020-01.a:2"])
  })

  it("is made anew where it cannot be changed, and what a removal takes along is made again", () => {
    const parts = { luns: [[0, "a"]], maps: [[1, 1]] } as const
    const base = (port: number, alias: string) =>
      wanting(
        nullBdev("a"),
        createPortalGroup(1, ["127.0.0.1", port]),
        createInitiatorGroup(1),
        target({ ...parts, alias })
      )
    const first = applyTo(nothing, base(3260, "x"))
    const moved = planFor(first, base(3261, "x"))
    assert.deepStrictEqual(stepTexts(moved), ['replace portal group 1; portals: "127.0.0.1:3260" -> "127.0.0.1:3261"'])
    assert.deepStrictEqual(
      moved.works.map(({ command }) => command._tag),
      ["DeletePortalGroup", "CreatePortalGroup", "AddPgIgMaps"]
    )
    const renamed = planFor(first, base(3260, "y"))
    assert.deepStrictEqual(renamed.steps[0]?.disturbs, [disk1])
    const withLun = byRpc(first, nullBdev("b"), { _tag: "AddLun", target: disk1, bdev: "b", lun: 3 })
    assert.deepStrictEqual(lunTexts(applyTo(withLun, base(3260, "y"))), ["0 a", "3 b"])
  })

  it("loses the data of a disk in memory only with --replace", () => {
    const first = applyTo(nothing, wanting(mallocBdev("m"), target({ luns: [[0, "m"]] })))
    const larger = wanting(mallocBdev("m", 16), target({ luns: [[0, "m"]] }))
    const { conflicts } = planFor(first, larger)
    assert.match(conflicts[0]?.message ?? "", /^bdev m has blockCount 8 and not 16; .* --replace/)
    const after = applyTo(first, larger, { replace: true })
    assert.deepStrictEqual(findBdev(after.state, "m")?.spec, {
      _tag: "Malloc",
      blockCount: 16,
      blockSize: 512,
      physicalBlockSize: 512,
      optimalIoBoundary: 0
    })
    assert.deepStrictEqual(lunTexts(after), ["0 m"])
  })

  it("grows in place if it is a null bdev", () => {
    const first = applyTo(nothing, wanting(nullBdev("a")))
    const { works } = planFor(first, wanting(nullBdev("a", 16)))
    assert.deepStrictEqual(
      works.map(({ command }) => command._tag),
      ["ResizeNullBdev"]
    )
  })
})

describe("an object that only the new file has", () => {
  it("is made", () => {
    const first = applyTo(nothing, wanting(nullBdev("a")))
    assert.deepStrictEqual(stepTexts(planFor(first, wanting(nullBdev("a"), nullBdev("b")))), ["create bdev b"])
  })

  it("is made what the file says, if one of its name runs", () => {
    const running = byRpc(nothing, createInitiatorGroup(1, ["iqn.2020-01.a:rpc"]))
    const after = applyTo(running, wanting(createInitiatorGroup(1, ["ANY"])))
    assert.deepStrictEqual(members(after), ["ANY"])
  })
})

describe("an object that only the last file had", () => {
  const first = applyTo(nothing, wanting(nullBdev("a"), target({ luns: [[0, "a"]] })))

  it("is removed, users first", () => {
    const plan = planFor(first, wanting())
    assert.deepStrictEqual(
      plan.works.map(({ command }) => command._tag),
      ["DeleteTargetNode", "DeleteBdev"]
    )
    assert.deepStrictEqual(
      plan.steps.flatMap(({ disturbs }) => disturbs),
      [disk1, disk1]
    )
  })

  it("is kept, if it is another one that was made by RPC since", () => {
    const again = byRpc(first, { _tag: "DeleteTargetNode", target: disk1 }, target())
    const plan = planFor(again, wanting(nullBdev("a")))
    assert.deepStrictEqual(plan.works, [])
    assert.deepStrictEqual(plan.kept, [`target ${disk1}`])
  })

  it("is refused to go while something that RPC has made needs it", () => {
    const shared = byRpc(first, { ...target({ luns: [[0, "a"]] }), name: "iqn.2020-01.a:rpc" })
    const { conflicts } = planFor(shared, wanting())
    assert.match(
      conflicts[0]?.message ?? "",
      /bdev a is not declared any more, but LUN 0 of iqn.2020-01.a:rpc made by RPC/
    )
  })
})

describe("an object that no file has", () => {
  it("is kept and named, or goes with --prune", () => {
    const running = byRpc(nothing, nullBdev("rpc"))
    const plan = planFor(running, wanting())
    assert.deepStrictEqual([plan.works, plan.kept], [[], ["bdev rpc"]])
    assert.deepStrictEqual(stepTexts(planFor(running, wanting(), { prune: true })), ["remove bdev rpc"])
  })
})

describe("LUNs of a declared target", () => {
  const file = (...luns: ReadonlyArray<readonly [number, string]>) =>
    wanting(nullBdev("a"), nullBdev("b"), target({ luns }))
  const first = applyTo(nothing, file([0, "a"]))
  const withRpc = byRpc(first, { _tag: "AddLun", target: disk1, bdev: "b", lun: 3 })

  it.each([
    ["added by RPC stay", withRpc, file([0, "a"]), {}, ["0 a", "3 b"]],
    ["added by RPC go with --prune", withRpc, file([0, "a"]), { prune: true }, ["0 a"]],
    ["added by RPC go with --enforce", withRpc, file([0, "a"]), { enforce: true }, ["0 a"]],
    ["come with the file", withRpc, file([0, "a"], [1, "b"]), {}, ["0 a", "1 b", "3 b"]],
    ["go with the file", withRpc, file(), {}, ["3 b"]],
    ["change with the file", first, file([0, "b"]), {}, ["0 b"]],
    [
      "that RPC has removed stay away",
      byRpc(first, { _tag: "RemoveLun", target: disk1, lun: 0 }),
      file([0, "a"]),
      {},
      []
    ]
  ] as const)("that were %s", (_, running, wanted, rules, expected) => {
    assert.deepStrictEqual(lunTexts(applyTo(running, wanted, rules)), [...expected])
  })
})

describe("--target", () => {
  it("touches only the target and what it needs, and remembers the rest as it was", () => {
    const other: Command = { ...target(), name: "iqn.2020-01.a:other" }
    const first = applyTo(nothing, wanting(nullBdev("a"), createInitiatorGroup(1), target(), other))
    const next = wanting(nullBdev("a"), nullBdev("b"), createInitiatorGroup(2), target({ luns: [[0, "b"]] }))
    const after = applyTo(first, next, { target: disk1 })
    assert.deepStrictEqual(lunTexts(after), ["0 b"])
    assert.isDefined(findInitiatorGroup(after.state, 1))
    assert.isUndefined(findInitiatorGroup(after.state, 2))
    assert.deepStrictEqual(targetNames(after), [disk1, "iqn.2020-01.a:other"])
    // The whole file still has the rest to do.
    assert.deepStrictEqual(stepTexts(planFor(after, next)), [
      "remove initiator group 1",
      "create initiator group 2",
      "remove target iqn.2020-01.a:other"
    ])
  })

  it("may be what follows the first colon, where one target only is called so", () => {
    const named = (name: string): Command => ({ ...target(), name })
    const one = wanting(named("iqn.2020-01.a:Other"))
    assert.deepStrictEqual(stepTexts(planFor(nothing, one, { target: "other" })), ["create target iqn.2020-01.a:Other"])
    const two = wanting(named("iqn.2020-01.a:other"), named("iqn.2020-01.b:other"))
    assert.match(planFor(nothing, two, { target: "other" }).conflicts[0]?.message ?? "", /no target other is declared/)
  })

  it("that is in no file is refused", () => {
    const { conflicts } = planFor(nothing, wanting(), { target: "nope" })
    assert.match(conflicts[0]?.message ?? "", /no target nope is declared/)
  })
})

describe("a portal group", () => {
  it("may take the address of one that goes", () => {
    const first = applyTo(nothing, wanting(createPortalGroup(1, ["127.0.0.1", 3260])))
    const after = applyTo(first, wanting(createPortalGroup(2, ["127.0.0.1", 3260])))
    assert.isDefined(findPortalGroup(after.state, 2))
  })

  it("after one target of a file was applied keeps what RPC has changed elsewhere", () => {
    const limited = (readWriteIops: number) => ({ _tag: "SetBdevQos", name: "b", readWriteIops }) as const
    const groups = [createPortalGroup(1, ["127.0.0.1", 3260]), createInitiatorGroup(1)]
    const file = (...more: ReadonlyArray<Command>) =>
      wanting(nullBdev("a"), ...more, nullBdev("b"), limited(1000), ...groups, target({ luns: [[0, "a"]] }))
    const before = applyTo(nothing, file())
    // Entries of the file come in another order now.
    const one = applyTo(before, file(nullBdev("c")), { target: disk1 })
    const changed = byRpc(one, limited(9000))
    const plan = planFor(changed, file())
    assert.deepStrictEqual(stepTexts(plan), [])
    assert.deepStrictEqual(driftTexts(plan), ["qos.readWriteIops of bdev b is 9000, and 1000 in the file"])
  })
})
