/** Commands with data to receive or several steps, on their way through a session: residuals, aborts, drains, locks. */
import { assert, beforeEach, describe, it } from "vitest"
import type { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { NullBdev } from "../../../src/dataplane/bdev/memory/NullBdev.ts"
import { DelayBdev } from "../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import type { Target } from "../../../src/dataplane/iscsi/Target.ts"
import { drainLun } from "../../../src/dataplane/reactor/drain-lun.ts"
import { Opcode, type Pdu, reservedTag } from "../../support/initiator/pdu.ts"
import {
  addTarget,
  cdb10,
  hangingDisk,
  loggedIn,
  lunField,
  ramDisk,
  read10,
  statusOf,
  TestNode,
  type TestPeer,
  turn,
  write10
} from "./fixture.ts"

const write = 0xa1
const block = (byte: number, count = 1): Buffer => Buffer.alloc(count * 512, byte)
const clear = {
  ioType: "clear",
  errorType: "pending",
  count: 0,
  queueDepth: 0,
  corruptOffset: 0,
  corruptValue: 0
} as const

const cdb16 = (opcode: number, flags: number, lba: number, blocks: number): Buffer => {
  const cdb = Buffer.alloc(16)
  cdb[0] = opcode
  cdb[1] = flags
  cdb.writeBigUInt64BE(BigInt(lba), 2)
  cdb.writeUInt32BE(blocks, 10)
  return cdb
}
const compareAndWrite = (lba: number, blocks: number): Buffer => cdb16(0x89, 0, lba, blocks)
const writeAtomic = (lba: number, blocks: number): Buffer => cdb16(0x9c, 0, lba, blocks)
const verify = (lba: number, blocks: number): Buffer => {
  const cdb = cdb10(0x2f, lba, blocks)
  cdb[1] = 0x02
  return cdb
}

let node: TestNode
let disk: MallocBdev
let slow: ErrorBdev
let target: Target
let peer: TestPeer

beforeEach(() => {
  node = new TestNode()
  disk = ramDisk()
  slow = hangingDisk()
  target = addTarget(node, { 0: disk, 1: slow })
  peer = loggedIn(node, {}, [0, 1])
})

const mappingOf = (lun: number) => {
  const mapping = target.luns[lun]
  assert(mapping !== undefined)
  return mapping
}
/** Nothing of any command is left. */
const assertIdle = (): void => {
  assert.strictEqual(node.tasks.bufferBytes, 0)
  for (const lun of [0, 1]) {
    const { bufferBytes, submitted, unit } = mappingOf(lun)
    assert.deepStrictEqual([bufferBytes, submitted.size, unit.statistics.inFlight], [0, 0, 0])
    assert.deepStrictEqual([unit.taskSet.open, unit.taskSet.waitingCount], [true, 0])
  }
}
const answers = async (from: TestPeer = peer): Promise<ReadonlyArray<Pdu>> => {
  await turn()
  await turn()
  return from.received()
}
const statuses = async (from: TestPeer = peer) => (await answers(from)).map(statusOf)
const contentAt = (lba: number, count = 1): Buffer => {
  assert(disk.memory !== undefined)
  return disk.memory.subarray(lba * 512, (lba + count) * 512)
}
/** Sent as wrong as `expectedBytes` says; status, residual flags (O and U) and count. */
const residualOf = (cdb: Buffer, expectedBytes: number, data: Buffer) => {
  peer.command(write, cdb, expectedBytes, data)
  const pdu = peer.one()
  return [statusOf(pdu), pdu.flags & 0x06, pdu.header.readUInt32BE(44)]
}

describe("an operation's data", () => {
  it("come by R2T where they are not sent at once", () => {
    const asked = loggedIn(node, {
      keys: [
        ["InitialR2T", "Yes"],
        ["ImmediateData", "No"]
      ]
    })
    const tag = asked.command(write, compareAndWrite(8, 2), 2048)
    const r2t = asked.one()
    assert.deepStrictEqual([r2t.opcode, r2t.header.readUInt32BE(44)], [0x31, 2048])
    asked.dataOut(tag, Buffer.concat([block(0, 2), block(7)]), 0, { flags: 0, word20: r2t.targetTransferTag })
    asked.dataOut(tag, block(8), 1536, { flags: 0x80, word20: r2t.targetTransferTag, word36: 1 })
    assert.strictEqual(statusOf(asked.one()), "GOOD")
    assert.isTrue(contentAt(8, 2).equals(Buffer.concat([block(7), block(8)])))
    assertIdle()
  })

  it("may be more or less than the command takes: the residual count says by how much", () => {
    assert.deepStrictEqual(residualOf(verify(0, 1), 512, block(0)), ["GOOD", 0, 0])
    assert.deepStrictEqual(residualOf(verify(0, 1), 700, Buffer.alloc(700)), ["GOOD", 2, 188])
    assert.deepStrictEqual(residualOf(verify(0, 2), 512, block(0)), ["GOOD", 4, 512])
    assert.deepStrictEqual(residualOf(verify(0, 1), 0, Buffer.alloc(0)), ["GOOD", 4, 512])
    assert.deepStrictEqual(residualOf(verify(0, 1), 512, block(1)), ["e/1d/00", 0, 0])
    assert.deepStrictEqual(residualOf(compareAndWrite(0, 1), 2048, block(0, 4)), ["5/24/00", 2, 1024])
    assertIdle()
  })

  it("are gathered whole before an atomic write begins: a cut connection changes nothing", () => {
    const asked = loggedIn(node, {
      keys: [
        ["InitialR2T", "Yes"],
        ["ImmediateData", "No"]
      ]
    })
    const tag = asked.command(write, writeAtomic(0, 4), 2048)
    const r2t = asked.one()
    asked.dataOut(tag, block(5, 3), 0, { flags: 0, word20: r2t.targetTransferTag })
    asked.connection.close("cut")
    assert.isTrue(contentAt(0, 4).equals(block(0, 4)))
    assertIdle()
  })

  it("are refused with TASK SET FULL or BUSY where buffers are used up, and nothing is done", () => {
    const mapping = mappingOf(0)
    mapping.bufferBytes = 256 * 1024 * 1024
    peer.command(write, compareAndWrite(0, 1), 1024, Buffer.concat([block(0), block(1)]))
    assert.strictEqual(statusOf(peer.one()), "status 28")
    mapping.bufferBytes = 0
    // Its data fit, what it compares them with does not: a RAM disk is compared where it is.
    const hanging = mappingOf(1)
    hanging.bufferBytes = 256 * 1024 * 1024 - 4096
    peer.command(write, compareAndWrite(0, 1), 1024, Buffer.concat([block(0), block(1)]), lunField(1))
    assert.strictEqual(statusOf(peer.one()), "status 8")
    hanging.bufferBytes = 0
    assert.isTrue(contentAt(0).equals(block(0)))
    assertIdle()
  })
})

describe("an operation at a disk that hangs", () => {
  const start = (from = peer, lba = 0): number =>
    from.command(write, compareAndWrite(lba, 1), 1024, Buffer.concat([block(0), block(1)]), lunField(1))
  const manage = (flags: number, referencedTag = reservedTag): number => {
    const tag = peer.nextTag()
    const header = { opcode: Opcode.taskManagement, immediate: true, flags, initiatorTaskTag: tag, cmdSn: peer.cmdSn }
    peer.send({ ...header, ...lunField(1), word20: referencedTag })
    return tag
  }

  it("is aborted: the answer comes when it has ended, and its second step never begins", async () => {
    const tag = start()
    const abort = manage(0x81, tag)
    assert.deepStrictEqual(await answers(), [])
    slow.resumePending()
    slow.inject(clear)
    const [answer] = await answers()
    assert.deepStrictEqual([answer?.initiatorTaskTag, answer?.response], [abort, 0])
    peer.command(0xc1, read10(0, 1), 512, undefined, lunField(1))
    assert.isTrue((await answers())[0]?.data.equals(block(0)))
    assertIdle()
  })

  it("keeps others off its blocks after an abort, until it has ended", async () => {
    manage(0x81, start())
    slow.inject(clear)
    peer.command(write, write10(0, 1), 512, block(9), lunField(1))
    peer.command(write, write10(1, 1), 512, block(9), lunField(1))
    const said = await statuses()
    assert.deepStrictEqual(said, ["status 8", "GOOD"])
    slow.resumePending()
    await answers()
    assertIdle()
  })

  it("is waited for by a drain, and given up at its deadline", async () => {
    start()
    const outcome = Promise.withResolvers<unknown>()
    drainLun(target, mappingOf(1), 1, () => node.now(), outcome.resolve)
    assert.deepInclude(await outcome.promise, { drained: 0, aborted: 1 })
    assert.deepStrictEqual(await statuses(), ["b/00/00"])
    slow.resumePending()
    await answers()
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })

  it("outlives its connection, with its buffers, and lets go of them in the end", async () => {
    start()
    peer.connection.close("cut")
    assert.isAbove(node.tasks.bufferBytes, 0)
    slow.resumePending()
    await turn()
    assertIdle()
  })

  it("makes commands on its blocks wait, whoever sends them, and no others", async () => {
    const other = loggedIn(node, { name: "iqn.2024-01.test.lunlog:other" }, [0, 1])
    start()
    slow.inject(clear)
    other.command(write, write10(0, 1), 512, block(9), lunField(1))
    other.command(0xc1, read10(1, 1), 512, undefined, lunField(1))
    other.command(0xc1, read10(0, 2), 1024, undefined, lunField(1))
    assert.deepStrictEqual(await statuses(other), ["GOOD"])
    assert.strictEqual(mappingOf(1).unit.taskSet.waitingCount, 2)
    slow.resumePending()
    assert.deepStrictEqual(await statuses(), ["GOOD"])
    const [written, readBack] = await answers(other)
    assert.strictEqual(written === undefined ? "" : statusOf(written), "GOOD")
    assert.isTrue(readBack?.data.equals(Buffer.concat([block(9), block(0)])))
    assertIdle()
  })

  it("lets commands that wait for it be aborted, drained and cut off", async () => {
    const other = loggedIn(node, { name: "iqn.2024-01.test.lunlog:other" }, [0, 1])
    start()
    const waiting = peer.command(write, write10(0, 1), 512, block(9), lunField(1))
    start(other)
    assert.strictEqual(mappingOf(1).unit.taskSet.waitingCount, 2)
    const abort = manage(0x81, waiting)
    assert.deepStrictEqual(
      (await answers()).map((pdu) => [pdu.initiatorTaskTag, pdu.response]),
      [[abort, 0]]
    )
    other.connection.close("cut")
    assert.strictEqual(mappingOf(1).unit.taskSet.waitingCount, 0)
    peer.command(write, write10(0, 1), 512, block(8), lunField(1))
    const drained = Promise.withResolvers<unknown>()
    drainLun(target, mappingOf(1), 60_000, () => node.now(), drained.resolve)
    assert.deepStrictEqual(await statuses(), ["5/25/00"])
    slow.resumePending()
    slow.resumePending()
    assert.deepInclude(await drained.promise, { drained: 1, aborted: 0 })
    await answers()
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })
})

describe("COMPARE AND WRITE of several sessions on a slow disk", () => {
  it("is won by one at a time: no update is lost", async () => {
    const base = ramDisk()
    const latencies = { averageReadMicros: 100, p99ReadMicros: 0, averageWriteMicros: 100, p99WriteMicros: 0 }
    target = addTarget(node, { 0: disk, 1: slow, 2: new DelayBdev(latencies, base, () => 0.5) }, { name: "iqn.race" })
    const peers = [1, 2, 3, 4].map((n) => loggedIn(node, { target: "iqn.race", name: `iqn.2024-01.test:${n}` }, [2]))
    const counts = peers.map(() => 0)
    const known = peers.map(() => 0)
    const incrementsEach = 5
    const next = (index: number): void => {
      const value = known[index] ?? 0
      const data = Buffer.concat([block(value), block(value + 1)])
      peers[index]?.command(write, compareAndWrite(3, 1), 1024, data, lunField(2))
    }
    for (const index of peers.keys()) next(index)
    while (counts.some((count) => count < incrementsEach)) {
      await turn()
      for (const [index, each] of peers.entries()) {
        for (const pdu of each.received()) {
          if (statusOf(pdu) === "GOOD") counts[index] = (counts[index] ?? 0) + 1
          else assert.strictEqual(statusOf(pdu), "e/1d/00")
          assert(base.memory !== undefined)
          known[index] = base.memory[3 * 512] ?? 0
          if ((counts[index] ?? 0) < incrementsEach) next(index)
        }
      }
    }
    assert.strictEqual(base.memory?.[3 * 512], peers.length * incrementsEach)
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })
})

describe("a disk that shrinks while the data come", () => {
  it("refuses the operation, and has done nothing", () => {
    const shrinking = new NullBdev({ _tag: "Null", blockCount: 100, blockSize: 512, physicalBlockSize: 0 })
    addTarget(node, { 0: shrinking }, { name: "iqn.shrinks" })
    const asked = loggedIn(node, {
      target: "iqn.shrinks",
      keys: [
        ["InitialR2T", "Yes"],
        ["ImmediateData", "No"]
      ]
    })
    const tag = asked.command(write, compareAndWrite(90, 1), 1024)
    const r2t = asked.one()
    shrinking.resize(50)
    asked.dataOut(tag, block(0, 2), 0, { flags: 0x80, word20: r2t.targetTransferTag })
    assert.strictEqual(statusOf(asked.one()), "5/21/00")
    assertIdle()
  })
})
