/** A disk that gets smaller while commands are under way. */
import { assert, it } from "vitest"
import { NullBdev } from "../../../src/dataplane/bdev/memory/NullBdev.ts"
import { addTarget, loggedIn, read10, statusOf, TestNode, write10 } from "./fixture.ts"

const write = 0xa1
const read = 0xc1

it("refuses a write that was whole on the disk when it began, and is beyond its end when its data have come", () => {
  const node = new TestNode()
  const disk = new NullBdev({ _tag: "Null", blockCount: 100, blockSize: 512, physicalBlockSize: 0 })
  addTarget(node, { 0: disk })
  const peer = loggedIn(node)
  const inside = peer.command(write, write10(40, 8), 4096)
  const { targetTransferTag: insideTag } = peer.one()
  const beyond = peer.command(write, write10(92, 8), 4096)
  const { targetTransferTag: beyondTag } = peer.one()
  disk.resize(99)
  peer.dataOut(inside, Buffer.alloc(4096), 0, { word20: insideTag })
  assert.strictEqual(statusOf(peer.one()), "GOOD")
  peer.dataOut(beyond, Buffer.alloc(4096), 0, { word20: beyondTag })
  assert.strictEqual(statusOf(peer.one()), "5/21/00")
  peer.command(read, read10(99, 1), 512)
  assert.strictEqual(statusOf(peer.one()), "5/21/00")
})
