/** Replies in any order, form and fragmentation, right ones and hostile ones, against a plain model. */
import { assert, describe, it } from "vitest"
import { Coverage } from "../../../../src/dataplane/bdev/nbd/Coverage.ts"
import { NbdReplyReader } from "../../../../src/dataplane/bdev/nbd/NbdReplyReader.ts"
import { NbdRequest } from "../../../../src/dataplane/bdev/nbd/NbdRequest.ts"
import { NbdCommand } from "../../../../src/dataplane/bdev/nbd/nbd-protocol.ts"
import { makeRandom, type Random, runSeed } from "../../../support/initiator/random.ts"
import { chunk, dataChunk, errorChunk, extentsChunk, holeChunk, simpleReply } from "./server-messages.ts"

const guard = 0xa5
const guardBytes = 16

interface Reading {
  readonly request: NbdRequest
  readonly handle: bigint
  /** What the buffer is to hold in the end. */
  readonly expected: Buffer
}

class Connection {
  readonly out = new Map<bigint, NbdRequest>()
  readonly answered: Array<readonly [NbdRequest, number]> = []
  readonly violations: Array<string> = []
  readonly reader: NbdReplyReader
  #generation = 100

  constructor(isStructured: boolean) {
    this.reader = new NbdReplyReader(
      {
        find: (generation, place) => this.out.get((BigInt(generation) << 32n) | BigInt(place)),
        answered: (request, error) => {
          this.out.delete((BigInt(request.generation) << 32n) | BigInt(request.place))
          this.answered.push([request, error])
        },
        violated: (detail) => this.violations.push(detail)
      },
      { isStructured, allocationContext: 7 }
    )
  }

  ask(command: NbdCommand, byteOffset: number, byteLength: number): Reading {
    const request = new NbdRequest()
    request.command = command
    request.byteOffset = byteOffset
    request.byteLength = byteLength
    request.buffer = Buffer.alloc(byteLength + 2 * guardBytes, guard)
    request.start = guardBytes
    request.generation = ++this.#generation
    request.place = this.out.size
    request.expectReply()
    const handle = (BigInt(request.generation) << 32n) | BigInt(request.place)
    this.out.set(handle, request)
    return { request, handle, expected: Buffer.alloc(byteLength + 2 * guardBytes, guard) }
  }

  receive(...messages: ReadonlyArray<Buffer>): this {
    for (const message of messages) this.reader.receive(message, 0, message.length)
    return this
  }

  receiveInPieces(random: Random, all: Buffer): void {
    for (let at = 0; at < all.length; ) {
      // Sometimes a piece in the middle of a larger buffer, as a socket's is.
      const length = Math.min(all.length - at, random.chance(0.5) ? random.between(1, 3) : random.between(1, 400))
      const shift = random.between(0, 5)
      const piece = Buffer.concat([Buffer.alloc(shift, 0xee), all.subarray(at, at + length), Buffer.alloc(3, 0xee)])
      this.reader.receive(piece, shift, shift + length)
      at += length
    }
  }
}

/** Chunks of a read, in any order, of data and holes; the last has the flag, or an empty one follows. */
const chunksOf = (random: Random, { expected, handle, request }: Reading): Array<Buffer> => {
  const cuts = new Set([0, request.byteLength])
  for (let count = random.between(0, 6); count > 0; count--) cuts.add(random.between(1, request.byteLength - 1))
  const bounds = [...cuts].toSorted((a, b) => a - b)
  const ranges = bounds.slice(0, -1).map((start, index) => [start, bounds[index + 1] ?? start] as const)
  if (random.chance(0.5)) ranges.sort(() => (random.chance(0.5) ? 1 : -1))
  const endsEmpty = random.chance(0.5)
  const chunks = ranges.map(([start, end], index) => {
    const isDone = !endsEmpty && index === ranges.length - 1
    const at = request.byteOffset + start
    const isHole = random.chance(0.3)
    const data = isHole ? Buffer.alloc(end - start) : random.bytes(end - start)
    data.copy(expected, guardBytes + start)
    return isHole ? holeChunk(handle, at, end - start, isDone) : dataChunk(handle, at, data, isDone)
  })
  return endsEmpty ? [...chunks, chunk(handle, 0, true)] : chunks
}

/** Messages of several replies, each in its own order, mixed. */
const mixed = (random: Random, replies: ReadonlyArray<ReadonlyArray<Buffer>>): Buffer => {
  const left = replies.map((messages) => [...messages])
  const all: Array<Buffer> = []
  while (left.some((messages) => messages.length > 0)) {
    const next = left[random.between(0, left.length - 1)]?.shift()
    if (next !== undefined) all.push(next)
  }
  return Buffer.concat(all)
}

