/** A turn of the event loop is shared: who needs much of it waits for a later one, who needs little never does. */
import { assert, beforeEach, describe, it } from "vitest"
import { Turns } from "../../../src/dataplane/iscsi/Turns.ts"
import {
  lightWorkBytes,
  loneTurnWorkBytes,
  pduWorkBytes,
  receiveBufferBytes,
  sharedTurns,
  turnWorkBytes
} from "../../../src/dataplane/limits.ts"
import { Opcode, type Pdu, reservedTag } from "../../support/initiator/pdu.ts"
import {
  addTarget,
  blockBytes,
  encodeWhole,
  hangingDisk,
  loggedIn,
  ramDisk,
  read10,
  statusOf,
  TestNode,
  type TestPeer,
  turn,
  write10
} from "./fixture.ts"

const smallBlocks = 8
const smallBytes = smallBlocks * blockBytes
const manyReads = 200
const testUnitReady = Buffer.alloc(6)
let node: TestNode
let flood: TestPeer
let other: TestPeer

beforeEach(() => {
  node = new TestNode({ maxSessions: 64 })
  addTarget(node, { 0: ramDisk(16_384) }, { queueDepth: 4 * manyReads })
  flood = loggedIn(node, { isid: "800000000001" })
  other = loggedIn(node, { isid: "800000000002" })
})

const reads = (peer: TestPeer, count: number): ReadonlyArray<Buffer> =>
  Array.from({ length: count }, (_, index) =>
    peer.commandBytes(0xc1, read10(index, smallBlocks), smallBytes, undefined, { initiatorTaskTag: index })
  )
const tagsOf = (pdus: ReadonlyArray<Pdu>): ReadonlyArray<number> => pdus.map((pdu) => pdu.initiatorTaskTag)
const isAnswered = (peer: TestPeer): boolean => {
  peer.command(0x81, testUnitReady, 0)
  return statusOf(peer.one()) === "GOOD"
}

describe("a connection that sends many commands at once", () => {
  const perTurn = Math.ceil(turnWorkBytes / (pduWorkBytes + smallBytes)) + 1

  it("has a share of them answered, in each turn, in order, each once, while others are answered at once", async () => {
    flood.bytes(Buffer.concat(reads(flood, manyReads)))
    const answered: Array<number> = []
    let turns = 0
    for (; answered.length < manyReads && turns < manyReads; turns++) {
      const tags = tagsOf(flood.received())
      assert.isAtMost(tags.length, perTurn)
      answered.push(...tags)
      assert.isTrue(isAnswered(other))
      await turn()
    }
    assert.deepStrictEqual(answered, [...Array(manyReads).keys()])
    assert.isAtMost(turns, Math.ceil(manyReads / (perTurn - 2)))
    assert.isFalse(flood.socket.isPaused())
    assert.isTrue(isAnswered(flood))
  })

  it("is not read while it waits, so that nothing more is kept than one chunk", async () => {
    const [first, ...rest] = [reads(flood, manyReads), reads(flood, 1)].map((each) => Buffer.concat(each))
    flood.bytes(first ?? Buffer.alloc(0))
    assert.isTrue(flood.socket.isPaused())
    // What the kernel had handed over already comes behind the rest.
    for (const late of rest) flood.bytes(late)
    const answered: Array<number> = []
    for (let turns = 0; turns < 20; turns++) {
      answered.push(...tagsOf(flood.received()))
      await turn()
    }
    assert.deepStrictEqual(answered, [...Array(manyReads).keys(), 0])
  })

  it("that ends while it waits is forgotten", async () => {
    flood.bytes(Buffer.concat(reads(flood, manyReads)))
    const before = flood.received().length
    flood.connection.close("test")
    for (let turns = 0; turns < 5; turns++) await turn()
    assert.lengthOf(flood.received(), 0)
    assert.isBelow(before, manyReads)
    assert.strictEqual(node.turns.waiting, 0)
    assert.notInclude(node.told.join(), "error")
  })

  it("asks for the answers to pings, too, in shares", async () => {
    const ping = { opcode: Opcode.nopOut, immediate: true, word20: reservedTag, cmdSn: flood.cmdSn }
    const pings = Array.from({ length: manyReads }, (_, tag) => encodeWhole({ ...ping, initiatorTaskTag: tag }))
    flood.bytes(Buffer.concat(pings))
    assert.isAtMost(flood.received().length, turnWorkBytes / pduWorkBytes + 1)
    let answers = 0
    for (let turns = 0; turns < 10; turns++) {
      await turn()
      answers += flood.received().length
    }
    assert.isAbove(answers, manyReads / 2)
  })
})

