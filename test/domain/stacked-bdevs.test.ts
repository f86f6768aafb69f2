/** The rules of passthru, split and overlay bdevs: names, sizes, who may write to a base, and what goes with what. */
import { assert, describe, it } from "vitest"
import type { BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import { geometryOf } from "../../src/domain/bdev/bdev-geometry.ts"
import type { Command } from "../../src/domain/Command.ts"
import { bdevsOf, findBdev, type State } from "../../src/domain/State.ts"
import { at, bdevName, createBdev, createTarget, groundwork, malloc, startEpoch } from "./examples.ts"
import { given, historyOf } from "./specification.ts"

const mebibyteBlocks = 2048
const nullDisk = (blockCount: number): BdevRequest => ({
  _tag: "Null",
  blockCount,
  blockSize: 512,
  physicalBlockSize: 0
})
const split = (base: string, parts: number, partMebibytes = 0): Command => ({
  _tag: "SplitBdev",
  base,
  parts,
  partMebibytes
})
const passthru = (base: string): BdevRequest => ({ _tag: "Passthru", base })
const overlay = (base: string): BdevRequest => ({ _tag: "Overlay", base })
const target = (bdev: string): Command => createTarget({ luns: [{ bdev, lun: 0 }] })

const names = (state: State): ReadonlyArray<string> => bdevsOf(state).map(({ name }) => name)
const blocksOf = (state: State, name: string): number | undefined => {
  const bdev = findBdev(state, name)
  return bdev === undefined ? undefined : geometryOf(state, bdev)?.blockCount
}

describe("a split", () => {
  const disk = [startEpoch(), createBdev("n", nullDisk(10 * mebibyteBlocks + 3))]

  it("makes equal parts of the whole base, by SPDK's names", () => {
    const { state } = historyOf(...disk, split("n", 3))
    assert.deepStrictEqual(names(state), ["n", "np0", "np1", "np2"])
    assert.deepStrictEqual(
      ["np0", "np1", "np2"].map((name) => blocksOf(state, name)),
      [6827, 6827, 6827]
    )
  })

  it("makes as many parts of a size as fit", () => {
    const { state } = historyOf(...disk, split("n", 4, 4))
    assert.deepStrictEqual(names(state), ["n", "np0", "np1"])
    assert.strictEqual(blocksOf(state, "np1"), 4 * mebibyteBlocks)
  })

  it("needs a base that is there, is not split yet, and is large enough", () => {
    given(...disk)
      .when(split("x", 2))
      .refused("NotFound", /"x" does not exist/)
    given(...disk, split("n", 2))
      .when(split("n", 2))
      .refused("AlreadyExists", /is split already/)
    given(...disk)
      .when(split("n", 0))
      .refused("InvalidArgument", /use 1 to 1024/)
    given(...disk)
      .when(split("n", 1025))
      .refused("InvalidArgument", /use 1 to 1024/)
    given(...disk)
      .when(split("n", 1, 11))
      .refused("InvalidArgument", /fewer or smaller/)
    given(...disk)
      .when(split("n", 2, 0.5))
      .refused("InvalidArgument", /whole MiB/)
    given(startEpoch(), createBdev("s", nullDisk(3)))
      .when(split("s", 4))
      .refused("InvalidArgument", /too few/)
    const odd: BdevRequest = { _tag: "Null", blockCount: 9000, blockSize: 1536, physicalBlockSize: 0 }
    given(startEpoch(), createBdev("s", odd))
      .when(split("s", 2, 1))
      .refused("InvalidArgument", /no whole number/)
    given(...disk, createBdev("np1", nullDisk(8)))
      .when(split("n", 2))
      .refused("AlreadyExists", /"np1" exists/)
  })

  it("can be made part by part, which agree", () => {
    const part = (number: number, parts: number): Command =>
      createBdev(undefined, { _tag: "Split", base: "n", part: number, parts, partMebibytes: 0 })
    const { state } = historyOf(...disk, part(1, 2))
    assert.deepStrictEqual(names(state), ["n", "np1"])
    given(...disk, part(1, 2))
      .when(part(0, 3))
      .refused("AlreadyExists", /split into 2 parts already/)
    given(...disk)
      .when(part(2, 2))
      .refused("InvalidArgument", /use 0 to 1/)
    given(...disk)
      .when(createBdev("other", { _tag: "Split", base: "n", part: 0, parts: 2, partMebibytes: 0 }))
      .refused("InvalidArgument", /cannot have the name "other"/)
  })

  it("goes as a whole, with what is stacked on its parts", () => {
    const before = [...disk, split("n", 2), createBdev("p", passthru("np1"))]
    const { state } = historyOf(...before, { _tag: "UnsplitBdev", base: "n" })
    assert.deepStrictEqual(names(state), ["n"])
    given(...disk)
      .when({ _tag: "UnsplitBdev", base: "n" })
      .refused("NotFound", /is not split/)
    assert.deepStrictEqual(names(historyOf(...before, { _tag: "DeleteBdev", name: "n" }).state), [])
  })

  it("keeps its places when the base has another size; parts beyond its end go", () => {
    const resized = (blockCount: number): Command => ({
      _tag: "RecordBdevResized",
      name: bdevName("n"),
      incarnation: at(2),
      blockCount
    })
    const before = [...disk, split("n", 4, 2), createBdev("p", passthru("np3"))]
    const grown = historyOf(...before, resized(100 * mebibyteBlocks)).state
    assert.strictEqual(blocksOf(grown, "np3"), 2 * mebibyteBlocks)
    const { state } = historyOf(...before, resized(3 * mebibyteBlocks))
    assert.deepStrictEqual(names(state), ["n", "np0", "np1"])
    assert.deepStrictEqual([blocksOf(state, "np0"), blocksOf(state, "np1")], [2 * mebibyteBlocks, mebibyteBlocks])
  })
})

describe("an overlay", () => {
  const golden = [startEpoch(), createBdev("g", malloc)]

  it("is in memory of a limited size, or in a file", () => {
    const { state } = historyOf(...golden, createBdev("o", overlay("g")))
    assert.deepStrictEqual(findBdev(state, "o")?.spec, {
      _tag: "Overlay",
      base: { name: bdevName("g"), incarnation: at(2) },
      maxBytes: 1024 ** 3
    })
    const of = (rest: Partial<Extract<BdevRequest, { readonly _tag: "Overlay" }>>) =>
      given(...golden).when(createBdev("o", { _tag: "Overlay", base: "g", ...rest }))
    of({ maxBytes: 1000 }).refused("InvalidArgument", /at least 1 MiB/)
    of({ filename: "relative" }).refused("InvalidArgument", /absolute/)
    of({ filename: "/a", maxBytes: 2 ** 30 }).refused("InvalidArgument", /name the file, or the limit/)
  })

  it("is reset by a deed that changes no state; nothing else is", () => {
    const before = given(...golden, createBdev("o", overlay("g")))
    before.when({ _tag: "ResetOverlayBdev", name: "o" }).givesExactly({
      _tag: "BdevOverlayReset",
      name: bdevName("o"),
      incarnation: at(3)
    })
    before.when({ _tag: "ResetOverlayBdev", name: "g" }).refused("NotFound", /not of kind Overlay but Malloc/)
  })

  it("in memory has lost its changes after a restart, one in a file has not", () => {
    const file: BdevRequest = { _tag: "Overlay", base: "g", filename: "/srv/o" }
    const { state } = historyOf(...golden, createBdev("o", overlay("g")), createBdev("f", file), startEpoch("resume"))
    assert.deepStrictEqual(
      bdevsOf(state).map(({ contentLost, name }) => [name, contentLost]),
      [
        ["g", true],
        ["o", true],
        ["f", false]
      ]
    )
  })
})

describe("who may write to a base", () => {
  const disk = [...groundwork.slice(0, 3), createBdev("g", malloc)]
  const refused = (bdev: string, reason: RegExp, ...before: ReadonlyArray<Command>): void => {
    given(...disk, ...before)
      .when(target(bdev))
      .refused("Busy", reason)
  }

  it("nobody, if an overlay needs it, however high above and however far below", () => {
    const o = createBdev("o", overlay("p"))
    const p = createBdev("p", passthru("g"))
    refused("g", /bdev o needs what bdev g holds/, p, o)
    refused("p", /bdev o needs what bdev p holds/, p, o)
    refused("q", /bdev o needs what bdev g holds/, p, o, createBdev("q", passthru("g")))
    historyOf(...disk, p, o, target("o"))
    historyOf(...disk, p, o, createBdev("q", passthru("o")), target("q"))
  })

  it("only the overlay on top, if there are several", () => {
    const two = [createBdev("o", overlay("g")), createBdev("oo", overlay("o"))]
    refused("o", /bdev oo needs what bdev o holds/, ...two)
    historyOf(...disk, ...two, target("oo"))
  })

  it("only its parts, if it is split; each is free of the others", () => {
    refused("g", /is a part of bdev g/, split("g", 2))
    const before = [...disk, split("g", 2), createBdev("o", overlay("gp0"))]
    historyOf(...before, target("gp1"))
    given(...before)
      .when(target("gp0"))
      .refused("Busy", /bdev o needs what bdev gp0 holds/)
  })

  it("no overlay and no part is made of what a LUN writes to", () => {
    const mapped = given(...disk, createBdev("p", passthru("g")), target("p"))
    mapped.when(createBdev("o", overlay("g"))).refused("Busy", /LUN 0 of .*disk1 writes to/)
    mapped.when(split("g", 2)).refused("Busy", /LUN 0 of .*disk1 writes to/)
    const parts = given(...disk, split("g", 2), target("gp0"))
    parts.when(createBdev("o", overlay("gp1"))).gives("BdevCreated")
    parts.when(createBdev("o", overlay("gp0"))).refused("Busy", /writes to/)
  })

  it("everybody, if it is read-only anyway", () => {
    const file: BdevRequest = { _tag: "Aio", filename: "/a", blockSize: 512, readOnly: true, blockCount: 8 }
    historyOf(...groundwork.slice(0, 3), createBdev("r", file), createBdev("o", overlay("r")), target("r"))
  })
})
