/**
 * The command window over any course of a session (RFC 7143 section 4.2.2.1): it shrinks by what is in flight, never
 * goes back, and opens again however commands end; an initiator that ignores it gains nothing.
 */
import { assert, describe, it } from "vitest"
import type { ErrorBdev } from "../../../src/dataplane/bdev/wrapper/ErrorBdev.ts"
import type { Target } from "../../../src/dataplane/iscsi/Target.ts"
import { Opcode, type Pdu, reservedTag } from "../../support/initiator/pdu.ts"
import { makeRandom, type Random } from "../../support/initiator/random.ts"
import {
  addTarget,
  blockBytes,
  hangingDisk,
  loggedIn,
  lunField,
  ramDisk,
  read10,
  TestNode,
  TestPeer,
  turn,
  write10
} from "./fixture.ts"

const queueDepth = 8
const testUnitReady = Buffer.alloc(6)
const ramLun = 0
const slowLun = 1

/** How far `a` is ahead of `b`, modulo 2^32. */
const ahead = (a: number, b: number): number => (a - b) | 0

/** An initiator that may send beyond the window, and what it has been told of it. */
class Course {
  readonly node = new TestNode()
  readonly slow: ErrorBdev = hangingDisk()
  readonly target: Target
  readonly peer: TestPeer
  readonly random: Random
  expCmdSn: number
  maxCmdSn: number
  /** R2Ts that are not served: tag of the task, of the transfer. */
  readonly asked: Array<readonly [number, number]> = []
  /** Tags of commands that the target has to answer. */
  readonly open = new Set<number>()

  constructor(seed: number, firstCmdSn: number) {
    this.random = makeRandom(seed)
    this.target = addTarget(this.node, { [ramLun]: ramDisk(), [slowLun]: this.slow }, { queueDepth })
    this.peer = new TestPeer(this.node)
    this.peer.cmdSn = firstCmdSn
    this.peer.login({ keys: [["ImmediateData", "No"]] })
    for (const lun of [ramLun, slowLun]) this.peer.command(0x81, testUnitReady, 0, undefined, lunField(lun))
    this.peer.received()
    this.expCmdSn = this.peer.connection.window.expCmdSn
    this.maxCmdSn = this.peer.connection.window.maxCmdSn
  }

  /** Everything that has come: the window is as it may be, and never behind what was told before. */
  look(): void {
    for (const pdu of this.peer.received()) {
      const { initiatorTaskTag, maxCmdSn, opcode } = pdu
      const expCmdSn = pdu.expCmdSn
      assert.isAtLeast(ahead(expCmdSn, this.expCmdSn), 0, "ExpCmdSN goes back")
      assert.isAtLeast(ahead(maxCmdSn, this.maxCmdSn), 0, "MaxCmdSN goes back")
      assert.isAtLeast(ahead(maxCmdSn, expCmdSn), -1, "MaxCmdSN is below ExpCmdSN - 1")
      assert.isBelow(ahead(maxCmdSn, expCmdSn), queueDepth, "the window is wider than the queue is deep")
      this.expCmdSn = expCmdSn
      this.maxCmdSn = maxCmdSn
      if (opcode === Opcode.readyToTransfer) this.asked.push([initiatorTaskTag, pdu.targetTransferTag])
      else if (this.isEnd(pdu)) this.open.delete(initiatorTaskTag)
    }
    const { session, window } = this.peer.connection
    assert.strictEqual(ahead(window.maxCmdSn, window.expCmdSn) + 1, queueDepth - (session?.commandsInFlight ?? 0))
  }

  isEnd({ flags, opcode }: Pdu): boolean {
    return opcode === Opcode.scsiResponse || (opcode === Opcode.dataIn && (flags & 0x01) !== 0)
  }

  /** Sends a command with the CmdSN that is next; beyond the window it comes to nothing. */
  send(flags: number, cdb: Buffer, bytes: number, lun: number): void {
    const { maxCmdSn } = this.peer.connection.window
    const { cmdSn } = this.peer
    const tag = this.peer.command(flags, cdb, bytes, undefined, lunField(lun))
    if (ahead(cmdSn, maxCmdSn) <= 0) this.open.add(tag)
    else {
      this.peer.cmdSn = cmdSn
      assert.isFalse(this.peer.connection.commands?.tasks.has(tag))
    }
  }

