/** The rules for what of a bdev can change while it is there. */
import { assert, describe, it } from "vitest"
import { type BdevQos, noQos } from "../../src/domain/bdev/Bdev.ts"
import type { BdevLatencies, BdevRequest } from "../../src/domain/bdev/BdevSpec.ts"
import type { Command } from "../../src/domain/Command.ts"
import { findBdev, type State } from "../../src/domain/State.ts"
import { at, bdevName, createBdev, createTarget, delayOn, groundwork, startEpoch } from "./examples.ts"
import { given, historyOf } from "./specification.ts"

const nullDisk: BdevRequest = { _tag: "Null", blockCount: 8, blockSize: 512, physicalBlockSize: 0 }
const resize = (byteLength: number, name = "n"): Command => ({ _tag: "ResizeNullBdev", name, byteLength })
const resized = (blockCount: number, seq = 2, name = "n"): Command => ({
  _tag: "RecordBdevResized",
  name: bdevName(name),
  incarnation: at(seq),
  blockCount
})

const blockCountOf = (state: State, name: string): number | undefined => {
  const spec = findBdev(state, name)?.spec
  return spec !== undefined && "blockCount" in spec ? spec.blockCount : undefined
}

describe("a null bdev", () => {
  const before = given(startEpoch(), createBdev("n", nullDisk))

  it("grows, by whole blocks", () => {
    const event = { _tag: "BdevResized" as const, name: bdevName("n"), incarnation: at(2), blockCount: 16 }
    const { state } = before.when(resize(8192)).givesExactly(event)
    assert.strictEqual(blockCountOf(state, "n"), 16)
    before.when(resize(8192 + 511)).givesExactly(event)
  })

  it("that has the size already is not changed", () => {
    before.when(resize(4096)).givesExactly()
    before.when(resize(4096 + 1)).givesExactly()
  })

  it("does not shrink, and has a size that can be", () => {
    before.when(resize(3584)).refused("InvalidArgument", /has 4096 bytes and cannot shrink to 3584/)
    before.when(resize(2 ** 60)).refused("InvalidArgument", /less than 8 PiB/)
    before.when(resize(-4096)).refused("InvalidArgument", /cannot shrink/)
    before.when(resize(Number.NaN)).refused("InvalidArgument", /less than 8 PiB/)
  })

  it("is the only kind that a call resizes", () => {
    const others = given(startEpoch(), createBdev("m"), createBdev("d", delayOn("m")))
    others.when(resize(2 ** 30, "m")).refused("InvalidArgument", /not of kind Null but Malloc/)
    others.when(resize(2 ** 30, "d")).refused("InvalidArgument", /not of kind Null but Delay/)
    others.when(resize(2 ** 30, "x")).refused("NotFound", /does not exist/)
  })

  it("that is being removed is not found", () => {
    const busy = historyOf(...groundwork, createBdev("n", nullDisk), createTarget({ luns: [{ bdev: "n", lun: 0 }] }))
    assert.isDefined(findBdev(busy.state, "n"))
    given(...groundwork, createBdev("n", nullDisk), createTarget({ luns: [{ bdev: "n", lun: 0 }] }), {
      _tag: "DeleteBdev",
      name: "n"
    })
      .when(resize(8192))
      .refused("NotFound", /being removed/)
  })
})

describe("a delay bdev", () => {
  const before = given(startEpoch(), createBdev("m"), createBdev("d", delayOn("m")))
  const set = (latencies: Partial<BdevLatencies>, name = "d"): Command => ({
    _tag: "SetBdevLatencies",
    name,
    ...latencies
  })
  const now = { averageReadMicros: 10, p99ReadMicros: 20, averageWriteMicros: 10, p99WriteMicros: 20 }
  const gives = (given: Partial<BdevLatencies>, changes: Partial<BdevLatencies>) => {
    const latencies = { ...now, ...changes }
    const event = { _tag: "BdevLatenciesSet" as const, name: bdevName("d"), incarnation: at(3), latencies }
    const { state } = before.when(set(given)).givesExactly(event)
    assert.deepInclude(findBdev(state, "d")?.spec, latencies)
  }

  it("takes new latencies, and keeps those that are not named", () => {
    gives({ averageReadMicros: 15 }, { averageReadMicros: 15 })
    gives({ averageWriteMicros: 30, p99WriteMicros: 40 }, { averageWriteMicros: 30, p99WriteMicros: 40 })
    before.when(set({ averageReadMicros: 10 })).givesExactly()
    before.when(set({})).givesExactly()
  })

  it("keeps its p99 latencies at or above their averages, whichever is set first", () => {
    gives({ averageReadMicros: 30 }, { averageReadMicros: 30, p99ReadMicros: 30 })
    gives({ p99WriteMicros: 5 }, { averageWriteMicros: 5, p99WriteMicros: 5 })
    const up = [set({ averageReadMicros: 300 }), set({ p99ReadMicros: 400 })]
    for (const [first, second] of [up, up.toReversed()]) {
      if (first === undefined || second === undefined) continue
      const { state } = historyOf(startEpoch(), createBdev("m"), createBdev("d", delayOn("m")), first, second)
      assert.deepInclude(findBdev(state, "d")?.spec, { averageReadMicros: 300, p99ReadMicros: 400 })
    }
  })

  it("refuses what is no latency, a pair in the wrong order, and other bdevs", () => {
    before.when(set({ averageReadMicros: 9, p99ReadMicros: 8 })).refused("InvalidArgument", /below the average/)
    before.when(set({ averageReadMicros: -1 })).refused("InvalidArgument", /latency of -1 microseconds/)
    before.when(set({ p99ReadMicros: 4e9 })).refused("InvalidArgument", /use 0 to 3600000000/)
    before.when(set({}, "m")).refused("NotFound", /not of kind Delay but Malloc/)
    before.when(set({}, "x")).refused("NotFound", /does not exist/)
  })
})

