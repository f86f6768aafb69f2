/** The rules of target nodes, their maps and LUNs, and how a LUN goes. */
import { HashMap, Option } from "effect"
import { assert, describe, it } from "vitest"
import type { Command } from "../../src/domain/Command.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { RelativePortId } from "../../src/domain/ids.ts"
import { noAuth } from "../../src/domain/options/IscsiOptions.ts"
import { activeLunsOf, activeTargetsOf, findLun, findTarget, lunsOf, type State } from "../../src/domain/State.ts"
import {
  at,
  bdevName,
  createBdev,
  createInitiatorGroup,
  createPortalGroup,
  createTarget,
  disk1,
  drained,
  groundwork,
  guide,
  igTag,
  lunId,
  pgTag,
  sessionsClosed
} from "./examples.ts"
import { followedBy, given, historyOf } from "./specification.ts"

const addLun = (lun?: number, bdev = "Malloc1") =>
  ({ _tag: "AddLun", target: disk1, bdev, ...(lun === undefined ? {} : { lun }) }) as const
const removeLun = (lun: number) => ({ _tag: "RemoveLun", target: disk1, lun }) as const
const deleteTarget = { _tag: "DeleteTargetNode", target: disk1 } as const

describe("a target", () => {
  it("is created with its maps and LUNs in one batch", () => {
    given(...groundwork)
      .when(createTarget())
      .givesExactly(
        {
          _tag: "TargetNodeCreated",
          name: disk1,
          alias: "Data Disk 1",
          queueDepth: 64,
          auth: noAuth,
          headerDigest: false,
          dataDigest: false
        },
        {
          _tag: "TargetNodeMapsAdded",
          target: disk1,
          maps: [{ portalGroup: pgTag(1), initiatorGroup: igTag(2) }],
          ports: [{ portalGroup: pgTag(1), relativePortId: RelativePortId.make(1) }]
        },
        { _tag: "LunAdded", target: disk1, lun: lunId(0), bdev: { name: bdevName("Malloc0"), incarnation: at(4) } },
        { _tag: "LunAdded", target: disk1, lun: lunId(1), bdev: { name: bdevName("Malloc1"), incarnation: at(5) } }
      )
  })

  it("is found by its name in any case, and cannot be created again in another", () => {
    const { state } = historyOf(...guide)
    assert.strictEqual(findTarget(state, disk1.toUpperCase())?.name, disk1)
    given(...guide)
      .when(createTarget({ name: "IQN.2016-06.io.spdk:DISK1" }))
      .refused("AlreadyExists", /exists/)
  })

  it.each([
    ["iqn.2016-6.io.spdk:x", /no year and month/],
    ["iqn.x", /no year and month/],
    ["disk 1", /the character " "/],
    ["disk_1", /the character "_"/],
    ["", /empty after the prefix/],
    ["a\u0000", /the character/],
    ["x".repeat(220), /longer than 223 bytes/],
    ["é".repeat(105), /longer than 223 bytes/]
  ])("cannot be named %j", (name, message) => {
    given(...groundwork)
      .when(createTarget({ name }))
      .refused("InvalidArgument", message)
  })

  it.each(["eui.02004567A425678D", "naa.52004567BA64678D", "iqn.2001-04.com.example:disk-ü", "IQN.2001-04.com.x"])(
    "can be named %s",
    (name) => {
      const { state } = given(...groundwork)
        .when(createTarget({ name }))
        .gives("TargetNodeCreated", "TargetNodeMapsAdded", "LunAdded", "LunAdded")
      assert.strictEqual(findTarget(state, name)?.name, name)
    }
  )

  it("must have LUN 0 and a map where SPDK wants them, and need not elsewhere", () => {
    const bare = { maps: [], luns: [] }
    const one = { luns: [{ bdev: "Malloc0", lun: 1 }] }
    const before = given(...groundwork)
    before.when(createTarget(bare)).refused("InvalidArgument", /no LUN 0/)
    before.when(createTarget(one)).refused("InvalidArgument", /no LUN 0/)
    before.when(createTarget({ maps: [] })).refused("InvalidArgument", /no pg-ig map/)
    before.when(createTarget({ ...bare, requireLunZero: false })).gives("TargetNodeCreated")
    before
      .when(createTarget({ ...one, requireLunZero: false }))
      .gives("TargetNodeCreated", "TargetNodeMapsAdded", "LunAdded")
  })

  it("is refused with a missing group, a missing bdev, a LUN id twice or out of range", () => {
    const before = given(...groundwork)
    before
      .when(createTarget({ maps: [{ portalGroup: 9, initiatorGroup: 2 }] }))
      .refused("NotFound", /portal group 9 does not exist/)
    before
      .when(createTarget({ maps: [{ portalGroup: 1, initiatorGroup: 9 }] }))
      .refused("NotFound", /initiator group 9 does not exist/)
    before
      .when(createTarget({ luns: [{ bdev: "Malloc7", lun: 0 }] }))
      .refused("NotFound", /bdev "Malloc7" does not exist/)
    const twice = ["Malloc0", "Malloc1"].map((bdev) => ({ bdev, lun: 0 }))
    before.when(createTarget({ luns: twice })).refused("AlreadyExists", /LUN 0 of .* is given twice/)
    const far = [...twice.slice(1), { bdev: "Malloc0", lun: 256 }]
    before.when(createTarget({ luns: far })).refused("InvalidArgument", /LUN 256 .* use 0 to 255/)
  })

  it("has the greatest queue depth if it asks for none, or for too much", () => {
    for (const [asked, given_] of [
      [0, 64],
      [-1, 64],
      [65, 64],
      [1, 1],
      [64, 64]
    ] as const) {
      const { state } = historyOf(...groundwork, createTarget({ queueDepth: asked }))
      assert.strictEqual(findTarget(state, disk1)?.queueDepth, given_)
    }
  })

  it("has an alias that fits the wire", () => {
    const before = given(...groundwork)
    before.when(createTarget({ alias: "x".repeat(224) })).refused("InvalidArgument", /alias/)
    before.when(createTarget({ alias: "a\u0000TargetName=b" })).refused("InvalidArgument", /alias/)
    before.when(createTarget({ alias: "" })).gives("TargetNodeCreated", "TargetNodeMapsAdded", "LunAdded", "LunAdded")
  })

  it("may share a bdev with another LUN and another target", () => {
    const luns = [0, 1].map((lun) => ({ bdev: "Malloc0", lun }))
    given(...groundwork, createTarget({ luns }))
      .when(createTarget({ name: "disk2", luns }))
      .gives("TargetNodeCreated", "TargetNodeMapsAdded", "LunAdded", "LunAdded")
  })
})

