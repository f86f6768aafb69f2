/** What is stacked on a bdev, and waits while that is there: parts behind its end, and what has become another's. */
import { assert, describe, it } from "vitest"
import type { BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import { detachedReason } from "../../src/domain/bdev/declared-state.ts"
import type { Command } from "../../src/domain/Command.ts"
import { Seq } from "../../src/domain/ids.ts"
import { detachedBdevsOf, findBdev, type State } from "../../src/domain/State.ts"
import { at, bdevName, createBdev, createTarget, groundwork } from "./examples.ts"
import { assertInvariants } from "./invariants.ts"
import { followedBy, given, type History, historyOf } from "./specification.ts"

const file: BdevRequest = { _tag: "Aio", filename: "/srv/a.img", blockSize: 512, readOnly: false, blockCount: 8192 }
const split: Command = { _tag: "SplitBdev", base: "a", parts: 2, partMebibytes: 2 }

const resized = (blockCount: number): Command => ({
  _tag: "RecordBdevResized",
  name: bdevName("a"),
  incarnation: at(6),
  blockCount
})

const namesOf = (state: State): ReadonlyArray<string> => detachedBdevsOf(state).map(({ name }) => name)

const attachPart = ({ state }: History): Command => {
  const [part] = detachedBdevsOf(state)
  assert(part !== undefined)
  return { _tag: "AttachBdev", name: part.name, since: Seq.make(part.since) }
}

/** Seq 6: a file, in two parts; the second one is cut off. */
const cut: ReadonlyArray<Command> = [...groundwork, createBdev("a", file), split, resized(4096)]

describe("a part that is behind the end of its base", () => {
  it("does not come back before the base is longer", () => {
    const history = historyOf(...cut)
    assert.deepStrictEqual(namesOf(history.state), ["ap1"])
    const [part] = detachedBdevsOf(history.state)
    assert(part !== undefined)
    assert.strictEqual(detachedReason(history.state, part), "it is beyond the end of bdev a")
    given(...cut)
      .when(attachPart(history))
      .refused("WrongState", /ap1 is beyond the end of bdev a; it comes back when bdev a is longer/)
    const longer = followedBy(history, resized(8192))
    const again = followedBy(longer, attachPart(longer))
    assert.isDefined(findBdev(again.state, "ap1"))
    assertInvariants(again.state, again.seq)
  })

  it("does not come back with the base either, if that has come back shorter", () => {
    const vanished: Command = { _tag: "RecordBdevVanished", name: bdevName("a"), incarnation: at(6) }
    const gone = historyOf(...groundwork, createBdev("a", file), split, vanished)
    const since = detachedBdevsOf(gone.state).find(({ name }) => name === "a")?.since ?? 0
    const attach = { _tag: "AttachBdev", name: bdevName("a"), since: Seq.make(since), blockCount: 100 } as const
    const attached = followedBy(gone, attach)
    const incarnation = findBdev(attached.state, "a")?.incarnation ?? at(0)
    const again = followedBy(attached, { _tag: "RestoreAttachedBdev", name: bdevName("a"), incarnation })
    assert.isDefined(findBdev(again.state, "ap0"))
    assert.isUndefined(findBdev(again.state, "ap1"))
    assert.include(namesOf(again.state), "ap1")
  })

  it("does not come back over the blocks of parts of another size, or of a LUN", () => {
    const deleted = historyOf(...cut, { _tag: "DeleteBdev", name: "ap0" }, resized(16_384))
    // Only a log that was written before parts were forgotten together has this.
    const other = { ...split, partMebibytes: 1 } as const
    const parts = followedBy(deleted, { ...other, parts: 1 })
    assert.throws(() => followedBy(parts, attachPart(parts)), /ap1 is not of the size of bdev ap0/)
    const mapped = followedBy(deleted, createTarget({ luns: [{ bdev: "a", lun: 0 }] }))
    assert.throws(() => followedBy(mapped, attachPart(mapped)), /ap1 would be on bdev a, which LUN 0 of .* writes to/)
  })

  it("is forgotten with the other parts, and with the base", () => {
    const unsplit = given(...cut).when({ _tag: "UnsplitBdev", base: "a" })
    assert.deepStrictEqual(namesOf(unsplit.gives("BdevRemovalStarted", "BdevRemoved", "BdevForgotten").state), [])
    const { state } = followedBy(historyOf(...cut), { _tag: "DeleteBdev", name: "a" })
    assert.deepStrictEqual(namesOf(state), [])
  })
})

describe("a UUID that a detached bdev had, and another has now", () => {
  it("means the one that is there when it is deleted", () => {
    const uuid = "6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11"
    const named = { _tag: "CreateBdev", uuid, bdev: file } as const
    const vanished: Command = { _tag: "RecordBdevVanished", name: bdevName("a"), incarnation: at(6) }
    const again = { ...named, name: "b", bdev: { ...file, filename: "/srv/b.img" } } as const
    const { state } = given(...groundwork, { ...named, name: "a" }, vanished, again)
      .when({ _tag: "DeleteBdev", name: uuid })
      .gives("BdevRemovalStarted", "BdevRemoved")
    assert.deepStrictEqual(namesOf(state), ["a"])
  })
})

describe("why a bdev is detached", () => {
  it("is never a base that it does not have: a fork knows no reasons of its source", () => {
    const vanished: Command = { _tag: "RecordBdevVanished", name: bdevName("a"), incarnation: at(6) }
    const { state } = historyOf(...groundwork, createBdev("a", file), split, vanished)
    assert.deepStrictEqual(
      detachedBdevsOf(state)
        .map((detached) => `${detached.name} ${detachedReason(state, detached)}`)
        .toSorted(),
      ["a its device is not there", "ap0 undefined", "ap1 undefined"]
    )
  })
})