const somewhere = (random: Random): number => random.pick([0, 4096, 2 ** 32 - 512, 2 ** 45 + 1024])

describe("replies", () => {
  it("in chunks land in the buffers of their reads, and nowhere else", () => {
    const random = makeRandom(runSeed(3))
    for (let round = 0; round < 400; round++) {
      const connection = new Connection(true)
      const reads = Array.from({ length: random.between(1, 5) }, () =>
        connection.ask(NbdCommand.read, somewhere(random), random.between(2, 900))
      )
      const writes = Array.from({ length: random.between(0, 3) }, () => connection.ask(NbdCommand.write, 0, 512))
      const replies = [
        ...reads.map((read) => chunksOf(random, read)),
        ...writes.map(({ handle }) => [random.chance(0.5) ? simpleReply(handle) : chunk(handle, 0, true)])
      ]
      connection.receiveInPieces(random, mixed(random, replies))
      assert.deepStrictEqual(connection.violations, [])
      assert.lengthOf(connection.answered, reads.length + writes.length)
      for (const [, error] of connection.answered) assert.strictEqual(error, 0)
      for (const { expected, request } of reads) assert.isTrue(request.buffer.equals(expected))
    }
  })

  it("without chunks do, too", () => {
    const random = makeRandom(runSeed(4))
    for (let round = 0; round < 200; round++) {
      const connection = new Connection(false)
      const reads = Array.from({ length: random.between(1, 5) }, () =>
        connection.ask(NbdCommand.read, somewhere(random), random.between(1, 900))
      )
      const replies = reads.map(({ expected, handle, request }) => {
        if (random.chance(0.2)) return [simpleReply(handle, 5)]
        const data = random.bytes(request.byteLength)
        data.copy(expected, guardBytes)
        return [simpleReply(handle, 0, data)]
      })
      connection.receiveInPieces(random, mixed(random, replies))
      assert.deepStrictEqual(connection.violations, [])
      assert.lengthOf(connection.answered, reads.length)
      for (const { expected, request } of reads) assert.isTrue(request.buffer.equals(expected))
    }
  })

  it("tell what failed, and where", () => {
    const connection = new Connection(true)
    const read = connection.ask(NbdCommand.read, 8192, 4096)
    const write = connection.ask(NbdCommand.write, 0, 512)
    connection.receive(
      dataChunk(read.handle, 8192, Buffer.alloc(1024), false),
      errorChunk(read.handle, 5, "the disk is worn", 9216, true),
      errorChunk(write.handle, 28, "full")
    )
    assert.deepStrictEqual(
      connection.answered.map(([request, error]) => [error, request.errorOffset]),
      [
        [5, 9216],
        [28, undefined]
      ]
    )
  })

  it("tell the first extent", () => {
    const connection = new Connection(true)
    const { handle, request } = connection.ask(NbdCommand.blockStatus, 0, 4096)
    connection.receive(
      extentsChunk(handle, 7, [
        [8192, 3],
        [512, 0]
      ])
    )
    assert.deepStrictEqual([connection.answered.length, request.extentBytes, request.extentFlags], [1, 4096, 3])
  })
})

