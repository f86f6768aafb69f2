/** Rate limits that come and go while a write is under way. */
import { assert, expect, it } from "vitest"
import type { Bdev } from "../../../src/dataplane/bdev/Bdev.ts"
import { LimitedBdev } from "../../../src/dataplane/bdev/wrapper/LimitedBdev.ts"
import { addTarget, loggedIn, ramDisk, statusOf, TestNode, type TestPeer, write10 } from "./fixture.ts"

const write = 0xa1
const limits = { readWriteIos: 1000, readWriteBytes: 0, readBytes: 0, writeBytes: 0 }

const setUp = (begin: (disk: Bdev) => Bdev) => {
  const node = new TestNode({ immediateData: false })
  const disk = ramDisk()
  const target = addTarget(node, { 0: disk })
  const unit = target.luns[0]?.unit
  assert(unit)
  unit.bdev = begin(disk)
  return { node, disk, unit, peer: loggedIn(node, { keys: [["ImmediateData", "No"]] }) }
}

const beginWrite = (peer: TestPeer) => {
  const tag = peer.command(write, write10(8, 8), 4096)
  return { tag, word20: peer.one().targetTransferTag }
}

it.each([
  ["comes", (disk: Bdev) => disk, (disk: Bdev) => new LimitedBdev(disk, limits)],
  ["goes", (disk: Bdev) => new LimitedBdev(disk, limits), (disk: Bdev) => disk]
])("keeps all data of a write during which a limit %s", (_, before, after) => {
  const { disk, node, peer, unit } = setUp(before)
  const data = Buffer.from(Array.from({ length: 4096 }, (_, index) => index % 251))
  const { tag, word20 } = beginWrite(peer)
  peer.dataOut(tag, data.subarray(0, 1000), 0, { word20, flags: 0 })
  unit.bdev = after(disk)
  peer.dataOut(tag, data.subarray(1000), 1000, { word20, word36: 1 })
  assert.strictEqual(statusOf(peer.one()), "GOOD")
  expect(disk.memory?.subarray(4096, 8192)).toEqual(data)
  assert.strictEqual(node.tasks.bufferBytes, 0)
})
