/** Output over real sockets: written past Node or through it, to peers that read, that do not, and that go away. */
import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { Connection } from "../../../src/dataplane/iscsi/Connection.ts"
import { DirectWrite, directPiecesMax } from "../../../src/dataplane/iscsi/DirectWrite.ts"
import { OutOfMemory, OutputBuffers } from "../../../src/dataplane/iscsi/OutputBuffers.ts"
import { receiveSocket } from "../../../src/dataplane/iscsi/receive-socket.ts"
import { Transmitter } from "../../../src/dataplane/iscsi/Transmitter.ts"
import { unsentBytesMax } from "../../../src/dataplane/limits.ts"
import { libc } from "../../../src/host/libc.ts"
import { type Digests, Opcode, type Pdu, PduReader } from "../../support/initiator/pdu.ts"
import { makeRandom } from "../../support/initiator/random.ts"
import {
  addTarget,
  blockBytes,
  cdb10,
  initiatorName,
  ramDisk,
  read10,
  TestNode,
  TestPeer,
  targetName,
  write10
} from "./fixture.ts"

const segment = 262_144
let server: Server
let client: Socket
let socket: Socket

beforeEach(async () => {
  server = createServer({ pauseOnConnect: true })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const bound = server.address()
  assert(typeof bound === "object" && bound !== null)
  client = connect(bound.port, "127.0.0.1")
  client.on("error", () => {})
  const [accepted] = await once(server, "connection")
  socket = receiveSocket(
    accepted,
    () => Buffer.alloc(4096),
    () => {}
  ).socket
})

afterEach(() => {
  client.destroy()
  socket.destroy()
  server.close()
})

/** So many bytes of what the client receives. */
const received = (length: number): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Array<Buffer> = []
    let total = 0
    client.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      total += chunk.length
      if (total >= length) resolve(Buffer.concat(chunks))
    })
  })

const put = (transmitter: Transmitter, bytes: Buffer): void => {
  const at = transmitter.reserve(bytes.length)
  bytes.copy(transmitter.buffer, at)
}

describe.each(["past Node", "through Node"] as const)("output %s", (way) => {
  const transmitterOf = (): Transmitter => {
    const transmitter = new Transmitter(socket, new OutputBuffers(), way === "past Node" ? undefined : null)
    socket.on("drain", () => transmitter.recycle())
    return transmitter
  }

  it("is what was written, in order, however slowly the peer reads", async () => {
    const transmitter = transmitterOf()
    const random = makeRandom(5)
    const expected: Array<Buffer> = []
    let length = 0
    for (let round = 0; round < 200; round++) {
      for (let pdu = random.between(1, 8); pdu > 0; pdu--) {
        const bytes = random.bytes(random.between(1, random.chance(0.1) ? segment : 5000))
        put(transmitter, bytes)
        expected.push(bytes)
        length += bytes.length
      }
      transmitter.flush()
      // What was sent is the kernel's, or a copy: the buffer may be written again.
      if (random.chance(0.3)) await turn()
    }
    assert.isTrue((await received(length)).equals(Buffer.concat(expected)))
    assert.strictEqual(transmitter.sentBytes, length)
  })

  it("tells of a peer that has gone, by the socket", async () => {
    const transmitter = transmitterOf()
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()))
    const errors: Array<Error> = []
    socket.on("error", (error) => errors.push(error))
    client.resetAndDestroy()
    const bytes = Buffer.alloc(100_000)
    // Nothing is read from the socket: only a write finds out.
    while (!socket.destroyed) {
      put(transmitter, bytes)
      transmitter.flush()
      await turn()
    }
    await closed
    assert.lengthOf(errors, 1)
    put(transmitter, bytes)
    transmitter.flush()
  })

  it("stops at a bound when nothing is read", async () => {
    const transmitter = transmitterOf()
    transmitter.textOnly = false
    let written = 0
    while (!transmitter.overLimit) {
      put(transmitter, Buffer.alloc(segment, 1))
      written += segment
    }
    assert.isAtMost(socket.writableLength, unsentBytesMax + segment)
    const drained = once(socket, "drain")
    assert.strictEqual((await received(written)).length, written)
    await drained
    assert.isFalse(transmitter.overLimit)
  })
})