describe("pg-ig maps", () => {
  const map = (portalGroup: number, initiatorGroup: number) => ({ portalGroup, initiatorGroup })
  const add = (...maps: ReadonlyArray<ReturnType<typeof map>>) =>
    ({ _tag: "AddPgIgMaps", target: disk1, maps }) as const
  const remove = (...maps: ReadonlyArray<ReturnType<typeof map>>) =>
    ({ _tag: "RemovePgIgMaps", target: disk1, maps }) as const
  const groups = [
    ...guide,
    createPortalGroup(3, ["127.0.0.3", 3260]),
    createPortalGroup(4, ["127.0.0.4", 3260]),
    createInitiatorGroup(5),
    createInitiatorGroup(6)
  ]

  it("stay together by portal group", () => {
    const { state } = historyOf(...groups, add(map(3, 5)), add(map(1, 6), map(3, 2)))
    assert.deepEqual<ReadonlyArray<object> | undefined>(findTarget(state, disk1)?.pgIgMaps, [
      map(1, 2),
      map(1, 6),
      map(3, 5),
      map(3, 2)
    ])
  })

  it("are added and removed all or not at all", () => {
    const before = given(...groups)
    before.when(add(map(3, 5), map(1, 2))).refused("AlreadyExists", /has the map 1:2 already/)
    before.when(add(map(3, 5), map(3, 5))).refused("AlreadyExists", /has the map 3:5 already/)
    before.when(add(map(3, 5), map(8, 5))).refused("NotFound", /portal group 8/)
    before.when(remove(map(1, 2), map(3, 5))).refused("NotFound", /has no map 3:5/)
    before.when(remove(map(1, 2), map(1, 2))).refused("NotFound", /has no map 1:2/)
    before.when(remove(map(1, 2))).gives("TargetNodeMapsRemoved")
  })

  it("give each portal group a port id that never changes and never comes back", () => {
    const portIds = (...commands: ReadonlyArray<Command>) => {
      const target = findTarget(historyOf(...groups, ...commands).state, disk1)
      return target === undefined ? [] : HashMap.toEntries(target.relativePortIds).sort(([a], [b]) => a - b)
    }
    assert.deepEqual<ReadonlyArray<unknown>>(portIds(add(map(4, 5), map(3, 5))), [
      [1, 1],
      [3, 3],
      [4, 2]
    ])
    assert.deepEqual<ReadonlyArray<unknown>>(
      portIds(add(map(4, 5)), remove(map(4, 5), map(1, 2)), add(map(3, 5)), add(map(1, 2), map(4, 6))),
      [
        [1, 1],
        [3, 3],
        [4, 2]
      ]
    )
  })

  it("count new portal groups only, and keep a port id whatever a later event says", () => {
    const { state } = historyOf(...groups, add(map(1, 5), map(3, 5)))
    const portOf = (of: State) => {
      const target = findTarget(of, disk1)
      return target === undefined ? undefined : Option.getOrUndefined(HashMap.get(target.relativePortIds, 3))
    }
    assert.strictEqual<number | undefined>(portOf(state), 2)
    const ports = [{ portalGroup: pgTag(3), relativePortId: RelativePortId.make(9) }]
    const later = evolve(state, { _tag: "TargetNodeMapsAdded", target: disk1, maps: [], ports }, 99)
    assert.strictEqual<number | undefined>(portOf(later), 2)
  })

  it("lead from at most 16 portal groups to a target", () => {
    const many = Array.from({ length: 16 }, (_, index) => createPortalGroup(100 + index, ["127.0.1.1", 4000 + index]))
    const maps = many.map((_, index) => map(100 + index, 2))
    given(...guide, ...many)
      .when(add(...maps))
      .refused("LimitExceeded", /17 portal groups.*at most 16/)
    given(...guide, ...many)
      .when(add(...maps.slice(1)))
      .gives("TargetNodeMapsAdded")
  })
})