describe("a hostile server", () => {
  /** A read of [4096, 8192) is out, a write, and a question for an extent. */
  const violating = (
    isStructured: boolean,
    message: (handles: Record<"read" | "write" | "extent", bigint>) => Buffer
  ) => {
    const connection = new Connection(isStructured)
    const read = connection.ask(NbdCommand.read, 4096, 4096)
    const write = connection.ask(NbdCommand.write, 0, 512)
    const extent = connection.ask(NbdCommand.blockStatus, 0, 512)
    connection.receive(message({ read: read.handle, write: write.handle, extent: extent.handle }))
    const before = Buffer.from(read.request.buffer)
    // After that nothing touches a buffer.
    connection.receive(dataChunk(read.handle, 4096, Buffer.alloc(4096, 1), true))
    assert.isTrue(read.request.buffer.equals(before))
    assert.lengthOf(connection.answered, 0)
    return connection.violations
  }

  it("is left for data nobody asked for, data twice, and data that is missing", () => {
    const data = Buffer.alloc(512)
    const cases = [
      violating(true, ({ read }) => dataChunk(read, 4095, data, false)),
      violating(true, ({ read }) => dataChunk(read, 8192 - 511, data, false)),
      violating(true, ({ read }) => dataChunk(read, 4096 + 2 ** 40, data, false)),
      violating(true, ({ read }) => holeChunk(read, 4096, 4097, false)),
      violating(true, ({ read }) => holeChunk(read, 4096, 0, false)),
      violating(true, ({ read }) => dataChunk(read, 4096, Buffer.alloc(0), false)),
      violating(true, ({ write }) => dataChunk(write, 0, data, true)),
      violating(true, ({ read }) =>
        Buffer.concat([dataChunk(read, 4096, data, false), dataChunk(read, 4607, data, false)])
      ),
      violating(true, ({ read }) => dataChunk(read, 4096, data, true)),
      violating(true, ({ read }) => chunk(read, 0, true)),
      violating(true, ({ read }) => simpleReply(read, 5)),
      violating(true, ({ extent }) => simpleReply(extent, 0)),
      violating(true, ({ extent }) => chunk(extent, 0, true)),
      violating(true, ({ extent }) => extentsChunk(extent, 8, [[512, 0]])),
      violating(true, ({ extent }) => extentsChunk(extent, 7, [[0, 0]])),
      violating(true, ({ extent }) =>
        extentsChunk(
          extent,
          7,
          Array.from({ length: 600 }, () => [512, 0] as const)
        )
      )
    ]
    for (const [index, violations] of cases.entries()) assert.lengthOf(violations, 1, `case ${index}`)
  })

  it("is left for handles, magics, types and lengths that are none", () => {
    const cases = [
      violating(true, () => Buffer.alloc(20, 0x41)),
      violating(true, () => simpleReply(0xdead_beefn)),
      violating(false, ({ read }) => dataChunk(read, 4096, Buffer.alloc(512), true)),
      violating(true, ({ write }) => chunk(write, 0, false)),
      violating(true, ({ write }) => chunk(write, 0, true, Buffer.alloc(1))),
      violating(true, ({ write }) => chunk(write, 99, true, Buffer.alloc(16))),
      violating(true, ({ write }) => chunk(write, 0x8001, true, Buffer.alloc(5))),
      violating(true, ({ write }) => errorChunk(write, 0)),
      violating(true, ({ write }) => chunk(write, 0x8001, true, Buffer.from("00000005ffff", "hex"))),
      violating(true, ({ write }) => chunk(write, 0x8002, true, Buffer.from("000000050001aa", "hex"))),
      violating(true, ({ write }) => chunk(write, 0x8001, true, Buffer.alloc(70_000, 1))),
      violating(true, ({ write }) =>
        Buffer.concat(Array.from({ length: 65 }, () => errorChunk(write, 5, "", undefined, false)))
      )
    ]
    for (const [index, violations] of cases.entries()) assert.lengthOf(violations, 1, `case ${index}`)
  })

  it("answers a request once: its handle means nothing afterwards", () => {
    const connection = new Connection(true)
    const { handle } = connection.ask(NbdCommand.write, 0, 512)
    connection.receive(simpleReply(handle), simpleReply(handle))
    assert.deepStrictEqual([connection.answered.length, connection.violations.length], [1, 1])
  })

  it("never breaks anything, whatever bytes it sends", () => {
    const random = makeRandom(runSeed(5))
    for (let round = 0; round < 3000; round++) {
      const connection = new Connection(random.chance(0.7))
      const reads = Array.from({ length: 3 }, () => connection.ask(NbdCommand.read, 4096, random.between(2, 700)))
      const said = mixed(
        random,
        reads.map((read) => chunksOf(random, read))
      )
      for (let count = random.between(1, 8); count > 0; count--) {
        said[random.between(0, said.length - 1)] = random.pick([0, 1, 0x67, 0x80, 0xff, random.between(0, 255)])
      }
      connection.receiveInPieces(random, said)
      assert.isAtMost(connection.violations.length, 1)
      for (const { request } of reads) {
        assert.isTrue(request.buffer.subarray(0, guardBytes).every((byte) => byte === guard))
        assert.isTrue(request.buffer.subarray(guardBytes + request.byteLength).every((byte) => byte === guard))
      }
    }
  })
})

describe("Coverage", () => {
  it("agrees with a list of bytes", () => {
    const random = makeRandom(runSeed(6))
    for (let round = 0; round < 500; round++) {
      const coverage = new Coverage()
      const bytes = new Array<boolean>(40).fill(false)
      for (let count = 0; count < 30; count++) {
        const start = random.between(0, 39)
        const end = random.between(start + 1, 40)
        const isFree = bytes.slice(start, end).every((byte) => !byte)
        assert.strictEqual(coverage.add(start, end), isFree)
        if (isFree) bytes.fill(true, start, end)
        assert.strictEqual(
          coverage.isWhole(40),
          bytes.every((byte) => byte)
        )
      }
    }
  })

  it("has a bound: a reply of single bytes that do not touch is refused", () => {
    const coverage = new Coverage()
    let taken = 0
    while (taken < 5000 && coverage.add(2 * taken, 2 * taken + 1)) taken++
    assert.strictEqual(taken, 1024)
  })
})
