/** What commands leave in the counters of their disk, their LUN and their session, by a clock that is moved by hand. */
import { assert, beforeEach, describe, it } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import type { Target } from "../../../src/dataplane/iscsi/Target.ts"
import {
  addTarget,
  hangingDisk,
  loggedIn,
  ramDisk,
  read10,
  TestNode,
  type TestPeer,
  targetSpec,
  turn,
  write10
} from "./fixture.ts"

const lun1 = { lun: 1n << 48n }
const data = Buffer.alloc(4096, 7)
let node: TestNode
let slow: ErrorBdev
let target: Target
let peer: TestPeer

beforeEach(() => {
  node = new TestNode()
  slow = hangingDisk()
  target = addTarget(node, { 0: ramDisk(), 1: slow })
  peer = loggedIn(node, {}, [0, 1])
})

const mappingOf = (lun: number) => {
  const mapping = target.luns[lun]
  assert(mapping !== undefined)
  return mapping
}

/** The counters of the disk, which those of the LUN and of the session must agree with. */
const report = (lun: number) => {
  const mapping = mappingOf(lun)
  const counted = mapping.unit.statistics.report()
  const { errors, read, write } = mapping.counts.report()
  const { latencyMaxNanos: _most, latencyMinNanos: _least, ...reads } = counted.read
  assert.deepStrictEqual(read, reads)
  assert.deepInclude(write, { ops: counted.write.ops, bytes: counted.write.bytes })
  assert.strictEqual(errors, counted.errors.failed)
  assert.deepStrictEqual(peer.connection.commands?.counts.report(), mapping.counts.report())
  return counted
}

describe("the IO of a RAM disk", () => {
  it("is counted with the bytes that the command asks for", () => {
    peer.command(0xc1, read10(0, 8), 4096)
    peer.command(0xa1, write10(8, 8), 4096, data)
    peer.command(0x81, Buffer.from([0x12, 0, 0, 0, 36, 0]), 0)
    const { read, write } = report(0)
    assert.deepInclude(read, { ops: 1, bytes: 4096 })
    assert.deepInclude(write, { ops: 1, bytes: 4096 })
    assert.strictEqual(mappingOf(0).unit.statistics.inFlight, 0)
    assert.strictEqual(peer.connection.commands?.commandCount, 5)
  })

  it("takes as long as its part of the chunk that it came in", () => {
    // Every reading of the clock is a millisecond later: one at the start of a chunk, one at the end of each IO.
    node.now = () => ++node.clock
    peer.bytes(Buffer.concat([0, 8, 16].map((lba) => peer.commandBytes(0xc1, read10(lba, 8), 4096))))
    assert.deepStrictEqual(report(0).read, {
      ops: 3,
      bytes: 3 * 4096,
      latencyNanos: 3_000_000,
      latencyMaxNanos: 1_000_000,
      latencyMinNanos: 1_000_000
    })
  })
})

describe("the IO of another disk", () => {
  it("takes from its submission until the disk's answer", async () => {
    peer.command(0xc1, read10(0, 8), 4096, undefined, lun1)
    node.clock += 30
    peer.command(0xa1, write10(0, 8), 4096, data, lun1)
    assert.strictEqual(mappingOf(1).unit.statistics.inFlight, 2)
    node.clock += 12
    slow.resumePending()
    await turn()
    const { read, write } = report(1)
    assert.deepInclude(read, { ops: 1, bytes: 4096, latencyNanos: 42_000_000 })
    assert.deepInclude(write, { ops: 1, bytes: 4096, latencyNanos: 12_000_000 })
    assert.strictEqual(mappingOf(1).unit.statistics.inFlight, 0)
  })

  it("counts as an error if it fails, and as nothing else", async () => {
    const fault = { errorType: "failure", count: 1, queueDepth: 0, corruptOffset: 0, corruptValue: 0 } as const
    slow.inject({ ...fault, ioType: "clear" })
    slow.inject({ ...fault, ioType: "read" })
    peer.command(0xc1, read10(0, 8), 4096, undefined, lun1)
    await turn()
    const { errors, read } = report(1)
    assert.deepStrictEqual([errors, read.ops], [{ failed: 1, aborted: 0, noMemory: 0 }, 0])
  })

  it("counts for the disk and not for a session that has gone", async () => {
    peer.command(0xa1, write10(0, 8), 4096, data, lun1)
    const { commands } = peer.connection
    peer.connection.close("cut")
    assert.strictEqual(mappingOf(1).unit.statistics.inFlight, 1)
    slow.resumePending()
    await turn()
    assert.strictEqual(mappingOf(1).unit.statistics.report().write.ops, 1)
    assert.strictEqual(mappingOf(1).unit.statistics.inFlight, 0)
    assert.strictEqual(commands?.counts.report().write.ops, 0)
  })
})

describe("a target's histogram", () => {
  const countsAround = (millis: number) => target.histogram?.countsBetween([millis * 0.98e6, millis * 1.02e6])

  it("has every command from its first byte to its status", async () => {
    assert.isUndefined(target.histogram)
    target.update(targetSpec({ keepsHistogram: true }))
    peer.command(0xc1, read10(0, 8), 4096, undefined, lun1)
    node.clock += 64
    slow.resumePending()
    await turn()
    assert.deepStrictEqual(countsAround(64), [0, 1, 0])
    peer.command(0x81, Buffer.alloc(6), 0)
    assert.deepStrictEqual(countsAround(64), [1, 1, 0])
  })

  it("has the time in which a write waits for its data", () => {
    target.update(targetSpec({ keepsHistogram: true }))
    const tag = peer.command(0xa1, write10(0, 8), 4096)
    const { targetTransferTag } = peer.received().at(-1) ?? { targetTransferTag: 0 }
    node.clock += 20
    peer.dataOut(tag, data, 0, { word20: targetTransferTag, flags: 0x80 })
    assert.deepStrictEqual(countsAround(20), [0, 1, 0])
  })

  it("stays through other changes of the target, and goes when it is not wanted", () => {
    target.update(targetSpec({ keepsHistogram: true }))
    const { histogram } = target
    target.update(targetSpec({ keepsHistogram: true, alias: "other" }))
    assert.strictEqual(target.histogram, histogram)
    target.update(targetSpec())
    assert.isUndefined(target.histogram)
  })
})