describe("connections that send as much as can be received", () => {
  const floods = 24

  it("share the turns, one after the other, and who sends little is read in each", async () => {
    const peers = Array.from({ length: floods }, (_, index) => loggedIn(node, { isid: `8000000001${index + 10}` }))
    // Sockets that always have more: one is read whenever it may be.
    const read = peers.map(() => 0)
    const feed = (): number => {
      let bytes = 0
      peers.forEach((peer, index) => {
        if (peer.socket.isPaused()) return
        const data = Buffer.alloc(receiveBufferBytes / 4 - 48, index)
        const commands = Array.from({ length: 4 }, () =>
          peer.commandBytes(0xa1, write10(0, 1), blockBytes, data.subarray(0, blockBytes))
        )
        const chunk = Buffer.concat([...commands, encodeWhole(ignoredData, data), encodeWhole(ignoredData, data)])
        peer.bytes(chunk)
        read[index] = (read[index] ?? 0) + 1
        bytes += chunk.length
      })
      return bytes
    }
    feed()
    await turn()
    for (let turns = 0; turns < 10 * floods; turns++) {
      assert.isAtMost(feed(), turnWorkBytes)
      assert.isTrue(isAnswered(other))
      assert.isFalse(other.socket.isPaused())
      await turn()
    }
    assert.isAtMost(Math.max(...read) - Math.min(...read), 2)
    assert.isAbove(Math.min(...read), 5)
  })
})

describe("operations on many blocks of a RAM disk", () => {
  const diskBlocks = 65_535
  const operations = 8
  /** WRITE SAME(16) with NDOB: zeros. */
  const zeros = Buffer.alloc(16)
  zeros[0] = 0x93
  zeros[1] = 0x01
  zeros.writeUInt32BE(diskBlocks, 10)

  it("come to an end in steps, few in each turn whoever has sent them, while others are answered at once", async () => {
    const disk = ramDisk(diskBlocks)
    let bytesInTurn = 0
    const writeZeroes = disk.writeZeroes.bind(disk)
    disk.writeZeroes = (at, length, fua, io) => {
      bytesInTurn += length
      writeZeroes(at, length, fua, io)
    }
    addTarget(node, { 0: disk }, { name: "iqn.2016-06.io.spdk:zeros", queueDepth: operations })
    const [eraser, second] = [1, 2].map((number) =>
      loggedIn(node, { target: "iqn.2016-06.io.spdk:zeros", isid: `80000000020${number}` })
    )
    if (eraser === undefined || second === undefined) throw new Error("no peer")
    eraser.bytes(Buffer.concat(Array.from({ length: operations }, () => eraser.commandBytes(0x81, zeros, 0))))
    const ended: Array<string> = []
    for (let turns = 0; ended.length < operations && turns < 1000; turns++) {
      assert.isAtMost(bytesInTurn, turnWorkBytes)
      bytesInTurn = 0
      assert.isTrue(isAnswered(second))
      await turn()
      ended.push(...eraser.received().map(statusOf))
    }
    assert.deepStrictEqual(ended, Array(operations).fill("GOOD"))
  })
})

