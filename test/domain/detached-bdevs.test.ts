/** Bdevs whose device goes by itself: what stays of them, and how they come back. */
import { assert, describe, it } from "vitest"
import type { BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import type { Command } from "../../src/domain/Command.ts"
import { withFound } from "../../src/domain/DataPlane.ts"
import { Seq } from "../../src/domain/ids.ts"
import {
  activeLunsOf,
  detachedBdevsOf,
  findBdev,
  findReservations,
  findTarget,
  type State
} from "../../src/domain/State.ts"
import { at, bdevName, createBdev, createTarget, delayOn, disk1, groundwork, lunId, startEpoch } from "./examples.ts"
import { assertInvariants, assertSameState, throughSnapshot } from "./invariants.ts"
import { askReservations, initiatorA, initiatorB, nexusOf } from "./random-reservations.ts"
import { followedBy, given, type History, historyOf } from "./specification.ts"

const file: BdevRequest = { _tag: "Aio", filename: "/srv/a.img", blockSize: 512, readOnly: false, blockCount: 100 }

const vanished = (incarnation: number, name = "a"): Command => ({
  _tag: "RecordBdevVanished",
  name: bdevName(name),
  incarnation: at(incarnation),
  detail: "/srv/a.img is gone"
})
const attach = (since: number, name = "a"): Command => ({
  _tag: "AttachBdev",
  name: bdevName(name),
  since: Seq.make(since)
})
const restore = (incarnation: number, name = "a"): Command => ({
  _tag: "RestoreAttachedBdev",
  name: bdevName(name),
  incarnation: at(incarnation)
})
const limited = (name: string): Command => ({ _tag: "SetBdevQos", name, readWriteIops: 5000 })

/** Seq 6: a file; 7: a bdev that delays it; 8: limits; 9 to 12: a target with three LUNs. */
const used: ReadonlyArray<Command> = [
  ...groundwork,
  createBdev("a", file),
  createBdev("d", delayOn("a")),
  limited("a"),
  createTarget({
    luns: [
      { bdev: "Malloc0", lun: 0 },
      { bdev: "a", lun: 3 },
      { bdev: "d", lun: 4 }
    ]
  })
]

const drained = (state: State): ReadonlyArray<Command> => {
  const target = findTarget(state, disk1)
  assert(target !== undefined)
  return [3, 4].map((lun) => ({
    _tag: "RecordLunDrained",
    target: disk1,
    lun: lunId(lun),
    incarnation: target.luns === undefined ? at(0) : at(lun === 3 ? 12 : 13),
    drained: 0,
    aborted: 0,
    durationMillis: 0
  }))
}

const all = (history: History, commands: ReadonlyArray<Command>): History => commands.reduce(followedBy, history)

/** The device is gone, and the bdevs with it. */
const away = (): History => {
  const going = historyOf(...used, vanished(6))
  return all(going, drained(going.state))
}

const sinceOf = ({ state }: History, name = "a"): number =>
  detachedBdevsOf(state).find((detached) => detached.name === name)?.since ?? 0

const incarnationOf = ({ state }: History, name: string): number => findBdev(state, name)?.incarnation ?? 0

/** It is there again, and what was stacked on it. */
const back = (history: History): History => {
  const attached = followedBy(history, attach(sinceOf(history)))
  const below = followedBy(attached, restore(incarnationOf(attached, "a")))
  return followedBy(below, restore(incarnationOf(below, "d"), "d"))
}

const lunsOf = (state: State): ReadonlyArray<string> => {
  const target = findTarget(state, disk1)
  return target === undefined ? [] : activeLunsOf(target).map(({ bdev, lun }) => `${lun} ${bdev.name}`)
}

const tagsAfter = (before: History, after: History): ReadonlyArray<string> =>
  after.events.slice(before.events.length).map(({ _tag }) => _tag)

describe("a bdev whose device goes", () => {
  it("stays declared with what is stacked on it, and what they are: LUNs that take commands, and limits", () => {
    const { state } = away()
    assert.isUndefined(findBdev(state, "a"))
    assert.deepStrictEqual(lunsOf(state), ["0 Malloc0"])
    const [below, above] = detachedBdevsOf(state)
    assert.deepInclude(below, { name: bdevName("a"), detail: "/srv/a.img is gone", since: Seq.make(14) })
    assert.deepInclude(below, { incarnation: at(6), luns: [{ target: disk1, lun: lunId(3), incarnation: at(12) }] })
    assert.strictEqual(below?.qos?.readWriteIops, 5000)
    assert.deepInclude(above, { name: bdevName("d"), luns: [{ target: disk1, lun: lunId(4), incarnation: at(13) }] })
    assertSameState(state, throughSnapshot(state))
  })

  it("does not, if it is memory: what was in it cannot come back", () => {
    const { state } = historyOf(...groundwork, vanished(4, "Malloc0"))
    assert.deepStrictEqual(detachedBdevsOf(state), [])
  })

  it("does not, if it was deleted; a LUN that was being removed is none of those that come back", () => {
    assert.deepStrictEqual(detachedBdevsOf(historyOf(...used, { _tag: "DeleteBdev", name: "a" }).state), [])
    const { state } = historyOf(...used, { _tag: "RemoveLun", target: disk1, lun: 3 }, vanished(6))
    assert.deepStrictEqual(
      detachedBdevsOf(state).map(({ luns }) => luns.length),
      [0, 1]
    )
  })
})

describe("its device", () => {
  it("makes it the same again: name, UUID, limits, LUN ids, and what was stacked on it", () => {
    const before = historyOf(...used)
    const gone = away()
    const again = back(gone)
    assert.deepStrictEqual(tagsAfter(gone, again), [
      ...["BdevCreated", "BdevQosSet", "LunAdded", "BdevCreated", "BdevReattached"],
      ...["LunAdded", "BdevReattached"]
    ])
    assert.deepStrictEqual(lunsOf(again.state), lunsOf(before.state))
    assert.deepStrictEqual(detachedBdevsOf(again.state), [])
    for (const name of ["a", "d"]) {
      const [was, is] = [before, again].map(({ state }) => findBdev(state, name))
      assert(was !== undefined && is !== undefined)
      assert.deepStrictEqual({ ...is, incarnation: was.incarnation, spec: was.spec }, was)
      assert.isAbove(is.incarnation, was.incarnation)
    }
    const above = findBdev(again.state, "d")?.spec
    assert(above?._tag === "Delay")
    assert.strictEqual(above.base.incarnation, incarnationOf(again, "a"))
    assertInvariants(again.state, again.seq)
  })

  it("brings the size that it has now", () => {
    const gone = away()
    const command = withFound(attach(sinceOf(gone)), { id: "1", blockCount: 77 })
    const spec = findBdev(followedBy(gone, command).state, "a")?.spec
    assert(spec?._tag === "Aio")
    assert.strictEqual(spec.blockCount, 77)
  })

  it("changes nothing while the bdev still drains, once it is back, or for one that has gone since", () => {
    const going = historyOf(...used, vanished(6))
    given(...used, vanished(6))
      .when(attach(sinceOf(going)))
      .givesExactly()
    const gone = away()
    assert.deepStrictEqual(followedBy(gone, attach(sinceOf(gone) - 1)), gone)
    const again = back(gone)
    assert.deepStrictEqual(followedBy(again, attach(sinceOf(gone))), again)
    assert.deepStrictEqual(followedBy(again, restore(incarnationOf(again, "a"))), again)
  })

  it("that goes before it has its LUNs again leaves nothing behind, whichever way", () => {
    const gone = away()
    const attached = followedBy(gone, attach(sinceOf(gone)))
    const again = followedBy(attached, vanished(incarnationOf(attached, "a")))
    assert.deepStrictEqual(
      detachedBdevsOf(again.state).map(({ luns, name, qos }) => `${name} ${luns.length} ${qos?.readWriteIops ?? ""}`),
      ["d 1 ", "a 1 5000"]
    )
    assert.deepStrictEqual(lunsOf(back(again).state), ["0 Malloc0", "3 a", "4 d"])
    const deleted = followedBy(attached, { _tag: "DeleteBdev", name: "a" })
    assert.deepStrictEqual(detachedBdevsOf(deleted.state), [])
    const started = followedBy(attached, startEpoch())
    const restored = followedBy(started, restore(incarnationOf(started, "a")))
    assert.deepStrictEqual(lunsOf(restored.state), ["0 Malloc0", "3 a"])
  })
})

describe("what is another's by then", () => {
  it("stays that: a LUN id, which is told, and the name of what was stacked", () => {
    const gone = all(away(), [
      { _tag: "AddLun", target: disk1, bdev: "Malloc1", lun: 3 },
      createBdev("d", { _tag: "Null", blockCount: 1, blockSize: 512, physicalBlockSize: 0 })
    ])
    const attached = followedBy(gone, attach(sinceOf(gone)))
    const again = followedBy(attached, restore(incarnationOf(attached, "a")))
    assert.deepStrictEqual(lunsOf(again.state), ["0 Malloc0", "3 Malloc1"])
    assert.deepInclude(again.events.at(-1), { _tag: "BdevReattached", unmapped: [{ target: disk1, lun: lunId(3) }] })
    assert.deepStrictEqual(detachedBdevsOf(again.state), [])
  })

  it("is not taken away: a UUID", () => {
    const gone = away()
    const uuid = detachedBdevsOf(gone.state)[0]?.uuid ?? ""
    const taken = followedBy(gone, { _tag: "CreateBdev", name: "other", uuid, bdev: file })
    assert.throws(() => followedBy(taken, attach(sinceOf(gone))), /is that of bdev other now; delete bdev other, or/)
  })

  it("is nobody's with its target", () => {
    const gone = all(away(), [{ _tag: "DeleteTargetNode", target: disk1 }])
    const target = findTarget(gone.state, disk1)
    assert(target !== undefined)
    const closed: Command = {
      _tag: "RecordTargetSessionsClosed",
      target: disk1,
      incarnation: target.incarnation,
      closed: 0,
      cut: 0
    }
    const lun: Command = {
      _tag: "RecordLunDrained",
      target: disk1,
      lun: lunId(0),
      incarnation: at(11),
      drained: 0,
      aborted: 0,
      durationMillis: 0
    }
    const deleted = all(gone, [closed, lun])
    assert.isUndefined(findTarget(deleted.state, disk1))
    assert.isTrue(detachedBdevsOf(deleted.state).every(({ luns }) => luns.length === 0))
  })
})

describe("registrations with a bdev whose device goes", () => {
  const [a, b] = [nexusOf(initiatorA), nexusOf(initiatorB)]
  const onA = { bdev: { name: bdevName("a"), incarnation: at(6) } }
  const register = (persistent: boolean) => [
    askReservations(a, "register", { ...onA, serviceKey: "00000000000000a1", persistent }),
    askReservations(b, "register", { ...onA, serviceKey: "00000000000000b2", persistent }),
    askReservations(a, "reserve", { ...onA, key: "00000000000000a1", type: 5 })
  ]
  const registered = (persistent: boolean): History => historyOf(...used, ...register(persistent))
  const gone = (history: History): History => {
    const going = followedBy(history, vanished(6))
    return all(going, drained(going.state))
  }

  it("come back with it, before its LUNs do, if they outlive a loss of power", () => {
    const before = registered(true)
    const away = gone(before)
    assert.isUndefined(findReservations(away.state, "a"))
    assertSameState(away.state, throughSnapshot(away.state))
    for (const between of [away, followedBy(away, startEpoch())]) {
      const again = back(between)
      const is = findReservations(again.state, "a")
      const was = findReservations(before.state, "a")
      assert(is !== undefined && was !== undefined)
      assert.deepStrictEqual(is, { ...was, bdev: { ...onA.bdev, incarnation: is.bdev.incarnation }, generation: 0 })
      assert.strictEqual(is.bdev.incarnation, incarnationOf(again, "a"))
      const tags = tagsAfter(between, again)
      assert.isBelow(tags.indexOf("ReservationsChanged"), tags.indexOf("LunAdded"))
      assertInvariants(again.state, again.seq)
    }
  })

  it("do not otherwise, nor where their LUN has no place any more, nor after the disk was forgotten", () => {
    assert.isUndefined(findReservations(back(gone(registered(false))).state, "a"))
    const taken = followedBy(gone(registered(true)), { _tag: "AddLun", target: disk1, bdev: "Malloc0", lun: 3 })
    assert.isUndefined(findReservations(back(taken).state, "a"))
    const forgotten = followedBy(gone(registered(true)), { _tag: "DeleteBdev", name: "a" })
    assert.deepStrictEqual(detachedBdevsOf(forgotten.state), [])
  })

  it("are kept when it goes again before it has them, and cannot change while it goes", () => {
    const away = gone(registered(true))
    const attached = followedBy(away, attach(sinceOf(away)))
    const again = followedBy(attached, vanished(incarnationOf(attached, "a")))
    assert.lengthOf(findReservations(back(again).state, "a")?.registrations ?? [], 2)
    given(...used, ...register(true), vanished(6))
      .when(askReservations(b, "clear", { ...onA, key: "00000000000000b2" }))
      .refused("NotFound", /is no disk of/)
  })
})

describe("a detached bdev", () => {
  it("is forgotten when it is deleted as what it is, by name or UUID, and when another has its name", () => {
    const commands = [...used, vanished(6), ...drained(historyOf(...used, vanished(6)).state)]
    const uuid = detachedBdevsOf(historyOf(...commands).state)[0]?.uuid ?? ""
    for (const name of ["a", uuid.toUpperCase()]) {
      const { state } = given(...commands)
        .when({ _tag: "DeleteBdev", name, kind: "Aio" })
        .gives("BdevForgotten")
      assert.deepStrictEqual(detachedBdevsOf(state), [])
    }
    given(...commands)
      .when({ _tag: "DeleteBdev", name: "a", kind: "Null" })
      .refused("NotFound", /is detached: its device is not there; it comes back with it/)
    const above = given(...commands)
      .when({ _tag: "DeleteBdev", name: "d" })
      .gives("BdevForgotten")
    assert.lengthOf(detachedBdevsOf(above.state), 1)
    const { state } = given(...commands)
      .when(createBdev("a", file))
      .gives("BdevCreated")
    assert.deepStrictEqual(detachedBdevsOf(state), [])
  })

  it("stays so over a restart, and not over an empty start", () => {
    const gone = away()
    assert.lengthOf(detachedBdevsOf(followedBy(gone, startEpoch()).state), 2)
    assert.lengthOf(detachedBdevsOf(followedBy(gone, startEpoch("empty")).state), 0)
    const going = historyOf(...used, vanished(6), startEpoch())
    assert.isUndefined(findBdev(going.state, "a"))
    assert.deepStrictEqual(lunsOf(back(going).state), ["0 Malloc0", "3 a", "4 d"])
  })

  it("cannot be a LUN, or be changed, and that is said", () => {
    for (const command of [{ _tag: "AddLun", target: disk1, bdev: "a", lun: 9 } as const, limited("a")]) {
      const gone = away()
      assert.throws(() => followedBy(gone, command), /bdev "a" is detached: its device is not there/)
    }
  })
})