/** A PDU of a header and lent data. */
const lendTo = (transmitter: Transmitter, header: Buffer, memory: Buffer, start: number, end: number): void => {
  const at = transmitter.beginLoan()
  header.copy(transmitter.buffer, at)
  transmitter.lend(at, memory, start, end)
}

describe("memory that is lent", () => {
  it.skipIf(typeof libc() === "string")("is sent as it was, whatever becomes of it after the flush", async () => {
    const transmitter = new Transmitter(socket, new OutputBuffers())
    transmitter.textOnly = false
    const memory = Buffer.allocUnsafeSlow(4 * segment)
    const expected: Array<Buffer> = []
    let lent = 0
    const random = makeRandom(7)
    for (let round = 1; round <= 60; round++) {
      memory.fill(round)
      for (let pdu = 0; pdu < 4; pdu++) {
        const header = random.bytes(48)
        const start = random.below(segment) * 3
        const data = memory.subarray(start, start + segment)
        expected.push(header, Buffer.from(data))
        if (transmitter.takesLoans) {
          lendTo(transmitter, header, memory, start, start + segment)
          lent++
        } else put(transmitter, Buffer.concat([header, data]))
      }
      transmitter.repay()
      memory.fill(0xff)
      transmitter.flush()
    }
    const all = Buffer.concat(expected)
    // The first were lent, and the kernel did not take the last of those whole.
    assert.isAbove(lent, 3)
    assert.isAbove(socket.writableLength, 0)
    assert.isTrue((await received(all.length)).equals(all))
  })

  it.skipIf(typeof libc() === "string")("may be in many pieces", async () => {
    const transmitter = new Transmitter(socket, new OutputBuffers())
    const memory = Buffer.allocUnsafeSlow(8 * directPiecesMax)
    memory.fill(3)
    let lent = 0
    while (transmitter.takesLoans) {
      lendTo(transmitter, Buffer.alloc(48, 1), memory, lent * 4, lent * 4 + 4)
      lent++
    }
    put(transmitter, Buffer.alloc(4, 1))
    transmitter.flush()
    const bytes = await received(lent * 52 + 4)
    assert.isTrue(
      bytes.equals(
        Buffer.concat([...Array.from({ length: lent }, () => Buffer.alloc(52, 1).fill(3, 48)), Buffer.alloc(4, 1)])
      )
    )
  })
})

describe("a read of a RAM disk, sent from its memory", () => {
  const blocks = 256
  const both: Digests = { header: true, data: true }
  const none: Digests = { header: false, data: false }
  // WRITE SAME(10) of one block, without an end.
  const writeSame = cdb10(0x41, 0, 8)
  const changes: ReadonlyArray<readonly [string, Buffer, Digests]> = [
    ["a write", write10(0, 8), none],
    ["a command that writes by itself", writeSame, none],
    ["a write, all with digests,", write10(0, 8), both],
    ["a command that writes by itself, all with digests,", writeSame, both]
  ]

  it.each(changes)("has what was there before %s that came with it", async (_what, cdb, digests) => {
    const node = new TestNode()
    const disk = ramDisk()
    addTarget(node, { 0: disk })
    const connection = new Connection(node, socket, new TestPeer(node).connection.origin)
    const peer = new TestPeer(node)
    peer.bytes = (bytes) => connection.receive(bytes, bytes.length)
    peer.sendLogin(0x87, [
      ["InitiatorName", initiatorName],
      ["SessionType", "Normal"],
      ["TargetName", targetName],
      ["MaxRecvDataSegmentLength", String(segment)],
      ["HeaderDigest", digests.header ? "CRC32C" : "None"],
      ["DataDigest", digests.data ? "CRC32C" : "None"]
    ])
    peer.digests = digests
    peer.bytes(peer.commandBytes(0x81, Buffer.alloc(6), 0))
    disk.memory?.fill(1)
    const data = Buffer.alloc(cdb[0] === 0x41 ? blockBytes : 8 * blockBytes, 2)
    const read = peer.commandBytes(0xc1, read10(0, blocks), blocks * blockBytes)
    peer.bytes(Buffer.concat([read, peer.commandBytes(0xa1, cdb, data.length, data)]))
    assert.strictEqual(disk.memory?.[0], 2)
    const dataIn = await new Promise<Pdu>((resolve) => {
      const reader = new PduReader()
      client.on("data", (chunk: Buffer) => {
        reader.push(chunk)
        for (let pdu = reader.next(); pdu !== undefined; pdu = reader.next()) {
          if (pdu.opcode === Opcode.loginResponse) reader.digests = digests
          if (pdu.opcode === Opcode.dataIn) resolve(pdu)
        }
      })
    })
    assert.isTrue(dataIn.data.equals(Buffer.alloc(blocks * blockBytes, 1)))
  })
})