describe("reads that a disk answers later, all at once", () => {
  const count = 12
  const blocks = 1000

  it("are sent in shares, each whole and once, while others are answered at once", async () => {
    const disk = hangingDisk()
    addTarget(node, { 0: disk }, { name: "iqn.2016-06.io.spdk:late", queueDepth: count })
    const [reader, second] = [1, 2].map((number) =>
      loggedIn(node, { target: "iqn.2016-06.io.spdk:late", isid: `80000000030${number}` })
    )
    if (reader === undefined || second === undefined) throw new Error("no peer")
    const tags = Array.from({ length: count }, () => reader.command(0xc1, read10(0, blocks), blocks * blockBytes))
    disk.resumePending()
    const bytes = new Map<number, number>()
    for (let turns = 0; turns < 2 * count; turns++) {
      const pdus = reader.received()
      // The shares of two turns may lie between two looks.
      assert.isAtMost(
        pdus.reduce((sum, { data }) => sum + data.length, 0),
        2 * (turnWorkBytes + blocks * blockBytes)
      )
      for (const { data, initiatorTaskTag } of pdus) {
        bytes.set(initiatorTaskTag, (bytes.get(initiatorTaskTag) ?? 0) + data.length)
      }
      assert.isTrue(isAnswered(second))
      await turn()
    }
    assert.deepStrictEqual(
      [...bytes],
      tags.map((tag) => [tag, blocks * blockBytes])
    )
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })

  it("are forgotten when their connection ends first", async () => {
    const disk = hangingDisk()
    addTarget(node, { 0: disk }, { name: "iqn.2016-06.io.spdk:late", queueDepth: count })
    const reader = loggedIn(node, { target: "iqn.2016-06.io.spdk:late", isid: "800000000301" })
    for (let index = 0; index < count; index++) reader.command(0xc1, read10(0, blocks), blocks * blockBytes)
    disk.resumePending()
    reader.connection.close("test")
    for (let turns = 0; turns < count; turns++) await turn()
    assert.deepStrictEqual([node.tasks.bufferBytes, node.turns.waiting], [0, 0])
    assert.notInclude(node.told.join(), "error")
  })
})

/** Data-Out of no command, which is read and dropped. */
const ignoredData = { opcode: Opcode.dataOut, flags: 0x80, initiatorTaskTag: 0xdead, word20: reservedTag }

describe("the turns of a reactor", () => {
  let turns: Turns
  beforeEach(() => {
    turns = new Turns()
    for (const reader of ["a", "b"]) turns.usedBy(reader)
  })

  it("are over when enough was done, whoever did it, and begin anew with the next", async () => {
    assert.isFalse(turns.spend(turnWorkBytes))
    assert.isTrue(turns.spend(lightWorkBytes))
    await turn()
    assert.isFalse(turns.spend(lightWorkBytes))
  })

  it("are larger for one that nobody else is there with, and at once smaller when somebody is", async () => {
    for (let left = sharedTurns; left >= 0; left--) {
      turns.usedBy("b")
      assert.strictEqual(turns.workBytesMax, turnWorkBytes)
      turns.spend(1)
      await turn()
    }
    assert.strictEqual(turns.workBytesMax, loneTurnWorkBytes)
    turns.usedBy("c")
    assert.strictEqual(turns.workBytesMax, turnWorkBytes)
  })

  it("are given to those that wait in order, as many as have room", async () => {
    const ran: Array<string> = []
    const wait = (name: string, work: number): void => turns.later(work, () => ran.push(name))
    wait("a", turnWorkBytes / 2)
    wait("b", turnWorkBytes / 2)
    wait("c", 1)
    wait("large", 3 * turnWorkBytes)
    wait("d", 1)
    await turn()
    assert.deepStrictEqual(ran, ["a", "b"])
    await turn()
    assert.deepStrictEqual(ran, ["a", "b", "c"])
    await turn()
    assert.deepStrictEqual(ran, ["a", "b", "c", "large"])
    await turn()
    assert.deepStrictEqual(ran, ["a", "b", "c", "large", "d"])
    assert.strictEqual(turns.waiting, 0)
  })

  it("are not given twice to one that waits again at once", async () => {
    let ran = 0
    const again = (): void => {
      ran++
      turns.later(1, again)
    }
    again()
    await turn()
    assert.strictEqual(ran, 2)
  })
})