describe("a LUN", () => {
  it("is added while the target is in use, at the lowest free id if none is given", () => {
    const { state } = given(...guide)
      .when(addLun())
      .gives("LunAdded")
    assert.strictEqual(findTarget(state, disk1)?.luns.pipe(HashMap.has(2)), true)
    given(...guide)
      .when(addLun(255))
      .gives("LunAdded")
  })

  it("is refused where another one is, or where the id is none", () => {
    const before = given(...guide)
    before.when(addLun(0)).refused("AlreadyExists", /LUN 0 of .* is bdev Malloc0/)
    before.when(addLun(256)).refused("InvalidArgument", /use 0 to 255/)
    before.when(addLun(-1)).refused("InvalidArgument", /use 0 to 255/)
    before.when(addLun(2, "nobody")).refused("NotFound", /"nobody"/)
  })

  it("has no place when all 256 ids are taken", () => {
    const luns = Array.from({ length: 256 }, (_, lun) => ({ bdev: "Malloc0", lun }))
    given(...groundwork, createTarget({ luns, requireLunZero: false }))
      .when(addLun())
      .refused("LimitExceeded", /no free LUN id/)
  })

  it("drains, is not listed, and keeps its id until it has drained", () => {
    const draining = given(...guide, removeLun(1))
    const target = findTarget(draining.history.state, disk1)
    assert.deepEqual(target === undefined ? [] : activeLunsOf(target).map(({ lun }) => Number(lun)), [0])
    assert.deepEqual(target === undefined ? undefined : findLun(target, 1)?.phase, {
      _tag: "Draining",
      since: 10,
      cause: "requested"
    })
    draining.when(addLun(1)).refused("Busy", /LUN 1 of .* is still being removed/)
    draining.when(removeLun(1)).refused("NotFound", /is being removed/)
    draining.when(addLun()).gives("LunAdded")
    draining.when(drained(1, 9)).givesExactly({
      _tag: "LunRemoved",
      target: disk1,
      lun: lunId(1),
      incarnation: at(9),
      cause: "requested",
      drained: 3,
      aborted: 1,
      durationMillis: 12
    })
    given(...guide, removeLun(1), drained(1, 9))
      .when(addLun(1))
      .gives("LunAdded")
  })

  it("is not ended by a fact about another one of its id, nor by one while it is active", () => {
    given(...guide)
      .when(drained(1, 9))
      .givesExactly()
    given(...guide, removeLun(1))
      .when(drained(1, 8))
      .givesExactly()
    given(...guide, removeLun(1), drained(1, 9), addLun(1), removeLun(1))
      .when(drained(1, 9))
      .givesExactly()
    given().when(drained(1, 9)).givesExactly()
  })

  it("must exist to be removed", () => {
    given(...guide)
      .when(removeLun(7))
      .refused("NotFound", /LUN 7 of .* does not exist/)
  })
})