describe("limits", () => {
  const before = given(startEpoch(), createBdev("n", nullDisk))
  const set = (limits: Partial<BdevQos>, name = "n"): Command => ({ _tag: "SetBdevQos", name, ...limits })
  const qosOf = (state: State) => findBdev(state, "n")?.qos

  it("are set, in IOs rounded up to thousands, and keep those that are not named", () => {
    const qos = { ...noQos, readWriteIops: 2000, readMiBPerSecond: 5 }
    const event = { _tag: "BdevQosSet" as const, name: bdevName("n"), incarnation: at(2), qos }
    const first = before.when(set({ readWriteIops: 1001, readMiBPerSecond: 5 })).givesExactly(event)
    assert.deepStrictEqual(qosOf(first.state), qos)
    const later = given(startEpoch(), createBdev("n", nullDisk), set({ readWriteIops: 1001, readMiBPerSecond: 5 }))
    later.when(set({ readWriteIops: 2000 })).givesExactly()
    const second = later.when(set({ writeMiBPerSecond: 7, readMiBPerSecond: 0 })).gives("BdevQosSet")
    assert.deepStrictEqual(qosOf(second.state), { ...noQos, readWriteIops: 2000, writeMiBPerSecond: 7 })
  })

  it("that are all taken away leave nothing", () => {
    before.when(set({ ...noQos })).givesExactly()
    const { state } = historyOf(startEpoch(), createBdev("n", nullDisk), set({ writeMiBPerSecond: 7 }), set(noQos))
    assert.notProperty(findBdev(state, "n"), "qos")
  })

  it("outlive a restart, and go with their bdev", () => {
    const limited = [startEpoch(), createBdev("n", nullDisk), set({ writeMiBPerSecond: 7 })]
    assert.strictEqual(qosOf(historyOf(...limited, startEpoch()).state)?.writeMiBPerSecond, 7)
    const again = historyOf(...limited, { _tag: "DeleteBdev", name: "n" }, createBdev("n", nullDisk))
    assert.isUndefined(qosOf(again.state))
  })

  it("refuse what is none, and name what there is", () => {
    before.when(set({})).refused("InvalidArgument", /is given no limit; name at least one/)
    before.when(set({ readWriteIops: 1.5 })).refused("InvalidArgument", /limit of 1.5 IOs per second/)
    before.when(set({ readWriteIops: 1e13 })).refused("InvalidArgument", /use 1 to 1000000000000/)
    before.when(set({ writeMiBPerSecond: -1 })).refused("InvalidArgument", /limit of -1 MiB per second/)
    before.when(set({ readMiBPerSecond: 2 ** 31 })).refused("InvalidArgument", /use 1 to 1073741824/)
    before.when(set({}, "x")).refused("NotFound", /does not exist/)
  })
})

describe("the fact of another size", () => {
  const before = given(startEpoch(), createBdev("n", nullDisk), createBdev("m"))

  it("is taken, larger or smaller", () => {
    const { state } = before.when(resized(3)).gives("BdevResized")
    assert.strictEqual(blockCountOf(state, "n"), 3)
    before.when(resized(99)).gives("BdevResized")
  })

  it("is nothing if it is stale, no news, no size, or of memory", () => {
    for (const fact of [resized(3, 1), resized(8), resized(0), resized(1.5), resized(2 ** 52), resized(5, 3, "m")]) {
      before.when(fact).givesExactly()
    }
    given(startEpoch(), createBdev("n", nullDisk), { _tag: "DeleteBdev", name: "n" }).when(resized(3)).givesExactly()
  })
})