  serve(): void {
    const [served] = this.asked.splice(this.random.below(this.asked.length), 1)
    if (served === undefined) return
    this.peer.dataOut(served[0], Buffer.alloc(blockBytes), 0, { word20: served[1], flags: 0x80 })
  }

  abort(): void {
    const tag = this.random.pick([reservedTag, ...this.open])
    const header = {
      opcode: Opcode.taskManagement,
      immediate: true,
      flags: 0x81,
      initiatorTaskTag: this.peer.nextTag()
    }
    this.peer.send({ ...header, ...lunField(slowLun), cmdSn: this.peer.cmdSn, word20: tag, word32: this.peer.cmdSn })
    // It may be answered all the same: at another LUN there is no such task. Data that come too late are dropped.
    this.open.delete(tag)
  }

  ping(): void {
    const header = { opcode: Opcode.nopOut, immediate: true, initiatorTaskTag: this.peer.nextTag() }
    this.peer.send({ ...header, word20: reservedTag, cmdSn: this.peer.cmdSn })
  }

  async step(): Promise<void> {
    const kind = this.random.below(100)
    const lun = this.random.pick([ramLun, slowLun])
    if (kind < 30) this.send(0xc1, read10(0, 1), blockBytes, lun)
    else if (kind < 50) this.send(0xa1, write10(0, 1), blockBytes, lun)
    else if (kind < 60) this.send(0x81, testUnitReady, 0, ramLun)
    else if (kind < 75) this.serve()
    else if (kind < 82) this.abort()
    else if (kind < 90) this.ping()
    else if (kind < 95) this.slow.resumePending()
    else await turn()
    this.look()
  }

  /** Whatever is out comes to an end. */
  async finish(): Promise<void> {
    for (let round = 0; round < 4 * queueDepth; round++) {
      this.serve()
      this.slow.resumePending()
      await turn()
      this.look()
    }
  }
}

describe("the command window", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "is right after each step of a random course, and open at its end (%i)",
    async (seed) => {
      // It comes past 2^32 - 1 in half of them.
      const course = new Course(seed, seed % 2 === 0 ? 1 : 0xffff_ffff - 50)
      for (let step = 0; step < 400; step++) await course.step()
      await course.finish()
      assert.deepStrictEqual([...course.open], [])
      course.ping()
      course.look()
      assert.strictEqual(ahead(course.maxCmdSn, course.expCmdSn), queueDepth - 1)
      assert.strictEqual(course.peer.connection.state, "full-feature")
    }
  )

  it("that writes have shut, whose data do not come, is opened by a ping's answer once they have come", () => {
    const course = new Course(1, 1)
    for (let count = 0; count < queueDepth; count++) course.send(0xa1, write10(0, 1), blockBytes, ramLun)
    course.ping()
    course.look()
    assert.strictEqual(ahead(course.maxCmdSn, course.expCmdSn), -1)
    course.send(0x81, testUnitReady, 0, ramLun)
    assert.strictEqual(course.open.size, queueDepth)
    while (course.asked.length > 0) course.serve()
    course.ping()
    course.look()
    assert.strictEqual(ahead(course.maxCmdSn, course.expCmdSn), queueDepth - 1)
    course.send(0x81, testUnitReady, 0, ramLun)
    course.look()
    assert.strictEqual(course.open.size, 0)
  })

  it("of one session is not made smaller by what another has in flight", () => {
    const course = new Course(1, 1)
    const other = loggedIn(course.node, { isid: "800000000009" })
    for (let count = 0; count < queueDepth; count++) course.send(0xc1, read10(0, 1), blockBytes, slowLun)
    const { expCmdSn, maxCmdSn } = other.connection.window
    assert.strictEqual(ahead(maxCmdSn, expCmdSn), queueDepth - 1)
  })
})
