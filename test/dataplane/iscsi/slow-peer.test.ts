/** A peer that sends much and reads nothing: what the target keeps for it is bounded, however small the answers are. */
import { assert, beforeEach, describe, it } from "vitest"
import { OutputBuffers } from "../../../src/dataplane/iscsi/OutputBuffers.ts"
import { Transmitter } from "../../../src/dataplane/iscsi/Transmitter.ts"
import { outputBufferBytes, unsentFlushesMax } from "../../../src/dataplane/limits.ts"
import { Opcode, reservedTag } from "../../support/initiator/pdu.ts"
import { addTarget, loggedIn, ramDisk, TestNode, type TestPeer, TestSocket } from "./fixture.ts"

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
