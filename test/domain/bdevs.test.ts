/** The rules of bdevs and of their removal, and what the start of an epoch does. */
import { assert, describe, it } from "vitest"
import type { BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import type { Command, CommandOf } from "../../src/domain/Command.ts"
import { Uuid } from "../../src/domain/ids.ts"
import { activeBdevsOf, bdevsOf, findBdev, findTarget, lunsOf, targetsOf } from "../../src/domain/State.ts"
import { sha1, uuidV5 } from "../../src/domain/uuid-v5.ts"
import {
  at,
  bdevName,
  createBdev,
  createTarget,
  delayOn,
  disk1,
  disk2,
  drained,
  groundwork,
  guide,
  instanceId,
  lunId,
  malloc,
  sessionsClosed,
  startEpoch
} from "./examples.ts"
import { fold, followedBy, given, historyOf, nothingYet } from "./specification.ts"

const uuid = "6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11"
const deleteBdev = (name: string): Command => ({ _tag: "DeleteBdev", name })
const errorOn = (base: string): BdevRequest => ({ _tag: "Error", base })

describe("a bdev", () => {
  it("without a name is Malloc and the next number, past names that are taken", () => {
    const { state } = historyOf(startEpoch(), createBdev("Malloc1"), createBdev(), createBdev(), deleteBdev("Malloc0"))
    assert.deepEqual<ReadonlyArray<string>>(
      bdevsOf(state).map(({ name }) => name),
      ["Malloc1", "Malloc2"]
    )
    given(startEpoch(), createBdev(), deleteBdev("Malloc0")).when(createBdev()).gives("BdevCreated")
    const again = historyOf(startEpoch(), createBdev(), deleteBdev("Malloc0"), createBdev())
    assert.notStrictEqual(findBdev(again.state, "Malloc1"), undefined)
  })

  it("without a UUID has one of the instance and the name, so that a restart keeps it", () => {
    const first = findBdev(historyOf(startEpoch(), createBdev("a")).state, "a")
    const second = findBdev(historyOf(startEpoch("empty"), createBdev("b"), createBdev("a")).state, "a")
    assert.strictEqual(first?.uuid, uuidV5(instanceId, "a"))
    assert.strictEqual(first?.uuid, second?.uuid)
    assert.strictEqual(first?.uuidExplicit, false)
  })

  it("with a UUID is found by it in any case, and shares it with nobody", () => {
    const named: Command = { _tag: "CreateBdev", name: "a", uuid: uuid.toUpperCase(), bdev: malloc }
    const before = given(startEpoch(), named)
    before.when({ ...named, name: "b" }).refused("AlreadyExists", /that of bdev a/)
    before.when(createBdev(uuid)).refused("AlreadyExists", /exists/)
    before.when(deleteBdev(uuid.toUpperCase())).gives("BdevRemovalStarted", "BdevRemoved")
    given(startEpoch())
      .when({ ...named, uuid: "none" })
      .refused("InvalidArgument", /UUID "none"/)
  })

  it("without a UUID waits for the first epoch", () => {
    given()
      .when(createBdev("a"))
      .refused("WrongState", /start an epoch/)
  })

  it.each(["", "a b", "a:b", "a\u0000", "x".repeat(256)])("cannot be named %j", (name) => {
    given(startEpoch())
      .when(createBdev(name))
      .refused("InvalidArgument", /printable/)
  })

  it.each([
    [{ blockSize: 0 }, /block size of 0/],
    [{ blockSize: 513 }, /multiple of 512/],
    [{ blockSize: 2 * 1024 * 1024 }, /multiple of 512 up to/],
    [{ physicalBlockSize: 100 }, /physical block size of 100/],
    [{ blockCount: 0 }, /0 blocks/],
    [{ blockCount: 1.5 }, /1.5 blocks/],
    [{ blockCount: 2 ** 50 }, /8 PiB/],
    [{ optimalIoBoundary: -1 }, /optimal IO boundary/]
  ])("of the size %j is refused", (changes, message) => {
    given(startEpoch())
      .when(createBdev("a", { ...malloc, ...changes }))
      .refused("InvalidArgument", message)
  })

  it("has its block size as physical block size if none is given", () => {
    const { state } = historyOf(startEpoch(), createBdev("a", { ...malloc, blockSize: 4096 }))
    assert.deepEqual(findBdev(state, "a")?.spec, {
      _tag: "Malloc",
      blockCount: 131072,
      blockSize: 4096,
      physicalBlockSize: 4096,
      optimalIoBoundary: 0
    })
  })

  it("that delays has each p99 at or above its average", () => {
    const before = given(startEpoch(), createBdev("a"))
    const delay = { ...delayOn("a"), averageReadMicros: 21 }
    before.when(createBdev("d", delay)).refused("InvalidArgument", /p99 latency below the average/)
    before.when(createBdev("d", { ...delay, p99ReadMicros: 21 })).gives("BdevCreated")
    before.when(createBdev("d", { ...delay, p99ReadMicros: -1 })).refused("InvalidArgument", /latency of -1/)
  })

  it("that is stacked needs its base", () => {
    given(startEpoch())
      .when(createBdev("d", delayOn("a")))
      .refused("NotFound", /bdev "a" does not exist/)
  })

  it("that injects errors is called after its base", () => {
    const before = given(startEpoch(), createBdev("a"))
    before.when(createBdev(undefined, errorOn("a"))).gives("BdevCreated")
    before.when(createBdev("EE_a", errorOn("a"))).gives("BdevCreated")
    before.when(createBdev("b", errorOn("a"))).refused("InvalidArgument", /cannot have the name "b"/)
  })

  it("is stacked at most 8 high", () => {
    const stack = Array.from({ length: 8 }, (_, n) => createBdev(`d${n + 1}`, delayOn(`d${n}`)))
    given(startEpoch(), createBdev("d0"), ...stack)
      .when(createBdev("d9", delayOn("d8")))
      .refused("LimitExceeded", /at most 8/)
    given(startEpoch(), createBdev("d0"), ...stack.slice(1).map((_, n) => createBdev(`d${n + 1}`, delayOn(`d${n}`))))
      .when(createBdev("d8", delayOn("d7")))
      .gives("BdevCreated")
  })

  it("takes injected errors only if it is made for them", () => {
    const injection = {
      ioType: "read",
      errorType: "corrupt_data",
      count: 1,
      queueDepth: 0,
      corruptOffset: 0,
      corruptValue: 7
    } as const
    const before = given(startEpoch(), createBdev("a"), createBdev(undefined, errorOn("a")))
    before.when({ _tag: "InjectBdevError", name: "a", injection }).refused("NotFound", /not an error bdev/)
    before.when({ _tag: "InjectBdevError", name: "EE_a", injection }).gives("BdevErrorInjected")
    before
      .when({ _tag: "InjectBdevError", name: "EE_a", injection: { ...injection, corruptValue: 0 } })
      .refused("InvalidArgument", /use 1 to 255/)
    before
      .when({ _tag: "InjectBdevError", name: "EE_a", injection: { ...injection, corruptValue: 256 } })
      .refused("InvalidArgument", /use 1 to 255/)
  })
})

describe("a bdev that is deleted", () => {
  it("is gone at once if nobody uses it", () => {
    given(startEpoch(), createBdev("a"))
      .when(deleteBdev("a"))
      .givesExactly(
        { _tag: "BdevRemovalStarted", name: bdevName("a"), incarnation: at(2), cause: "requested" },
        { _tag: "BdevRemoved", name: bdevName("a"), incarnation: at(2) }
      )
  })

  it("is refused under another kind", () => {
    const before = given(startEpoch(), createBdev("a"))
    before.when({ _tag: "DeleteBdev", name: "a", kind: "Null" }).refused("NotFound", /not of kind Null but Malloc/)
    before.when({ _tag: "DeleteBdev", name: "a", kind: "Malloc" }).gives("BdevRemovalStarted", "BdevRemoved")
  })

  const shared = [
    ...groundwork,
    createBdev("d", delayOn("Malloc0")),
    createBdev("top", delayOn("d")),
    createTarget(),
    createTarget({ name: "disk2", luns: [{ bdev: "top", lun: 0 }] })
  ]

  it("takes its stack and all their LUNs along, in one batch", () => {
    given(...shared)
      .when(deleteBdev("Malloc0"))
      .givesExactly(
        { _tag: "BdevRemovalStarted", name: bdevName("Malloc0"), incarnation: at(4), cause: "requested" },
        { _tag: "BdevRemovalStarted", name: bdevName("d"), incarnation: at(6), cause: "base-removed" },
        { _tag: "BdevRemovalStarted", name: bdevName("top"), incarnation: at(7), cause: "base-removed" },
        { _tag: "LunRemovalStarted", target: disk1, lun: lunId(0), incarnation: at(10), cause: "bdev-deleted" },
        { _tag: "LunRemovalStarted", target: disk2, lun: lunId(0), incarnation: at(14), cause: "bdev-deleted" }
      )
  })

  it("goes from the top of the stack down, each when its last user is gone", () => {
    const removing = [...shared, deleteBdev("Malloc0")]
    given(...removing)
      .when(drained(0, 14, disk2))
      .gives("LunRemoved", "BdevRemoved", "BdevRemoved")
    given(...removing)
      .when(drained(0, 10))
      .gives("LunRemoved")
    const { state } = given(...removing, drained(0, 10))
      .when(drained(0, 14, disk2))
      .gives("LunRemoved", "BdevRemoved", "BdevRemoved", "BdevRemoved")
    assert.deepEqual<ReadonlyArray<string>>(
      bdevsOf(state).map(({ name }) => name),
      ["Malloc1"]
    )
  })

  it("keeps its name and UUID meanwhile, but cannot be addressed", () => {
    const removing = given(...guide, deleteBdev("Malloc0"))
    assert.deepEqual<ReadonlyArray<string>>(
      activeBdevsOf(removing.history.state).map(({ name }) => name),
      ["Malloc1"]
    )
    removing.when(createBdev("Malloc0")).refused("Busy", /still being removed; wait for LUN 0 of iqn/)
    removing.when(deleteBdev("Malloc0")).refused("NotFound", /is being removed/)
    removing.when({ _tag: "AddLun", target: disk1, bdev: "Malloc0" }).refused("NotFound", /is being removed/)
    removing.when(createBdev("d", delayOn("Malloc0"))).refused("NotFound", /is being removed/)
  })

  it("joins LUNs that drain already", () => {
    given(...guide, { _tag: "RemoveLun", target: disk1, lun: 0 })
      .when(deleteBdev("Malloc0"))
      .gives("BdevRemovalStarted")
  })

  it("by its device is recorded as vanished, once and of the right incarnation", () => {
    const vanished = (seq: number): CommandOf<"RecordBdevVanished"> => ({
      _tag: "RecordBdevVanished",
      name: bdevName("Malloc0"),
      incarnation: at(seq)
    })
    given(...guide)
      .when(vanished(4))
      .givesExactly(
        { _tag: "BdevRemovalStarted", name: bdevName("Malloc0"), incarnation: at(4), cause: "vanished" },
        { _tag: "LunRemovalStarted", target: disk1, lun: lunId(0), incarnation: at(8), cause: "bdev-vanished" }
      )
    const detail = "/dev/loop3 is gone"
    given(...guide)
      .when({ ...vanished(4), detail })
      .givesExactly(
        { _tag: "BdevRemovalStarted", name: bdevName("Malloc0"), incarnation: at(4), cause: "vanished", detail },
        { _tag: "LunRemovalStarted", target: disk1, lun: lunId(0), incarnation: at(8), cause: "bdev-vanished" }
      )
    given(...guide)
      .when(vanished(3))
      .givesExactly()
    given(...guide, vanished(4))
      .when(vanished(4))
      .givesExactly()
  })

  it("ends together with a target that is being deleted", () => {
    const both: ReadonlyArray<Command> = [
      ...guide,
      { _tag: "DeleteTargetNode", target: disk1 },
      deleteBdev("Malloc0"),
      sessionsClosed(6),
      drained(1, 9)
    ]
    given(...both)
      .when(drained(0, 8))
      .gives("LunRemoved", "BdevRemoved", "TargetNodeDeleted")
  })
})

describe("an epoch", () => {
  it("that starts empty keeps nothing but its number", () => {
    const { state } = historyOf(...guide, startEpoch("empty"))
    assert.deepEqual(bdevsOf(state), [])
    assert.deepEqual(targetsOf(state), [])
    assert.strictEqual(state.epoch?.number, 2)
    assert.strictEqual(state.nextMallocNumber, 0)
    given(...guide, startEpoch("empty"))
      .when(groundwork[1] ?? startEpoch())
      .gives("PortalGroupCreated")
  })

  it("that resumes ends what was in the middle, in the same batch", () => {
    const interrupted: ReadonlyArray<Command> = [
      ...guide,
      createTarget({ name: "disk2" }),
      deleteBdev("Malloc0"),
      { _tag: "DeleteTargetNode", target: disk2 }
    ]
    const { state } = given(...interrupted)
      .when(startEpoch())
      .gives("EpochStarted", "LunRemoved", "LunRemoved", "BdevRemoved", "LunRemoved", "TargetNodeDeleted")
    const target = findTarget(state, disk1)
    assert.deepEqual(target === undefined ? [] : lunsOf(target).map(({ lun }) => Number(lun)), [1])
    assert.strictEqual(findTarget(state, disk2), undefined)
    assert.strictEqual(findBdev(state, "Malloc0"), undefined)
  })

  it("that resumes ends removals of which not every event is there", () => {
    const before = [
      ...guide,
      createBdev("base"),
      createBdev("EE_base", errorOn("base")),
      { _tag: "AddLun", target: disk1, bdev: "EE_base", lun: 5 }
    ] satisfies ReadonlyArray<Command>
    const whole = historyOf(...before, deleteBdev("base")).events
    const begun = historyOf(...before).events.length
    assert.isAbove(whole.length, begun + 2)
    const bdevs = bdevsOf(historyOf(...guide).state).map(({ name }) => [name, "Active"])
    for (let cut = begun + 1; cut <= whole.length; cut++) {
      const { state } = followedBy(fold(nothingYet, whole.slice(0, cut)), startEpoch())
      const left = bdevsOf(state).map(({ name, phase }) => [name, phase._tag])
      assert.deepEqual(left, bdevs, `after event ${cut} of ${whole.length}`)
      assert.isFalse(targetsOf(state).some((target) => lunsOf(target).some(({ bdev }) => bdev.name === "EE_base")))
    }
  })

  it("that resumes tells that memory has lost its content", () => {
    const { state } = historyOf(startEpoch(), createBdev("a"), startEpoch(), createBdev("b"))
    assert.strictEqual(findBdev(state, "a")?.contentLost, true)
    assert.strictEqual(findBdev(state, "b")?.contentLost, false)
  })
})

describe("UUIDs from names", () => {
  it("are those of RFC 9562", () => {
    const dns = Uuid.make("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
    assert.strictEqual<string>(uuidV5(dns, "www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2")
    assert.strictEqual<string>(uuidV5(dns, "python.org"), "886313e1-3b8a-5372-9b90-0c9aee199e5d")
  })

  it("rest on SHA-1, also where the padding needs a block of its own", () => {
    const digest = (text: string) => sha1(new TextEncoder().encode(text))
    assert.strictEqual(digest("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d")
    assert.strictEqual(
      digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
      "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
    )
    assert.strictEqual(digest(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709")
  })
})
