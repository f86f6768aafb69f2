/** A peer that sends much and reads nothing: what the target keeps for it is bounded, however small the answers are. */
import { assert, beforeEach, describe, it } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { OutputBuffers } from "../../../src/dataplane/iscsi/OutputBuffers.ts"
import type { Target } from "../../../src/dataplane/iscsi/Target.ts"
import { Transmitter } from "../../../src/dataplane/iscsi/Transmitter.ts"
import { outputBufferBytes, unsentBytesMax, unsentFlushesMax } from "../../../src/dataplane/limits.ts"
import { Opcode, type Pdu, reservedTag } from "../../support/initiator/pdu.ts"
import {
  addTarget,
  encodeWhole,
  hangingDisk,
  loggedIn,
  ramDisk,
  read10,
  TestNode,
  TestPeer,
  TestSocket,
  turn
} from "./fixture.ts"

const nop = (peer: TestPeer): void =>
  peer.send({
    opcode: Opcode.nopOut,
    immediate: true,
    initiatorTaskTag: peer.nextTag(),
    word20: reservedTag,
    cmdSn: peer.cmdSn
  })

describe("output that waits for a slow peer", () => {
  let socket: TestSocket
  let buffers: OutputBuffers
  let transmitter: Transmitter
  beforeEach(() => {
    socket = new TestSocket()
    buffers = new OutputBuffers()
    transmitter = new Transmitter(socket, buffers)
    socket.on("drain", () => transmitter.recycle())
    socket.slow = true
  })
  const put = (length: number, byte: number): Buffer => {
    const at = transmitter.reserve(length)
    transmitter.buffer.fill(byte, at, at + length)
    transmitter.flush()
    return transmitter.buffer
  }

  it("lies in one buffer while it is small", () => {
    const first = put(48, 1)
    for (let byte = 2; byte < 100; byte++) assert.strictEqual(put(48, byte), first)
  })

  it("is sent in order, and each byte once, over the end of a buffer", () => {
    const third = Math.floor(outputBufferBytes / 3)
    const lengths = [48, third, third, third, 48, 100, outputBufferBytes, 48]
    lengths.forEach(put)
    socket.release()
    const expected = Buffer.concat(lengths.map((length, index) => Buffer.alloc(length, index)))
    assert.isTrue(Buffer.concat(socket.sent).equals(expected))
  })

  it("keeps its buffer when the transmitter is closed: the socket may still read it", () => {
    const buffer = put(48, 1)
    transmitter.reserve(48)
    transmitter.close()
    assert.notStrictEqual(buffers.take(), buffer)
  })

  it("leaves what is not flushed where it is when the socket drains", () => {
    put(48, 1)
    const at = transmitter.reserve(48)
    transmitter.buffer.fill(2, at, at + 48)
    const buffer = transmitter.buffer
    socket.release()
    assert.strictEqual(socket.writableLength, 0)
    assert.strictEqual(transmitter.buffer, buffer)
    transmitter.flush()
    assert.isTrue(Buffer.concat(socket.sent).equals(Buffer.concat([Buffer.alloc(48, 1), Buffer.alloc(48, 2)])))
  })
})

describe("a peer that pings and does not read", () => {
  it("is not read from after a while, and gets all its answers later", async () => {
    const node = new TestNode()
    addTarget(node, { 0: ramDisk() })
    const peer = loggedIn(node)
    peer.socket.slow = true
    const sent = 2 * unsentFlushesMax
    for (let ping = 0; ping < sent; ping++) nop(peer)
    assert.isTrue(peer.connection.transmitter.overLimit)
    let answers = 0
    for (let turns = 0; turns < 10 && answers < sent; turns++) {
      peer.socket.release()
      await new Promise((resolve) => setImmediate(resolve))
      answers += peer.received().length
    }
    assert.strictEqual(answers, sent)
  })
})

