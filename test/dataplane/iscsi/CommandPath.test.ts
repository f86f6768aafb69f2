/** Commands at the edges of their lives: half read when their LUN goes, ended by a drain, given up, orphaned. */
import { assert, beforeEach, describe, it } from "vitest"
import type { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { TaskPhase } from "../../../src/dataplane/iscsi/IscsiTask.ts"
import type { Target } from "../../../src/dataplane/iscsi/Target.ts"
import { drainLun } from "../../../src/dataplane/reactor/drain-lun.ts"
import { Opcode } from "../../support/initiator/pdu.ts"
import {
  addTarget,
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

const lun1 = lunField(1)
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
  peer = loggedIn(node, { keys: [["InitialR2T", "Yes"]] }, [0, 1])
})

/** Drains a LUN that has nothing in flight, and closes its bdev, as a removal does. */
const removeLun = (lun: number): void => {
  const mapping = target.luns[lun]
  assert(mapping !== undefined)
  let drained = false
  drainLun(
    target,
    mapping,
    1000,
    () => node.now(),
    (outcome) => {
      assert.deepStrictEqual(outcome, { drained: 0, aborted: 0, durationMillis: 0 })
      drained = true
    }
  )
  assert.isTrue(drained)
  target.luns[lun] = undefined
  mapping.unit.bdev.close()
}

describe("a command whose PDU is half read when its LUN goes", () => {
  it("ends with 5/25/00, whatever it is: nothing touches the disk any more", async () => {
    const commands: ReadonlyArray<readonly [string, number, Buffer, number]> = [
      ["a read from the start", 0xc1, read10(0, 8), 4096],
      ["a read from the middle", 0xc1, read10(100, 8), 4096],
      ["a write", 0xa1, write10(0, 1), 512],
      ["a flush", 0x81, Buffer.from([0x35]), 0]
    ]
    for (const [what, flags, cdb, expectedBytes] of commands) {
      for (const lun of [0, 1]) {
        const old = target.luns[lun]
        if (old !== undefined) old.active = false
        target.luns[lun] = addTarget(new TestNode(), { [lun]: lun === 0 ? ramDisk() : hangingDisk() }).luns[lun]
        peer.command(0x81, Buffer.alloc(6), 0, undefined, lunField(lun))
        peer.received()
        // A data segment where none belongs is how a command comes in two pieces.
        const fields = lunField(lun)
        const bytes = peer.commandBytes(flags, cdb, expectedBytes, Buffer.alloc(512), fields)
        peer.bytes(bytes.subarray(0, 100))
        removeLun(lun)
        peer.bytes(bytes.subarray(100))
        await turn()
        assert.strictEqual(statusOf(peer.one()), "5/25/00", `${what} at LUN ${lun}`)
      }
    }
    assert.deepStrictEqual(
      node.told.filter((line) => line.includes("error")),
      []
    )
    assert.strictEqual(peer.connection.session?.commandsInFlight, 0)
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })
})

describe("a LUN that drains", () => {
  it("ends writes that wait for data at once; their late data are dropped, and other LUNs' writes go on", async () => {
    const ended = peer.command(0xa1, write10(0, 8), 4096)
    const r2t = peer.one()
    target.luns[2] = addTarget(new TestNode(), { 2: ramDisk() }).luns[2]
    peer.command(0x81, Buffer.alloc(6), 0, undefined, { lun: 2n << 48n })
    peer.received()
    const other = peer.command(0xa1, write10(0, 1), 512, undefined, { lun: 2n << 48n })
    const otherR2t = peer.one()
    removeLun(0)
    await turn()
    const status = peer.one()
    assert.deepStrictEqual([status.initiatorTaskTag, statusOf(status)], [ended, "5/25/00"])
    assert.deepStrictEqual([status.flags & 6, status.count], [2, 4096])
    peer.dataOut(ended, Buffer.alloc(4096, 1), 0, { word20: r2t.targetTransferTag })
    assert.lengthOf(peer.received(), 0)
    peer.dataOut(other, Buffer.alloc(512, 2), 0, { word20: otherR2t.targetTransferTag })
    assert.strictEqual(statusOf(peer.one()), "GOOD")
    assert.strictEqual(target.luns[2]?.unit.bdev.memory?.[511], 2)
  })

  it("in the middle of a Data-Out leaves whole blocks, and drops the rest of the PDU", async () => {
    const memory = Buffer.from(disk.memory?.buffer ?? new ArrayBuffer(0))
    const tag = peer.command(0xa1, write10(0, 8), 4096)
    const r2t = peer.one()
    const pieces: Array<Buffer> = []
    const receive = peer.bytes
    peer.bytes = (bytes) => void pieces.push(bytes)
    peer.dataOut(tag, Buffer.alloc(4096, 0xee), 0, { word20: r2t.targetTransferTag })
    peer.bytes = receive
    const bytes = Buffer.concat(pieces)
    peer.bytes(bytes.subarray(0, 48 + 1500))
    const mapping = target.luns[0]
    assert(mapping !== undefined)
    drainLun(
      target,
      mapping,
      1000,
      () => 0,
      () => {}
    )
    await turn()
    assert.strictEqual(statusOf(peer.one()), "5/25/00")
    peer.bytes(bytes.subarray(48 + 1500))
    peer.command(0x81, Buffer.alloc(6), 0, undefined, lun1)
    assert.strictEqual(statusOf(peer.one()), "GOOD")
    assert.isTrue(memory.subarray(0, 1024).every((byte) => byte === 0xee))
    assert.isTrue(memory.subarray(1024).every((byte) => byte === 0))
  })
})

