/** Task attributes from the wire to the disk: what waits for what, over all initiators, and how waiting ends. */
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import type { Target } from "../../../src/dataplane/iscsi/Target.ts"
import { drainLun } from "../../../src/dataplane/reactor/drain-lun.ts"
import { orderPatienceMillis } from "../../../src/dataplane/scsi/CommandOrder.ts"
import { Opcode, reservedTag } from "../../support/initiator/pdu.ts"
import {
  addTarget,
  hangingDisk,
  loggedIn,
  ramDisk,
  read10,
  statusOf,
  TestNode,
  type TestPeer,
  turn,
  write10
} from "./fixture.ts"

const simple = 1
const ordered = 2
const headOfQueue = 3
const testUnitReady = Buffer.alloc(6)
const onLun1 = { lun: 1n << 48n }

let node: TestNode
let slow: ErrorBdev
let target: Target
let peer: TestPeer
let other: TestPeer

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
  node = new TestNode()
  slow = hangingDisk()
  target = addTarget(node, { 0: slow, 1: ramDisk() })
  peer = loggedIn(node, {}, [0, 1])
  other = loggedIn(node, { isid: "80000000000a", keys: [["ImmediateData", "No"]] }, [0, 1])
})
afterEach(() => {
  vi.useRealTimers()
})

const read = (from: TestPeer, attribute: number, fields = {}): number =>
  from.command(0xc0 | attribute, read10(0, 1), 512, undefined, fields)
const writeByte = (from: TestPeer, attribute: number, byte: number, fields = {}): number =>
  from.command(0xa0 | attribute, write10(0, 1), 512, Buffer.alloc(512, byte), fields)
/** What has waited takes its turn, and is flushed at the end of the next one of the event loop. */
const settle = async (): Promise<void> => {
  await turn()
  await turn()
}
/** What is answered now, by task tag. */
const answers = async (from: TestPeer): Promise<ReadonlyArray<readonly [number, string]>> => {
  await settle()
  return from.received().map((pdu) => [pdu.initiatorTaskTag, statusOf(pdu)] as const)
}
/** The oldest commands at the disk go on, until none is left that has begun. */
const resume = async (): Promise<void> => {
  slow.resumePending()
  await settle()
}
const nothingIsLeft = (): void => {
  assert.strictEqual(node.tasks.bufferBytes, 0)
  for (const { commandsInFlight, connections } of node.sessions.values()) {
    const left = [...connections].map(({ commands }) => commands?.tasks.size)
    assert.deepStrictEqual([commandsInFlight, left], [0, [0]])
  }
  for (const mapping of target.luns) {
    assert.isTrue(mapping?.unit.order.idle)
    assert.isTrue(mapping?.unit.taskSet.open)
  }
}

describe("an ORDERED command", () => {
  it("waits for all that is older, of any initiator; what is younger waits for it", async () => {
    const first = read(peer, simple)
    const others = read(other, simple)
    const barrier = read(peer, ordered)
    const younger = read(peer, 0)
    const othersYounger = read(other, simple)
    assert.strictEqual(slow.pendingCount, 2)
    await resume()
    assert.deepStrictEqual(await answers(peer), [[first, "GOOD"]])
    assert.deepStrictEqual(await answers(other), [[others, "GOOD"]])
    assert.strictEqual(slow.pendingCount, 1)
    await resume()
    assert.deepStrictEqual(await answers(peer), [[barrier, "GOOD"]])
    assert.strictEqual(slow.pendingCount, 2)
    await resume()
    assert.deepStrictEqual(await answers(other), [[othersYounger, "GOOD"]])
    assert.deepStrictEqual(await answers(peer), [[younger, "GOOD"]])
    nothingIsLeft()
  })

  it("waits for an older write that waits for its data, and holds back a younger one that has them", async () => {
    const memory = target.luns[1]?.unit.bdev.memory
    const older = other.command(0xa1, write10(0, 1), 512, undefined, onLun1)
    const r2t = other.one()
    const barrier = read(peer, ordered, onLun1)
    const younger = writeByte(peer, simple, 2, onLun1)
    assert.deepStrictEqual(await answers(peer), [])
    assert.strictEqual(memory?.[0], 0, "data of a write that waits is not on the disk")
    other.dataOut(older, Buffer.alloc(512, 1), 0, { word20: r2t.targetTransferTag })
    await settle()
    const pdus = peer.received()
    assert.deepStrictEqual(
      pdus.map((pdu) => pdu.initiatorTaskTag),
      [barrier, younger]
    )
    assert.strictEqual(pdus[0]?.data[0], 1, "it sees what is older")
    assert.strictEqual(memory?.[0], 2)
    other.received()
    nothingIsLeft()
  })

  it("of each unit orders that unit only", async () => {
    read(peer, simple)
    read(peer, ordered)
    const elsewhere = read(peer, ordered, onLun1)
    assert.deepStrictEqual(await answers(peer), [[elsewhere, "GOOD"]])
    await resume()
    await resume()
    await answers(peer)
    nothingIsLeft()
  })

  it("that moves no data is in order, too", async () => {
    const first = read(peer, simple)
    const barrier = peer.command(0x80 | ordered, testUnitReady, 0)
    const younger = peer.command(0x81, testUnitReady, 0)
    assert.deepStrictEqual(await answers(peer), [])
    await resume()
    assert.deepStrictEqual(await answers(peer), [
      [first, "GOOD"],
      [barrier, "GOOD"],
      [younger, "GOOD"]
    ])
    nothingIsLeft()
  })

  it("that is refused is answered at once, and nobody waits for it", async () => {
    read(peer, simple)
    const refused = peer.command(0xc0 | ordered, read10(0xffffffff, 1), 512)
    const younger = peer.command(0x81, testUnitReady, 0)
    assert.deepStrictEqual(await answers(peer), [
      [refused, "5/21/00"],
      [younger, "GOOD"]
    ])
    await resume()
    await answers(peer)
    nothingIsLeft()
  })
})