describe("a discovery session, which anybody may have", () => {
  const unsentMax = 128 * 1024

  it("gets little kept for it that it does not read", () => {
    const node = new TestNode()
    const peer = new TestPeer(node)
    peer.discover([["MaxRecvDataSegmentLength", "16777215"]])
    peer.socket.slow = true
    const ping = { opcode: Opcode.nopOut, immediate: true, initiatorTaskTag: 1, word20: reservedTag }
    while (!peer.socket.isPaused()) peer.send(ping, Buffer.alloc(8192))
    assert.isAtMost(peer.socket.writableLength, unsentMax)
    assert.isAtMost(peer.connection.transmitter.buffer.length, unsentMax)
    peer.socket.release()
    assert.isAbove(peer.received().length, 1)
  })

  it("may send no more at once than text needs", () => {
    const peer = new TestPeer(new TestNode())
    const { data } = peer.discover()
    assert.include(data.toString(), "MaxRecvDataSegmentLength=8192\0")
    peer.send({ opcode: Opcode.nopOut, immediate: true, initiatorTaskTag: 1, word20: reservedTag }, Buffer.alloc(8193))
    assert.strictEqual(peer.connection.state, "exiting")
  })
})

describe("reads that end while their initiator takes nothing", () => {
  const depth = 32
  const blocks = 2048
  const size = blocks * 512
  let node: TestNode
  let disk: ErrorBdev
  let peer: TestPeer
  let target: Target

  beforeEach(() => {
    node = new TestNode()
    disk = hangingDisk()
    target = addTarget(node, { 0: disk }, { queueDepth: depth })
    peer = loggedIn(node)
    peer.socket.slow = true
    for (let read = 0; read < depth; read++) peer.command(0xc1, read10(0, blocks), size)
    disk.resumePending()
  })
  /** The initiator reads on, until nothing more comes. */
  const receiveAll = async (): Promise<ReadonlyArray<Pdu>> => {
    const pdus: Array<Pdu> = []
    for (let idle = 0; idle < 3; idle++) {
      await turn()
      peer.socket.release()
      const some = peer.received()
      pdus.push(...some)
      if (some.length > 0) idle = 0
    }
    return pdus
  }
  const manageTask = (flags: number, word20 = reservedTag): void =>
    peer.connection.receive(
      encodeWhole({ opcode: Opcode.taskManagement, immediate: true, flags, initiatorTaskTag: 9, word20, cmdSn: 1 }),
      48
    )
  const inWindow = (): number | undefined => peer.connection.session?.commandsInFlight

  it("keep their data in their own buffers, which are bounded, and are answered when it reads on", async () => {
    await turn()
    assert.isAtMost(peer.socket.writableLength, unsentBytesMax + 2 * size)
    assert.isAbove(node.tasks.bufferBytes, (depth - 6) * size - 1)
    const [mapping] = target.luns
    assert.deepStrictEqual([mapping?.submitted.size, mapping?.bufferBytes], [0, 0])
    const pdus = await receiveAll()
    assert.lengthOf(
      pdus.filter((pdu) => pdu.opcode === Opcode.dataIn && (pdu.flags & 0x01) !== 0),
      depth
    )
    assert.strictEqual(
      pdus.reduce((sum, pdu) => sum + pdu.data.length, 0),
      depth * size
    )
    assert.strictEqual(node.tasks.bufferBytes, 0)
    assert.strictEqual(inWindow(), 0)
  })

  it("are forgotten when they are aborted, or the connection ends", async () => {
    await turn()
    const held = [...(peer.connection.commands?.tasks.keys() ?? [])]
    manageTask(0x81, held[3])
    assert.strictEqual(inWindow(), held.length - 1)
    manageTask(0x82)
    assert.strictEqual(inWindow(), 0)
    assert.strictEqual(node.tasks.bufferBytes, 0)
    const pdus = await receiveAll()
    assert.lengthOf(
      pdus.filter((pdu) => pdu.opcode === Opcode.dataIn && (pdu.flags & 0x01) !== 0),
      depth - held.length
    )
    peer.socket.slow = true
    for (let read = 0; read < depth; read++) peer.command(0xc1, read10(0, blocks), size)
    disk.resumePending()
    await turn()
    assert.isAbove(node.tasks.bufferBytes, 0)
    peer.connection.close("test")
    assert.strictEqual(node.tasks.bufferBytes, 0)
    assert.strictEqual(target.luns[0]?.bufferBytes, 0)
  })
})
