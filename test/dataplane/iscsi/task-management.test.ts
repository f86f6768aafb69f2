/** Task management: what is aborted is not answered, and the response waits until it has left the bdev. */
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/ErrorBdev.ts"
import { LunMapping, type Target } from "../../../src/dataplane/iscsi/Target.ts"
import { taskManagementTimeoutMillis } from "../../../src/dataplane/limits.ts"
import { Opcode } from "../../support/initiator/pdu.ts"
import {
  addTarget,
  hangingDisk,
  loggedIn,
  ramDisk,
  read10,
  statusOf,
  TestNode,
  type TestPeer,
  targetSpec,
  turn,
  write10
} from "./fixture.ts"

const lunField = (lun: number) => ({ lun: BigInt(lun) << 48n })
const complete = 0
const noSuchTask = 1
const noSuchLun = 2
const notSupported = 5
const rejected = 255

let node: TestNode
let slow: ErrorBdev
let target: Target
let peer: TestPeer

beforeEach(() => {
  node = new TestNode()
  slow = hangingDisk()
  target = addTarget(node, { 0: ramDisk(), 1: slow })
  peer = loggedIn(node, { keys: [["InitialR2T", "Yes"]] }, [0, 1])
})
afterEach(() => {
  vi.useRealTimers()
})

const readSlowly = (from: TestPeer = peer) => from.command(0xc1, read10(0, 8), 4096, undefined, lunField(1))
const manage = (code: number, lun: number, referencedTag = 0xffffffff, from: TestPeer = peer): void => {
  const header = { opcode: Opcode.taskManagement, immediate: true, flags: 0x80 | code, ...lunField(lun) }
  from.send({ ...header, initiatorTaskTag: from.nextTag(), word20: referencedTag, cmdSn: from.cmdSn })
}
/** The result, when it is there. */
const result = async (from: TestPeer = peer): Promise<number | undefined> => {
  await turn()
  const pdus = from.received()
  assert.isAtMost(pdus.length, 1)
  assert.isTrue(pdus.every((pdu) => pdu.opcode === Opcode.taskManagementResponse))
  return pdus[0]?.response
}

describe("ABORT TASK", () => {
  it("answers when the command has left the bdev, and the command is not answered at all", async () => {
    const tag = readSlowly()
    manage(1, 1, tag)
    assert.isUndefined(await result())
    assert.isAbove(node.tasks.bufferBytes, 0)
    slow.resumePending()
    assert.strictEqual(await result(), complete)
    assert.strictEqual(node.tasks.bufferBytes, 0)
    assert.strictEqual(target.luns[1]?.submitted.size, 0)
  })

  it("leaves other commands alone", async () => {
    const tag = readSlowly()
    const other = readSlowly()
    manage(1, 1, tag)
    slow.resumePending()
    await turn()
    const pdus = peer.received()
    assert.deepStrictEqual(pdus.map((pdu) => pdu.opcode).sort(), [Opcode.taskManagementResponse, Opcode.dataIn])
    assert.strictEqual(pdus.find((pdu) => pdu.opcode === Opcode.dataIn)?.initiatorTaskTag, other)
  })

  it("of a write that waits for data is done at once; its late data are dropped", async () => {
    const tag = peer.command(0xa1, write10(0, 8), 4096)
    const r2t = peer.one()
    assert.strictEqual(r2t.opcode, Opcode.readyToTransfer)
    manage(1, 0, tag)
    assert.strictEqual(await result(), complete)
    peer.dataOut(tag, Buffer.alloc(4096, 0xee), 0, { word20: r2t.targetTransferTag })
    assert.isUndefined(await result())
    assert.strictEqual(target.luns[0]?.unit.bdev.memory?.[0], 0)
  })

  it("of a command that is not there says so", async () => {
    manage(1, 1, 0x4711)
    assert.strictEqual(await result(), noSuchTask)
    // The command is at another unit than the function names (RFC 7143 section 11.5.3).
    const tag = readSlowly()
    manage(1, 0, tag)
    assert.strictEqual(await result(), noSuchTask)
    slow.resumePending()
  })

  it("at a LUN that drains or does not exist says that there is no such LUN", async () => {
    const tag = readSlowly()
    const mapping = target.luns[1]
    assert(mapping !== undefined)
    mapping.active = false
    manage(1, 1, tag)
    assert.strictEqual(await result(), noSuchLun)
    manage(1, 7, tag)
    assert.strictEqual(await result(), noSuchLun)
    slow.resumePending()
  })

  it("ends a command whose LUN has been hidden from the session meanwhile", async () => {
    const tag = readSlowly()
    const maps = [{ initiatorGroup: 1, readOnly: false, luns: [0] }]
    target.update(targetSpec({ ports: [{ portalGroupTag: 1, relativePortId: 1, maps }] }))
    for (const session of target.sessions) session.mapsChanged()
    manage(1, 1, tag)
    slow.resumePending()
    assert.strictEqual(await result(), complete)
    manage(1, 1, tag)
    assert.strictEqual(await result(), noSuchLun)
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })

  it("gives up waiting for a bdev that does not answer, and lets the command be", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    manage(1, 1, readSlowly())
    vi.advanceTimersByTime(taskManagementTimeoutMillis - 1)
    assert.isUndefined(await result())
    vi.advanceTimersByTime(1)
    assert.strictEqual(await result(), rejected)
    slow.resumePending()
    assert.isUndefined(await result())
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })

  it("says nothing to a connection that ends meanwhile", async () => {
    manage(1, 1, readSlowly())
    peer.connection.close("test")
    slow.resumePending()
    assert.isUndefined(await result())
  })
})

