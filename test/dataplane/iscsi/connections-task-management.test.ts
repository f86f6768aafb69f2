/**
 * Task management of a session with two connections: a function covers the commands before it, whichever way they come
 * (RFC 7143 section 4.2.3.3).
 */
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import { taskManagementTimeoutMillis } from "../../../src/dataplane/limits.ts"
import { Opcode, reservedTag } from "../../support/initiator/pdu.ts"
import { addTarget, hangingDisk, loggedIn, read10, statusOf, TestNode, TestPeer, turn } from "./fixture.ts"

const abortTask = 0x81
const abortTaskSet = 0x82
const complete = 0

let node: TestNode
let slow: ErrorBdev
let first: TestPeer
let second: TestPeer
/** Of the next command. */
let cmdSn: number

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
  node = new TestNode({ maxConnectionsPerSession: 2 })
  slow = hangingDisk()
  addTarget(node, { 0: slow })
  first = loggedIn(node, { keys: [["MaxConnections", "2"]] })
  second = new TestPeer(node)
  second.cmdSn = first.cmdSn
  assert.strictEqual(second.login({ tsih: first.connection.session?.tsih ?? 0, cid: 2 }).loginStatus, 0)
  cmdSn = first.cmdSn
})
afterEach(() => {
  vi.useRealTimers()
})

const readBytes = (number: number, initiatorTaskTag: number): Buffer =>
  second.commandBytes(0xc1, read10(0, 8), 4096, undefined, { cmdSn: number, initiatorTaskTag })
const manage = (flags: number, number: number, fields = {}): void => {
  const header = { opcode: Opcode.taskManagement, immediate: true, flags, initiatorTaskTag: first.nextTag() }
  first.send({ ...header, word20: reservedTag, cmdSn: number, ...fields })
}
const result = async (): Promise<number | undefined> => {
  await turn()
  const pdus = first.received()
  assert.isTrue(pdus.every(({ opcode }) => opcode === Opcode.taskManagementResponse))
  return pdus[0]?.response
}
const answered = async (): Promise<ReadonlyArray<readonly [number, string]>> => {
  await turn()
  return second.received().map((pdu) => [pdu.initiatorTaskTag, statusOf(pdu)] as const)
}

describe("ABORT TASK SET", () => {
  it("waits for commands that are on their way over the other connection, and for no later ones", async () => {
    manage(abortTaskSet, cmdSn + 2)
    assert.isUndefined(await result())
    second.bytes(readBytes(cmdSn, 0x501))
    assert.isUndefined(await result())
    second.bytes(Buffer.concat([readBytes(cmdSn + 1, 0x502), readBytes(cmdSn + 2, 0x503)]))
    slow.resumePending()
    assert.strictEqual(await result(), complete)
    assert.deepStrictEqual(await answered(), [[0x503, "GOOD"]])
    assert.strictEqual(node.tasks.bufferBytes, 0)
    assert.isFalse(first.connection.session?.hasWaiting)
  })

  it("does without them after a while", async () => {
    manage(abortTaskSet, cmdSn + 1)
    vi.advanceTimersByTime(taskManagementTimeoutMillis - 1)
    assert.isUndefined(await result())
    vi.advanceTimersByTime(1)
    assert.strictEqual(await result(), complete)
    second.bytes(readBytes(cmdSn, 0x501))
    slow.resumePending()
    assert.deepStrictEqual(await answered(), [[0x501, "GOOD"]])
  })

  it("is forgotten with its session", async () => {
    manage(abortTaskSet, cmdSn + 1)
    first.connection.close("cut")
    vi.advanceTimersByTime(taskManagementTimeoutMillis)
    assert.isUndefined(await result())
    assert.deepStrictEqual([node.sessions.size, first.connection.managing.size], [0, 0])
  })
})

describe("ABORT TASK", () => {
  it("of a command that has not come lets the commands behind it go on", async () => {
    second.bytes(readBytes(cmdSn + 1, 0x502))
    slow.resumePending()
    assert.deepStrictEqual(await answered(), [])
    manage(abortTask, cmdSn + 2, { word20: 0x501, word32: cmdSn })
    assert.strictEqual(await result(), complete)
    slow.resumePending()
    assert.deepStrictEqual(await answered(), [[0x502, "GOOD"]])
  })
})