describe("a HEAD OF QUEUE command", () => {
  it("overtakes what waits, and what waits goes on after it", async () => {
    const first = read(peer, simple)
    const barrier = read(peer, ordered)
    const urgent = read(other, headOfQueue)
    assert.strictEqual(slow.pendingCount, 2)
    await resume()
    assert.deepStrictEqual(await answers(other), [[urgent, "GOOD"]])
    assert.deepStrictEqual(await answers(peer), [[first, "GOOD"]])
    await resume()
    assert.deepStrictEqual(await answers(peer), [[barrier, "GOOD"]])
    nothingIsLeft()
  })
})

describe("the ACA attribute", () => {
  it("is refused: there is no auto contingent allegiance", () => {
    peer.command(0x84, testUnitReady, 0)
    assert.strictEqual(statusOf(peer.one()), "5/24/00")
    const naca = Buffer.from([0, 0, 0, 0, 0, 4])
    peer.command(0x81, naca, 0)
    assert.strictEqual(statusOf(peer.one()), "5/24/00")
    nothingIsLeft()
  })

  it("reserved attributes are taken as SIMPLE", () => {
    for (const attribute of [5, 6, 7]) {
      peer.command(0x80 | attribute, testUnitReady, 0)
      assert.strictEqual(statusOf(peer.one()), "GOOD")
    }
    nothingIsLeft()
  })
})

describe("what waits for its turn", () => {
  const manage = (flags: number, referencedTag = reservedTag): void => {
    const header = { opcode: Opcode.taskManagement, immediate: true, flags, initiatorTaskTag: peer.nextTag() }
    peer.send({ ...header, word20: referencedTag, cmdSn: peer.cmdSn })
  }

  it("is aborted at once, and what is behind it goes on", async () => {
    const first = read(peer, simple)
    const barrier = writeByte(peer, ordered, 7)
    const younger = peer.command(0x81, testUnitReady, 0)
    manage(0x81, barrier)
    await settle()
    const [response, ready] = peer.received()
    assert.strictEqual(response?.opcode, Opcode.taskManagementResponse)
    assert.strictEqual(ready?.initiatorTaskTag, younger)
    await resume()
    assert.deepStrictEqual(await answers(peer), [[first, "GOOD"]])
    nothingIsLeft()
  })

  it("goes on when what it waits for is aborted, although the disk still has that", async () => {
    const first = read(peer, simple)
    const barrier = read(other, ordered)
    manage(0x81, first)
    await settle()
    assert.strictEqual(slow.pendingCount, 2)
    await resume()
    assert.deepStrictEqual(await answers(other), [[barrier, "GOOD"]])
    peer.received()
    nothingIsLeft()
  })

  it("never runs when its connection is cut", async () => {
    read(other, simple)
    writeByte(peer, ordered, 7)
    writeByte(peer, simple, 8)
    peer.connection.close("cut")
    await resume()
    await resume()
    assert.strictEqual(target.luns[0]?.unit.statistics.inFlight, 0)
    const later = loggedIn(node, { isid: "80000000000c" }, [0])
    read(later, simple)
    await resume()
    assert.strictEqual(later.one().data[0], 0)
    other.received()
    nothingIsLeft()
  })

  it("ends with its LUN", async () => {
    const mapping = target.luns[0]
    assert(mapping !== undefined)
    const first = read(peer, simple)
    const barrier = read(peer, ordered)
    const younger = writeByte(peer, simple, 3)
    drainLun(
      target,
      mapping,
      40_000,
      () => node.now(),
      () => {}
    )
    assert.deepStrictEqual(await answers(peer), [
      [barrier, "5/25/00"],
      [younger, "5/25/00"]
    ])
    await resume()
    assert.deepStrictEqual(await answers(peer), [[first, "GOOD"]])
    assert.strictEqual(node.tasks.bufferBytes, 0)
  })

  it("does not wait for ever for a disk that hangs, nor for data that does not come", async () => {
    const hung = read(peer, simple)
    const starving = other.command(0xa1, write10(8, 1), 512)
    other.received()
    const barrier = read(peer, ordered)
    vi.advanceTimersByTime(2 * orderPatienceMillis)
    assert.deepStrictEqual(await answers(other), [[starving, "b/4b/06"]])
    assert.deepStrictEqual(await answers(peer), [[hung, "b/2e/01"]])
    assert.strictEqual(slow.pendingCount, 2)
    await resume()
    assert.deepStrictEqual(await answers(peer), [[barrier, "GOOD"]])
    nothingIsLeft()
  })
})
