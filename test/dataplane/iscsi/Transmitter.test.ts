/** Output is gathered, leaves in few writes, and its buffers are reused only when nobody reads from them. */
import { once } from "node:events"
import { assert, beforeEach, describe, it } from "vitest"
import { OutputBuffers } from "../../../src/dataplane/iscsi/OutputBuffers.ts"
import { Transmitter } from "../../../src/dataplane/iscsi/Transmitter.ts"
import { outputBufferBytes, outputBuffersKept, unsentBytesMax } from "../../../src/dataplane/limits.ts"
import { TestSocket } from "./fixture.ts"

/** A pool that counts. */
class CountedBuffers extends OutputBuffers {
  taken = 0
  given = 0
  override take(): Buffer {
    this.taken++
    return super.take()
  }
  override give(buffer: Buffer): void {
    this.given++
    super.give(buffer)
  }
}

let socket: TestSocket
let buffers: CountedBuffers
let transmitter: Transmitter

beforeEach(() => {
  socket = new TestSocket()
  buffers = new CountedBuffers()
  transmitter = new Transmitter(socket, buffers)
  socket.on("drain", () => transmitter.recycle())
})

/** One PDU of `length` bytes, all of which are `byte`. */
const put = (length: number, byte: number): void => {
  const at = transmitter.reserve(length)
  transmitter.buffer.fill(byte, at, at + length)
}

const sent = (): Buffer => Buffer.concat(socket.sent)

describe("the transmitter", () => {
  it("sends what was written in order, in one write", async () => {
    put(48, 1)
    put(100, 2)
    put(4, 3)
    assert.isTrue(transmitter.pending)
    assert.strictEqual(socket.writes, 0)
    transmitter.flush()
    assert.isFalse(transmitter.pending)
    assert.strictEqual(socket.writes, 1)
    assert.deepStrictEqual(sent(), Buffer.concat([Buffer.alloc(48, 1), Buffer.alloc(100, 2), Buffer.alloc(4, 3)]))
  })

  it("writes nothing when there is nothing", () => {
    transmitter.flush()
    transmitter.flush()
    assert.strictEqual(socket.writes, 0)
    assert.strictEqual(buffers.taken, 0)
  })

  it("never lets a PDU span two buffers, and still sends them all at once and in order", () => {
    const size = 300_000
    for (let index = 1; index <= 10; index++) put(size, index)
    transmitter.flush()
    const expected = Buffer.concat(Array.from({ length: 10 }, (_, index) => Buffer.alloc(size, index + 1)))
    assert.isTrue(sent().equals(expected))
    assert.strictEqual(socket.writes, 1)
    assert.isTrue(socket.sent.every((chunk) => chunk.length % size === 0 && chunk.length <= outputBufferBytes))
  })

  it("fills a buffer to its last byte", () => {
    put(outputBufferBytes, 1)
    put(outputBufferBytes, 2)
    transmitter.flush()
    assert.strictEqual(sent().length, 2 * outputBufferBytes)
    assert.strictEqual(sent()[outputBufferBytes - 1], 1)
    assert.strictEqual(sent()[outputBufferBytes], 2)
  })

  it("uses one buffer for ever when the kernel takes all", () => {
    put(100, 1)
    const first = transmitter.buffer
    for (let round = 0; round < 50; round++) {
      put(100, round)
      transmitter.flush()
    }
    put(1, 1)
    assert.strictEqual(transmitter.buffer, first)
  })

  it("leaves buffers alone that a slow socket still reads from, and takes them back on drain", async () => {
    socket.slow = true
    put(outputBufferBytes, 1)
    put(1000, 2)
    transmitter.flush()
    assert.strictEqual(buffers.given, 0)
    // Written meanwhile: must not touch what is under way.
    put(1000, 3)
    transmitter.flush()
    assert.strictEqual(buffers.given, 0)
    const drained = once(socket, "drain")
    socket.release()
    await drained
    assert.strictEqual(buffers.given, buffers.taken)
    assert.strictEqual(buffers.given, 2)
    const expected = [Buffer.alloc(outputBufferBytes, 1), Buffer.alloc(1000, 2), Buffer.alloc(1000, 3)]
    assert.isTrue(sent().equals(Buffer.concat(expected)))
  })

  it("says that no more commands may be taken while too much is unsent", async () => {
    socket.slow = true
    while (!transmitter.overLimit) put(outputBufferBytes / 2, 1)
    transmitter.flush()
    assert.isTrue(transmitter.overLimit)
    assert.isAtMost(socket.writableLength, unsentBytesMax + outputBufferBytes)
    const drained = once(socket, "drain")
    socket.release()
    await drained
    assert.isFalse(transmitter.overLimit)
  })

  it("gives back what it has when it is closed, but not what the socket may still read", () => {
    socket.slow = true
    put(outputBufferBytes, 1)
    transmitter.flush()
    put(outputBufferBytes, 2)
    put(8, 3)
    transmitter.close()
    transmitter.close()
    assert.strictEqual(buffers.taken, 3)
    assert.strictEqual(buffers.given, 2)
    transmitter.flush()
    assert.isFalse(transmitter.pending)
  })

  it("keeps a bounded number of buffers", () => {
    const pool = new OutputBuffers()
    const many = Array.from({ length: outputBuffersKept + 3 }, () => pool.take())
    for (const buffer of many) pool.give(buffer)
    const again = Array.from({ length: outputBuffersKept }, () => pool.take())
    assert.strictEqual(new Set([...again, ...many]).size, many.length)
    assert.notInclude(many, pool.take())
  })
})
