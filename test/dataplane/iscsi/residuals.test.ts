/**
 * Every mismatch of what a command transfers and what the initiator expects (RFC 7143 section 11.4.5): each kind of
 * command, with expected data transfer lengths around its own, and with the direction flags of the other direction, of
 * both, and of none. On a RAM disk, and on a disk that answers through a buffer.
 */
import { assert, describe, it } from "vitest"
import { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { Opcode, type Pdu } from "../../support/initiator/pdu.ts"
import type { KeyList } from "../../support/initiator/text-keys.ts"
import {
  addTarget,
  cdb10,
  loggedIn,
  ramDisk,
  read10,
  statusOf,
  TestNode,
  type TestPeer,
  turn,
  write10
} from "./fixture.ts"

const diskBlocks = 64
const unmappedBlocks = 8

type Direction = "in" | "out" | "none"

/** A command on a disk of sevens: how much it moves, which way, and what comes of it. */
interface Kind {
  readonly name: string
  readonly cdb: Buffer
  readonly direction: Direction
  /** Bytes. */
  readonly length: number
  /** With all its data. */
  readonly status: string
  /** With `bytes` of its data, if that is not `status`. */
  readonly shortStatus?: (bytes: number) => string
  /** What is sent; sevens otherwise. */
  readonly data?: Buffer
}

const bytes = (...values: ReadonlyArray<number>): Buffer => Buffer.from(values)
const cdb16 = (opcode: number, block: number, blocks: number): Buffer => {
  const cdb = Buffer.alloc(16)
  cdb[0] = opcode
  cdb.writeUInt32BE(block, 6)
  cdb.writeUInt32BE(blocks, 10)
  return cdb
}
const compareAndWrite = cdb16(0x89, 0, 0)
compareAndWrite[13] = 1
const verifyBytes = cdb10(0x2f, 0, 2)
verifyBytes[1] = 0x02
const unmap = cdb10(0x42, 0, 24)
const unmapList = Buffer.alloc(24)
unmapList.writeUInt16BE(22, 0)
unmapList.writeUInt16BE(16, 2)
unmapList.writeUInt32BE(unmappedBlocks, 12)
const modeList = bytes(0, 0, 0, 0, 0x0a, 10, 2, 0x10, 0, 0, 0, 0, 0, 0, 0, 0)
const lengthError = (): string => "5/1a/00"

const kinds: ReadonlyArray<Kind> = [
  { name: "TEST UNIT READY", cdb: Buffer.alloc(6), direction: "none", length: 0, status: "GOOD" },
  { name: "SYNCHRONIZE CACHE", cdb: cdb10(0x35, 0, 0), direction: "none", length: 0, status: "GOOD" },
  { name: "VERIFY without data", cdb: cdb10(0x2f, 0, 2), direction: "none", length: 0, status: "GOOD" },
  { name: "REQUEST SENSE", cdb: bytes(3, 0, 0, 0, 18, 0), direction: "in", length: 18, status: "GOOD" },
  { name: "REQUEST SENSE cut short", cdb: bytes(3, 0, 0, 0, 9, 0), direction: "in", length: 9, status: "GOOD" },
  { name: "READ", cdb: read10(0, 2), direction: "in", length: 1024, status: "GOOD" },
  { name: "READ of nothing", cdb: read10(0, 0), direction: "in", length: 0, status: "GOOD" },
  { name: "READ beyond the end", cdb: read10(1 << 20, 2), direction: "in", length: 1024, status: "5/21/00" },
  { name: "WRITE", cdb: write10(0, 2), direction: "out", length: 1024, status: "GOOD" },
  { name: "WRITE of nothing", cdb: write10(0, 0), direction: "out", length: 0, status: "GOOD" },
  { name: "WRITE beyond the end", cdb: write10(1 << 20, 2), direction: "out", length: 1024, status: "5/21/00" },
  { name: "WRITE AND VERIFY", cdb: cdb10(0x2e, 0, 2), direction: "out", length: 1024, status: "GOOD" },
  { name: "VERIFY with data", cdb: verifyBytes, direction: "out", length: 1024, status: "GOOD" },
  { name: "ORWRITE", cdb: cdb16(0x8b, 0, 2), direction: "out", length: 1024, status: "GOOD" },
  {
    name: "UNMAP",
    cdb: unmap,
    direction: "out",
    length: 24,
    status: "GOOD",
    data: unmapList,
    shortStatus: lengthError
  },
  {
    name: "MODE SELECT",
    cdb: bytes(0x15, 0x10, 0, 0, 16, 0),
    direction: "out",
    length: 16,
    status: "GOOD",
    data: modeList,
    shortStatus: lengthError
  }
]

const flagsOf = { neither: 0x81, read: 0xc1, write: 0xa1 } as const
type Flags = keyof typeof flagsOf

const nodeWith = (isBuffered: boolean) => {
  const disk = ramDisk(diskBlocks)
  disk.memory?.fill(7)
  const node = new TestNode()
  addTarget(node, { 0: isBuffered ? new ErrorBdev(disk) : disk })
  return { disk, node }
}

/** What came for one command: its end, and its data. */
const finish = async (peer: TestPeer, tag: number, data: Buffer): Promise<{ end: Pdu; received: Buffer }> => {
  const received: Array<Buffer> = []
  for (let round = 0; round < 20; round++) {
    await turn()
    for (const pdu of peer.received()) {
      if (pdu.opcode === Opcode.readyToTransfer) {
        const piece = data.subarray(pdu.bufferOffset, pdu.bufferOffset + pdu.count)
        assert.lengthOf(piece, pdu.count, "no more is asked for than the initiator has")
        peer.dataOut(tag, piece, pdu.bufferOffset, { word20: pdu.targetTransferTag })
        continue
      }
      if (pdu.opcode === Opcode.dataIn) received.push(pdu.data)
      if (pdu.opcode !== Opcode.dataIn || (pdu.flags & 1) === 1) return { end: pdu, received: Buffer.concat(received) }
    }
  }
  throw new Error("no end")
}

/** `O 24`, `U 24` or nothing: RFC 7143 section 11.4.5.1, from what moves and what was expected. */
const residual = (moves: number, expected: number): string =>
  moves === expected ? "" : moves > expected ? `O ${moves - expected}` : `U ${expected - moves}`
const residualOf = ({ count, flags }: Pdu): string =>
  (flags & 0x04) !== 0 ? `O ${count}` : (flags & 0x02) !== 0 ? `U ${count}` : count === 0 ? "" : `${count}?`

const check = async (kind: Kind, flags: Flags, expectedBytes: number, keys: KeyList, isBuffered: boolean) => {
  const { disk, node } = nodeWith(isBuffered)
  const peer = loggedIn(node, { keys })
  const isWrite = flags === "write"
  const data = Buffer.alloc(isWrite ? expectedBytes : 0, 7)
  kind.data?.copy(data)
  const immediate = keys.length === 0 ? data : undefined
  const tag = peer.command(flagsOf[flags], kind.cdb, expectedBytes, immediate)
  const { end, received } = await finish(peer, tag, data)
  const fits = (kind.direction === "in" && flags === "read") || (kind.direction === "out" && isWrite)
  // Without a flag there is no expected length; with that of the other direction it is that one's.
  const expected = flags === "neither" || (kind.direction !== "none" && !fits) ? 0 : expectedBytes
  const moved = fits ? Math.min(kind.length, expectedBytes) : 0
  const isShort = kind.direction === "out" && moved < kind.length
  const status = isShort && kind.status === "GOOD" ? (kind.shortStatus?.(moved) ?? kind.status) : kind.status
  assert.strictEqual(statusOf(end), status)
  // What is taken for a parameter list has moved, whatever is made of it.
  const moves = status === "GOOD" || kind.shortStatus !== undefined ? kind.length : 0
  const announced = flags === "neither" ? 0 : expectedBytes
  assert.strictEqual(residualOf(end), moves === 0 ? residual(0, announced) : residual(moves, expected))
  assert.lengthOf(received, kind.direction === "in" && status === "GOOD" ? moved : 0)
  const from = kind.name === "UNMAP" ? unmappedBlocks * 512 : 0
  assert.isTrue(disk.memory?.subarray(from).equals(Buffer.alloc(diskBlocks * 512 - from, 7)))
  assert.strictEqual(node.tasks.bufferBytes, 0)
  assert.strictEqual(peer.connection.session?.commandsInFlight, 0)
  peer.command(0x81, Buffer.alloc(6), 0)
  await turn()
  assert.strictEqual(statusOf(peer.one()), "GOOD", "the session goes on")
}

const lengthsAround = (length: number): ReadonlyArray<number> =>
  [...new Set([0, 1, length - 513, length - 512, length - 1, length, length + 1, length + 512, length + 3000])].filter(
    (bytes) => bytes >= 0
  )

describe.each([
  ["a RAM disk", false],
  ["a disk with buffers", true]
] as const)("residuals on %s", (_name, isBuffered) => {
  it.each(kinds.map((kind) => [kind.name, kind] as const))("of %s", async (_kind, kind) => {
    for (const flags of ["neither", "read", "write"] as const) {
      for (const expectedBytes of lengthsAround(kind.length)) {
        for (const keys of flags === "write" ? [[], [["ImmediateData", "No"] as const]] : [[]]) {
          try {
            await check(kind, flags, expectedBytes, keys, isBuffered)
          } catch (error) {
            throw new Error(`${flags}, ${expectedBytes} bytes, ${keys.length} keys: ${error}`, { cause: error })
          }
        }
      }
    }
  })
})
