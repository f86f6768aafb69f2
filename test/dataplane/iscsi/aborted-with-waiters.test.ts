/** A reset that ends a command and those that wait for it, at a disk that gives the first back at once. */
import { assert, it } from "vitest"
import { LimitedBdev } from "../../../src/dataplane/bdev/wrapper/LimitedBdev.ts"
import { Opcode, reservedTag } from "../../support/initiator/pdu.ts"
import { addTarget, loggedIn, ramDisk, read10, TestNode, turn, write10 } from "./fixture.ts"

const compareAndWrite = Buffer.alloc(16)
compareAndWrite[0] = 0x89
compareAndWrite[13] = 1

it("answers none of them, and gives each task back once", async () => {
  const node = new TestNode()
  const target = addTarget(node, { 0: ramDisk() })
  const peer = loggedIn(node)
  const unit = target.luns[0]?.unit
  assert(unit !== undefined)
  // What COMPARE AND WRITE writes waits at the limit, and the others for its blocks.
  const limited = new LimitedBdev(unit.bdev, { readWriteIos: 0, readWriteBytes: 0, readBytes: 0, writeBytes: 512 })
  unit.bdev = limited
  while (limited.waitingCount === 0) peer.command(0xa1, write10(64, 1), 512, Buffer.alloc(512))
  peer.command(0xa1, compareAndWrite, 1024, Buffer.alloc(1024))
  peer.command(0xc1, read10(0, 1), 512)
  peer.command(0xc1, read10(0, 2), 1024)
  await turn()
  peer.received()
  assert.isAbove(unit.taskSet.waitingCount, 1)
  const reset = { opcode: Opcode.taskManagement, immediate: true, flags: 0x85, initiatorTaskTag: peer.nextTag() }
  peer.send({ ...reset, cmdSn: peer.cmdSn, word20: reservedTag })
  await turn()
  await turn()
  assert.deepStrictEqual(
    peer.received().map(({ opcode }) => opcode),
    [Opcode.taskManagementResponse]
  )
  const taken = Array.from({ length: 16 }, () => node.tasks.take())
  assert.strictEqual(new Set(taken).size, 16)
  assert.deepInclude({ open: unit.taskSet.open, bytes: node.tasks.bufferBytes }, { open: true, bytes: 0 })
})