describe("ABORT TASK SET", () => {
  it("ends all commands of this session at the LUN, and no others", async () => {
    const other = loggedIn(node, { isid: "80000000000a" }, [0, 1])
    const kept = peer.command(0xa1, write10(0, 8), 4096)
    peer.received()
    readSlowly(other)
    readSlowly()
    readSlowly()
    manage(2, 1)
    slow.resumePending()
    assert.strictEqual(await result(), complete)
    assert.strictEqual(statusOf(other.one()), "GOOD")
    assert.isTrue(peer.connection.commands?.tasks.has(kept))
  })

  it("with nothing to end is done at once", async () => {
    manage(2, 1)
    assert.strictEqual(await result(), complete)
    manage(2, 5)
    assert.strictEqual(await result(), noSuchLun)
  })
})

describe("LOGICAL UNIT RESET", () => {
  it("ends the commands of all sessions, by whatever target they came, and tells the others", async () => {
    const unit = target.luns[1]?.unit
    assert(unit !== undefined)
    const second = addTarget(node, {}, { name: "iqn.second" })
    second.luns[5] = new LunMapping(5, 50, unit)
    const other = loggedIn(node, { target: "iqn.second" }, [5])
    readSlowly()
    other.command(0xc1, read10(0, 8), 4096, undefined, lunField(5))
    manage(5, 1)
    assert.isUndefined(await result())
    slow.resumePending()
    assert.strictEqual(await result(), complete)
    assert.lengthOf(other.received(), 0)
    other.command(0x81, Buffer.alloc(6), 0, undefined, lunField(5))
    assert.strictEqual(statusOf(other.one()), "6/29/03")
    peer.command(0x81, Buffer.alloc(6), 0, undefined, lunField(1))
    assert.strictEqual(statusOf(peer.one()), "GOOD")
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })

  it("in the middle of another session's write ends that write, block by block", async () => {
    const other = loggedIn(node, { isid: "80000000000a" }, [0])
    const bytes = other.commandBytes(0xa1, write10(0, 4), 2048, Buffer.alloc(2048, 0xee))
    other.bytes(bytes.subarray(0, 48 + 700))
    manage(5, 0)
    assert.strictEqual(await result(), complete)
    other.bytes(bytes.subarray(48 + 700))
    assert.lengthOf(other.received(), 0)
    const memory = target.luns[0]?.unit.bdev.memory
    assert.strictEqual(memory?.[511], 0xee)
    assert.strictEqual(memory?.[512], 0)
    assert.strictEqual(other.connection.session?.commandsInFlight, 0)
  })

  it("of a LUN that does not exist says so", async () => {
    manage(5, 9)
    assert.strictEqual(await result(), noSuchLun)
  })
})

describe("other functions", () => {
  it("are not supported, or not known", async () => {
    for (const [code, expected] of [
      [3, notSupported],
      [4, notSupported],
      [6, notSupported],
      [7, notSupported],
      [8, notSupported],
      [9, rejected],
      [0, rejected]
    ] as const) {
      manage(code, 1)
      assert.strictEqual(await result(), expected)
    }
  })
})
