/** The rules of files as disks: what they must be, and what a rescan makes of another size. */
import { assert, describe, it } from "vitest"
import type { BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import type { Command } from "../../src/domain/Command.ts"
import { withFound } from "../../src/domain/DataPlane.ts"
import { findBdev } from "../../src/domain/State.ts"
import { at, bdevName, createBdev, createTarget, delayOn, disk1, groundwork, lunId, startEpoch } from "./examples.ts"
import { given, historyOf } from "./specification.ts"

const file = (changes: object = {}): BdevRequest => ({
  _tag: "Aio",
  filename: "/srv/a.img",
  blockSize: 512,
  readOnly: false,
  blockCount: 100,
  ...changes
})
const create = (changes: object = {}): Command => createBdev("a", file(changes))
const rescan = (blockCount: number, seq = 2): Command => ({
  _tag: "RescanAioBdev",
  name: bdevName("a"),
  incarnation: at(seq),
  blockCount
})

describe("a file as a disk", () => {
  const start = given(startEpoch())

  it("has an absolute path", () => {
    for (const filename of ["", "a.img", "./a.img", `/${"x".repeat(5000)}`, "/a\0b"]) {
      start.when(create({ filename })).refused("InvalidArgument", /absolute path of at most 4095/)
    }
  })

  it("has a block size of its own, a power of two", () => {
    start.when(create({ blockSize: 0 })).refused("InvalidArgument", /has no block size/)
    for (const blockSize of [100, 256, 513, 1536, -512, 2 ** 21, Number.NaN]) {
      start.when(create({ blockSize })).refused("InvalidArgument", /power of two from 512 to 1048576/)
    }
    start.when(create({ blockSize: 4096 })).gives("BdevCreated")
  })

  it("may leave its block size to the device, which a plan does not know yet", () => {
    const command = createBdev("a", { _tag: "Aio", filename: "/dev/sdb", blockSize: 0, readOnly: false })
    const found = withFound(command, { id: "1", blockCount: 7, blockSize: 4096 })
    const spec = { _tag: "Aio" as const, filename: "/dev/sdb", readOnly: false, ownBlockSize: true as const }
    assert.deepStrictEqual(findBdev(historyOf(startEpoch(), found).state, "a")?.spec, {
      ...spec,
      blockCount: 7,
      blockSize: 4096
    })
    assert.deepStrictEqual(findBdev(historyOf(startEpoch(), command).state, "a")?.spec, {
      ...spec,
      blockCount: 0,
      blockSize: 0
    })
    const chosen = withFound(create(), { id: "1", blockCount: 7, blockSize: 512 })
    assert.notProperty(findBdev(historyOf(startEpoch(), chosen).state, "a")?.spec, "ownBlockSize")
  })

  it("is made with whole blocks, and remembers that only where it is to be made again", () => {
    for (const createBytes of [0, -512, 1.5, 2 ** 53, Number.NaN]) {
      start.when(create({ createBytes })).refused("InvalidArgument", /cannot be made with .* size below 8 PiB/)
    }
    start.when(create({ createBytes: 1025 })).refused("InvalidArgument", /no whole blocks; .* multiple of 512/)
    const specOf = (changes: object) => findBdev(historyOf(startEpoch(), create(changes)).state, "a")?.spec
    assert.deepInclude(specOf({ createBytes: 1024 }), { createBytes: 1024 })
    const once = specOf({ createBytes: 1024, mustBeNew: true })
    assert.notProperty(once, "createBytes")
    assert.notProperty(once, "mustBeNew")
  })

  it("is deleted as what it was made as", () => {
    const del = (kind: "Aio" | "Uring"): Command => ({ _tag: "DeleteBdev", name: "a", kind })
    given(startEpoch(), create())
      .when(del("Uring"))
      .refused("NotFound", /is not of kind Uring but Aio/)
    given(startEpoch(), create({ uring: true }))
      .when(del("Aio"))
      .refused("NotFound", /is not of kind Aio but Uring/)
    given(startEpoch(), create({ uring: true }))
      .when(del("Uring"))
      .gives("BdevRemovalStarted", "BdevRemoved")
  })

  it("has the size that was found when it was opened", () => {
    const command = createBdev("a", { _tag: "Aio", filename: "/f", blockSize: 512, readOnly: true })
    const spec = { _tag: "Aio" as const, filename: "/f", blockSize: 512, readOnly: true }
    const { state } = historyOf(startEpoch(), withFound(command, { id: "1", blockCount: 7 }))
    assert.deepStrictEqual(findBdev(state, "a")?.spec, { ...spec, blockCount: 7 })
    assert.strictEqual(withFound(command, { id: "1" }), command)
    start.when(create({ blockCount: 0 })).refused("InvalidArgument", /at least one block/)
    start.when(create({ blockCount: 2 ** 50 })).refused("InvalidArgument", /less than 8 PiB/)
  })

  it("keeps its content over a restart", () => {
    assert.isFalse(findBdev(historyOf(startEpoch(), create(), startEpoch()).state, "a")?.contentLost)
  })
})

describe("a rescan", () => {
  const used = [...groundwork, create(), createTarget({ luns: [{ bdev: "a", lun: 0 }] })]

  it("takes a longer file, and the same one for no change", () => {
    const before = given(startEpoch(), create())
    before.when(rescan(200)).gives("BdevResized")
    before.when(rescan(100)).givesExactly()
  })

  it("takes a shorter file only while nobody uses it", () => {
    given(startEpoch(), create()).when(rescan(50)).gives("BdevResized")
    given(startEpoch(), create(), createBdev("d", delayOn("a")))
      .when(rescan(50))
      .refused("Busy", /has 50 blocks where it had 100; .* remove bdev d first/)
    given(...used)
      .when(rescan(50, 6))
      .refused("Busy", /remove LUN 0 of/)
    given(...used)
      .when(rescan(101, 6))
      .gives("BdevResized")
  })

  it("of an empty file removes the bdev and its LUNs", () => {
    given(startEpoch(), create()).when(rescan(0)).gives("BdevRemovalStarted", "BdevRemoved")
    const { state } = given(...used)
      .when(rescan(0, 6))
      .gives("BdevRemovalStarted", "LunRemovalStarted")
    assert.strictEqual(findBdev(state, "a")?.phase._tag, "Removing")
    given(...used, { _tag: "RemoveLun", target: disk1, lun: lunId(0) })
      .when(rescan(0, 6))
      .gives("BdevRemovalStarted")
  })

  it("is about the bdev that was looked at", () => {
    given(startEpoch(), create())
      .when(rescan(200, 3))
      .refused("NotFound", /no file/)
    given(startEpoch(), createBdev("a"))
      .when(rescan(200))
      .refused("NotFound", /no file/)
  })
})
