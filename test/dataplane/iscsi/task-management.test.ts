/** Task management: what is aborted is not answered, and the response waits until it has left the bdev. */
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { LunMapping, type Target } from "../../../src/dataplane/iscsi/Target.ts"
import { pendingFunctionsMax, taskManagementTimeoutMillis } from "../../../src/dataplane/limits.ts"
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
  targetSpec,
  turn,
  write10
} from "./fixture.ts"

const complete = 0
const noSuchTask = 1
const noSuchLun = 2
const reassignmentNotSupported = 4
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
const manage = (code: number, lun: number, referencedTag = 0xffffffff, from: TestPeer = peer, fields = {}): number => {
  const header = { opcode: Opcode.taskManagement, immediate: true, flags: 0x80 | code, ...lunField(lun) }
  const tag = from.nextTag()
  from.send({ ...header, initiatorTaskTag: tag, word20: referencedTag, cmdSn: from.cmdSn, ...fields })
  return tag
}
const unitReady = (from: TestPeer, lun: number): string => {
  from.command(0x81, Buffer.alloc(6), 0, undefined, lunField(lun))
  return statusOf(from.one())
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

  it("waits so long for a bdev that does not answer; the command is aborted all the same", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    manage(1, 1, readSlowly())
    vi.advanceTimersByTime(taskManagementTimeoutMillis - 1)
    assert.isUndefined(await result())
    vi.advanceTimersByTime(1)
    assert.strictEqual(await result(), complete)
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
    // SAM-5 6.3.3: every I_T nexus learns of it, that of the function, too.
    assert.deepStrictEqual([unitReady(other, 5), unitReady(other, 5)], ["6/29/03", "GOOD"])
    assert.deepStrictEqual([unitReady(peer, 1), unitReady(peer, 1)], ["6/29/03", "GOOD"])
    assert.strictEqual(unitReady(peer, 0), "GOOD")
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

describe("ABORT TASK of a command that has not come", () => {
  // The function is sent with a later CmdSN than the command has: the command is on its way somewhere.
  const abortMissing = (refCmdSn: number, cmdSn: number): number =>
    manage(1, 0, 0x9999, peer, { word32: refCmdSn >>> 0, cmdSn: cmdSn >>> 0 })

  it("counts its CmdSN as received, and the commands after it go on (RFC 7143 section 11.6.1)", async () => {
    const missing = peer.cmdSn
    peer.cmdSn += 1
    abortMissing(missing, peer.cmdSn)
    assert.strictEqual(await result(), complete)
    assert.strictEqual(peer.connection.session?.expCmdSn, peer.cmdSn)
    assert.strictEqual(unitReady(peer, 0), "GOOD")
    peer.command(0x81, Buffer.alloc(6), 0, undefined, { cmdSn: missing })
    assert.lengthOf(peer.received(), 0, "what comes all the same is a duplicate")
  })

  it("in any order within the window", async () => {
    const first = peer.cmdSn
    peer.cmdSn += 3
    for (const refCmdSn of [first + 1, first + 2, first]) {
      abortMissing(refCmdSn, peer.cmdSn)
      assert.strictEqual(await result(), complete)
    }
    assert.strictEqual(unitReady(peer, 0), "GOOD")
  })

  it("outside the window, or not before the function, says that there is no such task", async () => {
    const { cmdSn } = peer
    for (const refCmdSn of [cmdSn - 1, cmdSn, cmdSn + 1, cmdSn + 32, cmdSn + 0x80000000]) {
      abortMissing(refCmdSn, cmdSn)
      assert.strictEqual(await result(), noSuchTask)
    }
    abortMissing(cmdSn + 32, cmdSn + 40)
    assert.strictEqual(await result(), noSuchTask)
    assert.strictEqual(unitReady(peer, 0), "GOOD")
  })
})

describe("CLEAR TASK SET", () => {
  it("ends the commands of all initiators, and tells those that have lost one", async () => {
    const loser = loggedIn(node, { isid: "80000000000a" }, [0, 1])
    const bystander = loggedIn(node, { isid: "80000000000b" }, [0, 1])
    readSlowly(loser)
    readSlowly()
    const kept = loser.command(0xa1, write10(0, 8), 4096)
    loser.received()
    manage(4, 1)
    assert.isUndefined(await result())
    slow.resumePending()
    assert.strictEqual(await result(), complete)
    assert.lengthOf(loser.received(), 0)
    assert.isTrue(loser.connection.commands?.tasks.has(kept), "a command of another unit")
    assert.deepStrictEqual([unitReady(loser, 1), unitReady(loser, 1)], ["6/2f/00", "GOOD"])
    assert.strictEqual(unitReady(bystander, 1), "GOOD")
    assert.strictEqual(unitReady(peer, 1), "GOOD")
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })

  it("with TAS=1 tells others by the status of the command, wherever that is", async () => {
    const loser = loggedIn(node, { isid: "80000000000a" }, [0, 1])
    const select = Buffer.from([0x15, 0x10, 0, 0, 16, 0])
    const list = Buffer.from([0, 0, 0, 0, 0x0a, 10, 2, 0x10, 0, 0x40, 0, 0, 0, 0, 0, 0])
    for (const lun of [0, 1]) {
      peer.command(0xa1, select, list.length, list, lunField(lun))
      await turn()
      assert.strictEqual(statusOf(peer.one()), "GOOD")
      assert.strictEqual(unitReady(loser, lun), "6/2a/01")
    }
    const atDisk = readSlowly(loser)
    readSlowly()
    manage(4, 1)
    await turn()
    const told = loser.one()
    assert.deepStrictEqual([told.initiatorTaskTag, told.status, told.count], [atDisk, 0x40, 4096])
    assert.isUndefined(await result(), "the disk still has both")
    slow.resumePending()
    assert.strictEqual(await result(), complete)
    const waiting = loser.command(0xa1, write10(0, 8), 4096)
    const r2t = loser.one()
    manage(4, 0)
    assert.strictEqual(await result(), complete)
    assert.deepStrictEqual([loser.one().status, unitReady(loser, 0)], [0x40, "GOOD"])
    loser.dataOut(waiting, Buffer.alloc(4096, 1), 0, { word20: r2t.targetTransferTag })
    assert.lengthOf(loser.received(), 0)
    assert.strictEqual(target.luns[0]?.unit.bdev.memory?.[0], 0)

    // A reset ends that, too: then aborts are silent again.
    manage(5, 1)
    assert.strictEqual(await result(), complete)
    assert.deepStrictEqual([unitReady(loser, 1), unitReady(peer, 1)], ["6/29/03", "6/29/03"])
    readSlowly(loser)
    manage(4, 1)
    slow.resumePending()
    assert.strictEqual(await result(), complete)
    assert.lengthOf(loser.received(), 0)
    assert.strictEqual(unitReady(loser, 1), "6/2f/00")
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })

  it("of a LUN that does not exist says so", async () => {
    manage(4, 9)
    assert.strictEqual(await result(), noSuchLun)
  })
})

describe("functions side by side", () => {
  it("are bounded, and those beyond are rejected (RFC 7143 section 4.2.2.1)", async () => {
    readSlowly()
    for (let count = 0; count < pendingFunctionsMax; count++) manage(5, 1)
    assert.lengthOf(peer.received(), 0)
    manage(5, 1)
    assert.deepStrictEqual([peer.one().response, peer.connection.managing.size], [0x06, pendingFunctionsMax])
    slow.resumePending()
    await turn()
    assert.lengthOf(peer.received(), pendingFunctionsMax)
    assert.strictEqual(peer.connection.managing.size, 0)
  })

  it("with a tag that is in use, or none, are rejected", () => {
    readSlowly()
    const function1 = manage(5, 1)
    manage(2, 0, undefined, peer, { initiatorTaskTag: function1 })
    const again = peer.one()
    assert.deepStrictEqual([again.opcode, again.response], [Opcode.reject, 0x07])
    const write = peer.command(0xa1, write10(0, 8), 4096)
    peer.received()
    manage(2, 1, undefined, peer, { initiatorTaskTag: write })
    assert.strictEqual(peer.one().response, 0x07)
    manage(2, 1, undefined, peer, { initiatorTaskTag: 0xffffffff })
    assert.strictEqual(peer.one().response, 0x09)
    manage(1, 1, function1)
    assert.strictEqual(peer.one().response, rejected, "a function is no task that can be aborted")
    slow.resumePending()
  })
})

describe("other functions", () => {
  it("are not supported, or not known", async () => {
    for (const [code, expected] of [
      [3, notSupported],
      [8, reassignmentNotSupported],
      [9, rejected],
      [10, rejected],
      [127, rejected],
      [0, rejected]
    ] as const) {
      manage(code, 1)
      assert.strictEqual(await result(), expected)
    }
  })
})
