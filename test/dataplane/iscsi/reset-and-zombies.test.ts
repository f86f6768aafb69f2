/** LOGICAL UNIT RESET and commands that nobody waits for any more, while the bdev still has them. */
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { LunMapping, type Target } from "../../../src/dataplane/iscsi/Target.ts"
import { taskManagementTimeoutMillis } from "../../../src/dataplane/limits.ts"
import { Opcode, type Pdu, reservedTag } from "../../support/initiator/pdu.ts"
import {
  addTarget,
  hangingDisk,
  loggedIn,
  read10,
  statusOf,
  TestNode,
  type TestPeer,
  turn,
  write10
} from "./fixture.ts"

const abortTask = 0x81
const logicalUnitReset = 0x85
const complete = 0
let node: TestNode
let slow: ErrorBdev
let target: Target
let peer: TestPeer

beforeEach(() => {
  node = new TestNode()
  slow = hangingDisk()
  target = addTarget(node, { 0: slow })
  peer = loggedIn(node)
})
afterEach(() => {
  vi.useRealTimers()
})

const writeSlowly = (from: TestPeer = peer): number => from.command(0xa1, write10(0, 1), 512, Buffer.alloc(512, 3))
const manage = (flags: number, referencedTag = reservedTag): number => {
  const tag = peer.nextTag()
  const header = { opcode: Opcode.taskManagement, immediate: true, flags, initiatorTaskTag: tag, cmdSn: peer.cmdSn }
  peer.send({ ...header, word20: referencedTag })
  return tag
}
const answers = async (): Promise<ReadonlyArray<Pdu>> => {
  await turn()
  return peer.received()
}

describe("LOGICAL UNIT RESET", () => {
  it("waits for a write that ABORT TASK has ended and the bdev still has, and both are answered", async () => {
    const abort = manage(abortTask, writeSlowly())
    const reset = manage(logicalUnitReset)
    assert.deepStrictEqual(await answers(), [])
    slow.resumePending()
    assert.deepStrictEqual(
      (await answers()).map((pdu) => [pdu.initiatorTaskTag, pdu.response]),
      [
        [abort, complete],
        [reset, complete]
      ]
    )
  })

  it("waits for a write of a connection that has ended, by whatever target it came", async () => {
    const unit = target.luns[0]?.unit
    assert(unit !== undefined)
    addTarget(node, {}, { name: "iqn.second" }).luns[5] = new LunMapping(5, 50, unit)
    const gone = loggedIn(node, { target: "iqn.second" }, [5])
    gone.command(0xa1, write10(0, 1), 512, Buffer.alloc(512, 3), { lun: 5n << 48n })
    gone.connection.close("cut")
    const reset = manage(logicalUnitReset)
    assert.deepStrictEqual(await answers(), [])
    slow.resumePending()
    const [answer] = await answers()
    assert.deepStrictEqual([answer?.initiatorTaskTag, answer?.response], [reset, complete])
  })

  it("does not wait for ever for such a write, which keeps off what comes later", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    manage(abortTask, writeSlowly())
    vi.advanceTimersByTime(taskManagementTimeoutMillis)
    assert.strictEqual((await answers())[0]?.response, complete)
    manage(logicalUnitReset)
    vi.advanceTimersByTime(taskManagementTimeoutMillis - 1)
    assert.deepStrictEqual(await answers(), [])
    vi.advanceTimersByTime(1)
    assert.strictEqual((await answers())[0]?.response, complete)
    slow.resumePending()
    assert.deepStrictEqual(await answers(), [])
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })
})

describe("a write that nobody waits for any more", () => {
  const clear = {
    ioType: "clear",
    errorType: "pending",
    count: 0,
    queueDepth: 0,
    corruptOffset: 0,
    corruptValue: 0
  } as const

  it("keeps the commands of a later session off its blocks, and off no others, until it has landed", async () => {
    writeSlowly()
    peer.connection.close("cut")
    slow.inject(clear)
    const later = loggedIn(node)
    const write = (block: number) => later.command(0xa1, write10(block, 1), 512, Buffer.alloc(512, 4))
    const said = async (): Promise<ReadonlyArray<string>> => {
      await turn()
      return later.received().map(statusOf)
    }
    write(0)
    later.command(0xc1, read10(0, 2), 1024)
    write(1)
    assert.deepStrictEqual(await said(), ["status 8", "status 8", "GOOD"])
    slow.resumePending()
    write(0)
    assert.deepStrictEqual(await said(), ["GOOD"])
    later.command(0xc1, read10(0, 1), 512)
    await turn()
    assert.isTrue(later.received()[0]?.data.equals(Buffer.alloc(512, 4)))
  })
})