describe("memory that the operating system does not give", () => {
  const ways = ["by what it reads", "by a ping", "by the end of its target"] as const

  it.skipIf(typeof libc() === "string").each(ways)("costs the connection alone, %s", async (way) => {
    const node = new TestNode()
    addTarget(node, { 0: ramDisk() })
    const connection = new Connection(node, socket, new TestPeer(node).connection.origin)
    const peer = new TestPeer(node)
    peer.bytes = (bytes) => connection.receive(bytes, bytes.length)
    peer.sendLogin(0x87, [
      ["InitiatorName", initiatorName],
      ["SessionType", "Normal"],
      ["TargetName", targetName],
      ["MaxRecvDataSegmentLength", String(segment)]
    ])
    peer.bytes(peer.commandBytes(0x81, Buffer.alloc(6), 0))
    const isFull = (): boolean => node.told.some((text) => text.startsWith("internal error: OutOfMemory"))
    const refuse = (bytes = 0): never => {
      throw new OutOfMemory(bytes)
    }
    if (way === "by the end of its target") {
      node.outputBuffers.take = refuse
      connection.cut("the target is deleted", "targetDeleted")
    } else if (way === "by a ping") {
      node.outputBuffers.take = refuse
      // The initiator is silent: it is pinged.
      node.pass(10_000)
      node.pass(10_000)
    } else {
      const take = node.outputBuffers.take.bind(node.outputBuffers)
      const blocks = 512
      for (let chunk = 0; chunk < 64 && !isFull(); chunk++) {
        let first = true
        node.outputBuffers.take = (needed) => {
          if (!first) return refuse(needed)
          first = false
          return take(needed)
        }
        // Lent, and the peer does not read: what the kernel does not take is to be copied.
        const read = () => peer.commandBytes(0xc1, read10(0, blocks), blocks * blockBytes)
        peer.bytes(Buffer.concat([read(), read(), read()]))
        await turn()
      }
    }
    assert.isTrue(isFull())
    assert.notStrictEqual(connection.state, "full-feature")
  })
})

describe("a direct write", () => {
  it.skipIf(typeof libc() === "string")("has nothing of one that could not be put together", async () => {
    const direct = DirectWrite.of(socket)
    direct?.add(Buffer.allocUnsafeSlow(4).fill(1), 0, 4)
    assert.throws(() => direct?.add(Buffer.allocUnsafeSlow(10), 4, 11), RangeError)
    const next = received(4)
    direct?.add(Buffer.allocUnsafeSlow(4).fill(2), 0, 4)
    assert.strictEqual(direct?.write(), 4)
    assert.deepStrictEqual(await next, Buffer.alloc(4, 2))
  })

  it("is for sockets of the kernel alone, and not for closed ones", async () => {
    const direct = DirectWrite.of(socket)
    if (typeof libc() === "string") return assert.isUndefined(direct)
    assert.isTrue(direct?.isFree)
    assert.throws(() => direct?.add(Buffer.alloc(10), 4, 11), RangeError)
    socket.destroy()
    assert.isFalse(direct?.isFree)
    await once(socket, "close")
    assert.isUndefined(DirectWrite.of(socket))
  })
})
