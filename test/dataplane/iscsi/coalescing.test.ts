/** Naps come where an initiator with many commands sends them one by one, and nowhere else. */
import { assert, beforeEach, describe, it } from "vitest"
import { type CoalescedCommands, Coalescing } from "../../../src/dataplane/iscsi/Coalescing.ts"
import { addTarget, hangingDisk, loggedIn, lunField, ramDisk, TestNode, write10 } from "./fixture.ts"

const someChunks = 200

class Commands implements CoalescedCommands {
  commandCount = 0
  isBusy = false
  unseenAnswers = 20
  queueDepth = 32
}

let naps: number
let coalescing: Coalescing
beforeEach(() => {
  naps = 0
  coalescing = new Coalescing((millis) => {
    assert.isBelow(millis, 1)
    naps++
  })
})

/** Chunks of one connection: mostly one command, now and then two. */
const chunks = (commands: Commands, count = someChunks, several = 2): void => {
  for (let chunk = 0; chunk < count; chunk++) {
    commands.commandCount += chunk % 10 === 0 ? several : 1
    coalescing.chunkEnded(commands)
  }
}

describe("a reactor naps", () => {
  it("when one initiator with a deep queue sends one command at a time, after a while", () => {
    const commands = new Commands()
    chunks(commands, 60)
    assert.strictEqual(naps, 0)
    chunks(commands)
    assert.isAbove(naps, someChunks / 2)
  })

  const never: ReadonlyArray<readonly [string, Partial<Commands>, number]> = [
    ["when no chunk has had two commands", {}, 1],
    ["when the initiator waits for answers", { unseenAnswers: 7 }, 2],
    ["when what it says of answers cannot be", { unseenAnswers: 33 }, 2],
    ["while a command of it is under way", { isBusy: true }, 2]
  ]
  it.each(never)("not %s", (_when, changes, several) => {
    chunks(Object.assign(new Commands(), changes), someChunks, several)
    assert.strictEqual(naps, 0)
  })

  it("not when chunks bring many commands anyway", () => {
    const commands = new Commands()
    for (let chunk = 0; chunk < someChunks; chunk++) {
      commands.commandCount += 12
      coalescing.chunkEnded(commands)
    }
    assert.strictEqual(naps, 0)
  })

  it("not while another connection sends something now and then", () => {
    const [busy, other] = [new Commands(), new Commands()]
    for (let round = 0; round < 20; round++) {
      chunks(busy, 60)
      chunks(other, 1)
    }
    assert.strictEqual(naps, 0)
  })

  it("not soon after it was told to do something", () => {
    const commands = new Commands()
    for (let round = 0; round < 20; round++) {
      chunks(commands, 60)
      coalescing.wake()
    }
    assert.strictEqual(naps, 0)
  })
})

describe("what a connection says of its commands", () => {
  it("is how many answers the initiator had not seen, and whether one is to come", () => {
    const node = new TestNode()
    addTarget(node, { 0: ramDisk(), 1: hangingDisk() })
    const peer = loggedIn(node, {}, [0, 1])
    const { connection } = peer
    assert(connection.commands !== undefined)
    const data = Buffer.alloc(512)
    const seen = connection.statSn
    const write = (lun: number) => peer.command(0xa1, write10(0, 1), 512, data, { ...lunField(lun), expStatSn: seen })
    for (let count = 1; count <= 3; count++) {
      write(0)
      assert.deepInclude(connection.commands, { unseenAnswers: count, isBusy: false })
    }
    write(1)
    assert.strictEqual(connection.commands.isBusy, true)
    assert.strictEqual(connection.commands.queueDepth, 32)
  })
})