describe("a command that is given up", () => {
  it("is answered once; the bdev keeps its buffer until it is back", async () => {
    const tag = peer.command(0xc1, read10(0, 8), 4096, undefined, lun1)
    const commands = peer.connection.commands
    const task = commands?.tasks.get(tag)
    assert(commands !== undefined && task !== undefined)
    commands.giveUp(task)
    await turn()
    assert.strictEqual(statusOf(peer.one()), "b/00/00")
    assert.strictEqual(task.phase, TaskPhase.Zombie)
    assert.strictEqual(node.tasks.bufferBytes, 4096)
    assert.strictEqual(peer.connection.session?.commandsInFlight, 0)
    slow.resumePending()
    await turn()
    assert.lengthOf(peer.received(), 0)
    assert.strictEqual(node.tasks.bufferBytes, 0)
    assert.strictEqual(task.phase, TaskPhase.Idle)
  })

  it("may have its tag used again while it is still out", async () => {
    const tag = peer.command(0xc1, read10(0, 8), 4096, undefined, lun1)
    const commands = peer.connection.commands
    const task = commands?.tasks.get(tag)
    assert(commands !== undefined && task !== undefined)
    commands.giveUp(task)
    await turn()
    peer.received()
    peer.command(0xc1, read10(0, 1), 512, undefined, { initiatorTaskTag: tag })
    assert.strictEqual(statusOf(peer.one()), "GOOD")
    slow.resumePending()
    await turn()
    assert.lengthOf(peer.received(), 0)
  })
})

describe("commands of a connection that ends", () => {
  it("run to their end at the bdev, unanswered, and are back in the pool", async () => {
    for (let count = 0; count < 5; count++) peer.command(0xc1, read10(0, 8), 4096, undefined, lun1)
    peer.command(0xa1, write10(0, 8), 4096)
    peer.received()
    peer.connection.close("test")
    assert.strictEqual(target.luns[1]?.submitted.size, 5)
    assert.strictEqual(node.tasks.bufferBytes, 5 * 4096)
    slow.resumePending()
    await turn()
    assert.strictEqual(target.luns[1]?.submitted.size, 0)
    assert.strictEqual(node.tasks.bufferBytes, 0)
    assert.lengthOf(peer.received(), 0)
  })
})

describe("an initiator task tag", () => {
  it("that is in use ends the connection", () => {
    const tag = peer.command(0xc1, read10(0, 1), 512, undefined, lun1)
    peer.command(0xc1, read10(0, 1), 512, undefined, { initiatorTaskTag: tag })
    assert.strictEqual(peer.connection.state, "exiting")
    assert.isTrue(node.told.some((line) => line.includes(`initiator task tag ${tag} is in use`)))
  })
})

describe("a mistake of our own", () => {
  it("costs one connection, which sends nothing half written, and leaves the others alone", async () => {
    const other = loggedIn(node, { isid: "80000000000a" })
    // The disk's memory is taken away behind everybody's back.
    disk.close()
    const before = peer.socket.sent.length
    peer.command(0xc1, read10(100, 8), 4096)
    await turn()
    assert.isTrue(node.told.some((line) => line.startsWith("internal error: ")))
    assert.notStrictEqual(peer.connection.state, "full-feature")
    assert.lengthOf(peer.socket.sent.slice(before), 0)
    other.command(0x81, Buffer.alloc(6), 0)
    const pdu = other.one()
    assert.deepStrictEqual([pdu.opcode, statusOf(pdu)], [Opcode.scsiResponse, "GOOD"])
  })
})
