/**
 * Data of writes, against a model of one sentence: the disk has, block by block, what the initiator has sent of the
 * command's bytes, and nothing else has changed. Whatever the bursts, the segments, the chunks and the cut.
 */
import { assert, describe, it } from "vitest"
import type { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { DelayBdev } from "../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { reservedTag } from "../../../src/dataplane/iscsi/pdu/bhs.ts"
import { Opcode, type Pdu } from "../../support/initiator/pdu.ts"
import { makeRandom, type Random, runSeed } from "../../support/initiator/random.ts"
import type { KeyList } from "../../support/initiator/text-keys.ts"
import { addTarget, encodeWhole, loggedIn, ramDisk, statusOf, TestNode, type TestPeer, write10 } from "./fixture.ts"

interface Shape {
  readonly initialR2t: boolean
  readonly immediateData: boolean
  readonly firstBurst: number
  readonly maxBurst: number
  readonly maxR2t: number
  /** The initiator's own segments. */
  readonly segment: number
}

const keysOf = (shape: Shape): KeyList => [
  ["InitialR2T", shape.initialR2t ? "Yes" : "No"],
  ["ImmediateData", shape.immediateData ? "Yes" : "No"],
  ["MaxBurstLength", String(shape.maxBurst)],
  ["FirstBurstLength", String(shape.firstBurst)],
  ["MaxOutstandingR2T", String(shape.maxR2t)]
]

const randomShape = (random: Random): Shape => {
  const maxBurst = random.pick([512, 700, 1024, 4096, 65_536])
  return {
    initialR2t: random.chance(0.5),
    immediateData: random.chance(0.5),
    firstBurst: Math.min(maxBurst, random.pick([512, 1000, 4096, 65_536])),
    maxBurst,
    maxR2t: random.between(1, 8),
    segment: random.pick([93, 100, 511, 512, 513, 1536, 65_536])
  }
}

const diskBlocks = 64

const nodeWith = (slow: boolean, blockSize = 512): { node: TestNode; disk: MallocBdev } => {
  const node = new TestNode()
  const disk = ramDisk(diskBlocks, blockSize)
  const latencies = { averageReadMicros: 0, p99ReadMicros: 0, averageWriteMicros: 0, p99WriteMicros: 0 }
  // A wrapper shows no memory: data go to the task's buffer first.
  const over = { _tag: "Delay", base: { name: "Malloc0", incarnation: 1 }, ...latencies } as const
  addTarget(node, { 0: slow ? new DelayBdev(over, disk, () => 0.5) : disk })
  return { node, disk }
}

/** Sends a sequence of Data-Out in segments. */
const sequence = (tag: number, ttt: number, data: Buffer, from: number, to: number, segment: number) => {
  const pdus: Array<Buffer> = []
  for (let at = from, dataSn = 0; at < to; at += segment, dataSn++) {
    const end = Math.min(to, at + segment)
    const flags = end === to ? 0x80 : 0
    const header = { opcode: Opcode.dataOut, flags, initiatorTaskTag: tag, word20: ttt, word36: dataSn, word40: at }
    pdus.push(encodeWhole(header, data.subarray(at, end)))
  }
  return pdus
}

/** All that an initiator of this shape sends before it hears of the target. */
const opening = (peer: TestPeer, shape: Shape, tag: number, data: Buffer, blocks: number): Buffer => {
  const immediate = shape.immediateData ? Math.min(shape.firstBurst, shape.segment, data.length) : 0
  const unsolicited = shape.initialR2t ? immediate : Math.min(shape.firstBurst, data.length)
  const more = unsolicited > immediate
  const command = peer.commandBytes(more ? 0x21 : 0xa1, write10(4, blocks), data.length, data.subarray(0, immediate), {
    initiatorTaskTag: tag
  })
  const rest = more ? sequence(tag, reservedTag, data, immediate, unsolicited, shape.segment) : []
  return Buffer.concat([command, ...rest])
}

/** Answers R2Ts until the command ends. */
const serve = (peer: TestPeer, shape: Shape, tag: number, data: Buffer): Pdu => {
  let solicited = -1
  let open: ReadonlyArray<Pdu> = []
  for (;;) {
    const [...pdus] = [...open, ...peer.received()]
    const ends = pdus.filter((pdu) => pdu.opcode !== Opcode.readyToTransfer)
    const [end] = ends
    if (end !== undefined) return end
    assert.isAtMost(pdus.length, shape.maxR2t)
    const [r2t, ...rest] = pdus
    if (r2t === undefined) throw new Error("neither an R2T nor a status")
    assert.isAtMost(r2t.count, shape.maxBurst)
    assert.isAbove(r2t.bufferOffset, solicited)
    solicited = r2t.bufferOffset
    for (const bytes of sequence(
      tag,
      r2t.targetTransferTag,
      data,
      r2t.bufferOffset,
      r2t.bufferOffset + r2t.count,
      shape.segment
    )) {
      peer.bytes(bytes)
    }
    open = rest
  }
}

/** The disk after `sent` bytes of a write of `blocks` at block 4. */
const model = (before: Buffer, data: Buffer, sent: number, blocks: number, blockSize: number): Buffer => {
  const after = Buffer.from(before)
  const whole = Math.floor(Math.min(sent, blocks * blockSize) / blockSize) * blockSize
  data.copy(after, 4 * blockSize, 0, whole)
  return after
}

const contentOf = (disk: MallocBdev): Buffer => disk.memory ?? Buffer.alloc(0)

describe.each([
  ["straight into the disk", false],
  ["into a buffer first", true]
] as const)("a write, %s", (_name, slow) => {
  it("puts what was sent on the disk, whatever was negotiated and however it is cut", () => {
    const random = makeRandom(runSeed(6))
    for (let round = 0; round < 80; round++) {
      const shape = randomShape(random)
      const { disk, node } = nodeWith(slow)
      const peer = loggedIn(node, { keys: keysOf(shape) })
      const memory = contentOf(disk)
      random.bytes(memory.length).copy(memory)
      const before = Buffer.from(memory)
      const blocks = random.between(1, 20)
      const data = random.bytes(blocks * 512 + random.pick([0, 0, 0, -300, 700]))
      const tag = peer.nextTag()
      const bytes = opening(peer, shape, tag, data, blocks)
      for (let at = 0; at < bytes.length; ) {
        const size = random.between(1, 3000)
        peer.bytes(bytes.subarray(at, at + size))
        at += size
      }
      const end = serve(peer, shape, tag, data)
      assert.strictEqual(statusOf(end), "GOOD", JSON.stringify(shape))
      assert.strictEqual(end.flags & 0x06, data.length === blocks * 512 ? 0 : data.length > blocks * 512 ? 2 : 4)
      assert.strictEqual(end.count, Math.abs(data.length - blocks * 512))
      assert.isTrue(memory.equals(model(before, data, data.length, blocks, 512)), JSON.stringify(shape))
      assert.strictEqual(node.tasks.bufferBytes, 0)
      assert.strictEqual(peer.connection.session?.commandsInFlight, 0)
    }
  })
})

describe("a write that is cut off", () => {
  it("leaves whole blocks in order, at every byte", () => {
    const shape = { initialR2t: false, immediateData: true, firstBurst: 4096, maxBurst: 4096, maxR2t: 1, segment: 300 }
    const data = makeRandom(7).bytes(2 * 512)
    const { disk, node } = nodeWith(false)
    const memory = contentOf(disk)
    let reached = 0
    let length = 1
    for (let cut = 0; cut <= length; cut++) {
      memory.fill(0x77)
      const before = Buffer.from(memory)
      const peer = loggedIn(node, { keys: keysOf(shape) })
      const bytes = opening(peer, shape, 1, data, 2)
      length = bytes.length
      if (cut > 0) peer.bytes(bytes.subarray(0, cut))
      peer.connection.close("cut")
      const wholes = [0, 1, 2].filter((blocks) => memory.equals(model(before, data, blocks * 512, 2, 512)))
      assert.lengthOf(wholes, 1, `cut at ${cut}`)
      assert.isAtLeast(wholes[0] ?? 0, reached)
      reached = wholes[0] ?? 0
    }
    assert.strictEqual(reached, 2)
    assert.strictEqual(node.sessions.size, 0)
  })

  it("leaves 4096-byte blocks whole, too", () => {
    const random = makeRandom(runSeed(8))
    const shape = {
      initialR2t: true,
      immediateData: true,
      firstBurst: 65_536,
      maxBurst: 65_536,
      maxR2t: 1,
      segment: 65_536
    }
    const data = random.bytes(4 * 4096)
    const { disk, node } = nodeWith(false, 4096)
    const memory = contentOf(disk)
    for (let round = 0; round < 200; round++) {
      memory.fill(0x77)
      const before = Buffer.from(memory)
      const peer = loggedIn(node, { keys: keysOf(shape) })
      const bytes = opening(peer, shape, 1, data, 4)
      const cut = random.between(48, bytes.length)
      for (let at = 0; at < cut; ) {
        const size = random.between(1, 5000)
        peer.bytes(bytes.subarray(at, Math.min(cut, at + size)))
        at += size
      }
      peer.connection.close("cut")
      const sent = cut - 48
      assert.isTrue(memory.equals(model(before, data, sent, 4, 4096)), `cut at ${cut}`)
    }
  })
})

describe("Data-Out that is not due", () => {
  const shape = { initialR2t: false, immediateData: true, firstBurst: 2048, maxBurst: 2048, maxR2t: 1, segment: 512 }
  const data = Buffer.alloc(4096, 0x33)

  /** A write of 8 blocks with a block of immediate data and more to come; then `next`. */
  const afterBeginning = (next: (peer: TestPeer, tag: number) => void) => {
    const { disk, node } = nodeWith(false)
    const peer = loggedIn(node, { keys: keysOf(shape) })
    const tag = peer.command(0x21, write10(4, 8), data.length, data.subarray(0, 512))
    assert.lengthOf(peer.received(), 0)
    next(peer, tag)
    return { disk, node, peer, tag }
  }

  const broken: ReadonlyArray<readonly [string, string, (peer: TestPeer, tag: number) => void]> = [
    ["at a wrong offset", "b/47/05", (peer, tag) => peer.dataOut(tag, data.subarray(0, 512), 1024)],
    ["at an offset that came already", "b/47/05", (peer, tag) => peer.dataOut(tag, data.subarray(0, 512), 0)],
    ["with a wrong DataSN", "b/47/05", (peer, tag) => peer.dataOut(tag, data.subarray(0, 512), 512, { word36: 1 })],
    ["beyond the first burst", "b/0c/0c", (peer, tag) => peer.dataOut(tag, data.subarray(0, 2048), 512)],
    ["before the end of the first burst", "b/0c/0d", (peer, tag) => peer.dataOut(tag, data.subarray(0, 512), 512)],
    ["for no R2T", "b/47/05", (peer, tag) => peer.dataOut(tag, data.subarray(0, 512), 512, { word20: 0 })]
  ]
  it.each(broken)("%s ends the command with %s", (_name, status, next) => {
    const { disk, node, peer, tag } = afterBeginning(next)
    assert.strictEqual(statusOf(peer.one()), status)
    // The rest of it is dropped without a word, and the connection goes on.
    peer.dataOut(tag, data.subarray(0, 512), 512)
    assert.deepStrictEqual(peer.received(), [])
    peer.command(0x81, Buffer.alloc(6), 0)
    assert.strictEqual(statusOf(peer.one()), "GOOD")
    assert.isTrue(
      contentOf(disk)
        .subarray(6 * 512)
        .every((byte) => byte === 0)
    )
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })

  it("ends an R2T's sequence early: the command ends too", () => {
    const { peer, tag } = afterBeginning((at, own) => at.dataOut(own, data.subarray(0, 1536), 512))
    const r2t = peer.one()
    assert.deepStrictEqual([r2t.bufferOffset, r2t.count], [2048, 2048])
    peer.dataOut(tag, data.subarray(0, 512), 2048, { word20: r2t.targetTransferTag })
    assert.strictEqual(statusOf(peer.one()), "b/0c/0d")
  })

  it("of a task that does not exist is dropped", () => {
    const { peer } = afterBeginning(() => {})
    peer.dataOut(0x7777, data, 0)
    assert.deepStrictEqual(peer.received(), [])
    assert.strictEqual(peer.connection.state, "full-feature")
  })

  it("unsolicited data where none was agreed on is refused with the command", () => {
    const cases: ReadonlyArray<readonly [Shape, number, number]> = [
      [{ ...shape, immediateData: false }, 0xa1, 512],
      [{ ...shape, initialR2t: true }, 0x21, 0],
      [{ ...shape, firstBurst: 512 }, 0xa1, 1024]
    ]
    for (const [agreed, flags, immediate] of cases) {
      const { disk, node } = nodeWith(false)
      const peer = loggedIn(node, { keys: keysOf(agreed) })
      peer.command(flags, write10(4, 8), data.length, data.subarray(0, immediate))
      assert.strictEqual(statusOf(peer.one()), "b/0c/0c")
      assert.isTrue(contentOf(disk).every((byte) => byte === 0))
    }
  })
})

describe("R2Ts", () => {
  it("are as many as agreed on, numbered per command, with tags that are not soon used again", () => {
    const shape = { initialR2t: true, immediateData: false, firstBurst: 512, maxBurst: 1024, maxR2t: 3, segment: 1024 }
    const { node } = nodeWith(false)
    const peer = loggedIn(node, { keys: keysOf(shape) })
    const data = Buffer.alloc(8192, 1)
    const tags = new Set<number>()
    for (let round = 0; round < 3; round++) {
      const tag = peer.command(0xa1, write10(0, 16), data.length)
      const r2ts = [...peer.received()]
      assert.lengthOf(r2ts, 3)
      for (let served = 0; served < 8; served++) {
        const r2t = r2ts[served]
        assert(r2t !== undefined)
        tags.add(r2t.targetTransferTag)
        assert.strictEqual(r2t.dataSn, served)
        assert.deepStrictEqual([r2t.bufferOffset, r2t.count], [served * 1024, 1024])
        assert.strictEqual(r2t.statSn, peer.connection.statSn)
        const end = r2t.bufferOffset + r2t.count
        for (const bytes of sequence(tag, r2t.targetTransferTag, data, r2t.bufferOffset, end, 1024)) peer.bytes(bytes)
        r2ts.push(...peer.received())
      }
      assert.strictEqual(statusOf(r2ts[8] ?? peer.one()), "GOOD")
    }
    assert.strictEqual(tags.size, 24)
    assert.isFalse(tags.has(reservedTag))
  })

  it("name the LUN in the form that the command had", () => {
    const node = new TestNode()
    addTarget(node, { 300: ramDisk() })
    const peer = loggedIn(node, { keys: [["InitialR2T", "Yes"]] }, [])
    const lun = 0x412c_0000_0000_0000n
    peer.command(0x81, Buffer.alloc(6), 0, undefined, { lun })
    peer.received()
    peer.command(0xa1, write10(0, 1), 512, undefined, { lun })
    assert.strictEqual(peer.one().lun, lun)
  })
})