describe("a target that is deleted", () => {
  it("lets all its LUNs drain and joins those that already do", () => {
    given(...guide, removeLun(1))
      .when(deleteTarget)
      .givesExactly(
        { _tag: "TargetNodeDeletionStarted", target: disk1, incarnation: at(6) },
        {
          _tag: "LunRemovalStarted",
          target: disk1,
          lun: lunId(0),
          incarnation: at(8),
          cause: "target-deleted"
        }
      )
  })

  it("is gone with its last LUN, if its sessions are closed", () => {
    const deleting = given(...guide, deleteTarget, sessionsClosed(6), drained(0, 8))
    const { state } = deleting.when(drained(1, 9)).gives("LunRemoved", "TargetNodeDeleted")
    assert.strictEqual(findTarget(state, disk1), undefined)
  })

  it("is gone with its last session, if its LUNs are gone", () => {
    given(...guide, deleteTarget, drained(1, 9), drained(0, 8))
      .when(sessionsClosed(6))
      .gives("TargetNodeSessionsClosed", "TargetNodeDeleted")
  })

  it("keeps its name meanwhile, but cannot be addressed", () => {
    const deleting = given(...guide, deleteTarget)
    assert.deepEqual(activeTargetsOf(deleting.history.state), [])
    deleting.when(createTarget()).refused("Busy", /still being deleted; wait for LUN 0, LUN 1, its sessions/)
    deleting.when(deleteTarget).refused("NotFound", /is being deleted/)
    deleting.when(addLun(5)).refused("NotFound", /is being deleted/)
    given(...guide, deleteTarget, drained(0, 8), drained(1, 9), sessionsClosed(6))
      .when(createTarget())
      .gives("TargetNodeCreated", "TargetNodeMapsAdded", "LunAdded", "LunAdded")
  })

  it("is not ended by a fact about another one of its name, nor twice, nor before it began", () => {
    given(...guide)
      .when(sessionsClosed(6))
      .givesExactly()
    given(...guide, deleteTarget)
      .when(sessionsClosed(5))
      .givesExactly()
    given(...guide, deleteTarget, sessionsClosed(6))
      .when(sessionsClosed(6))
      .givesExactly()
  })

  it("leaves its bdevs", () => {
    const gone = historyOf(...guide, deleteTarget, drained(0, 8), drained(1, 9), sessionsClosed(6))
    given(...guide, deleteTarget, drained(0, 8), drained(1, 9), sessionsClosed(6))
      .when(createBdev("Malloc0"))
      .refused("AlreadyExists", /exists/)
    assert.strictEqual(followedBy(gone, createTarget()).state.targets.pipe(HashMap.size), 1)
    assert.deepEqual(
      lunsOf(findTarget(followedBy(gone, createTarget()).state, disk1) ?? fail()).map(({ lun }) => Number(lun)),
      [0, 1]
    )
  })
})

const fail = (): never => {
  throw new Error("there is no target")
}
