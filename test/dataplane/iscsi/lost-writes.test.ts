/** A sync that fails may lose writes of every initiator, and the system tells only one: the target tells the others. */
import { setImmediate as turn } from "node:timers/promises"
import { afterEach, assert, beforeEach, it } from "vitest"
import type { Bdev } from "../../../src/dataplane/bdev/Bdev.ts"
import { OpenFiles } from "../../../src/dataplane/bdev/file/open-aio-bdev.ts"
import { DelayBdev } from "../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { aioSpec, Folder, HeldFiles, openDisk } from "../bdev/aio-support.ts"
import { addTarget, cdb10, loggedIn, statusOf, TestNode, type TestPeer, write10 } from "./fixture.ts"

let folder: Folder
beforeEach(() => {
  folder = new Folder()
})
afterEach(() => folder[Symbol.dispose]())

const quick = { averageReadMicros: 0, p99ReadMicros: 0, averageWriteMicros: 0, p99WriteMicros: 0 }

const setUp = async (stacked: (disk: Bdev) => Bdev) => {
  const files = new HeldFiles()
  const disk = await openDisk(aioSpec(folder.file("disk", 64 * 512)), new OpenFiles(files, 64))
  const node = new TestNode()
  addTarget(node, { 0: stacked(disk) })
  let fails = false
  const answer = async (peer: TestPeer): Promise<string> => {
    for (;;) {
      for (const { fail, go, operation } of files.take()) {
        if (operation === "fdatasync" && fails) fail("EIO")
        else go()
      }
      await turn()
      const [pdu] = peer.received()
      if (pdu !== undefined) return statusOf(pdu)
    }
  }
  return {
    logIn: (isid: string) => loggedIn(node, { isid }),
    write: (peer: TestPeer, fua = false) => {
      const cdb = write10(0, 1)
      if (fua) cdb[1] = 0x08
      peer.command(0xa1, cdb, 512, Buffer.alloc(512, 7))
      return answer(peer)
    },
    flush: (peer: TestPeer) => {
      peer.command(0x81, cdb10(0x35, 0, 0), 0)
      return answer(peer)
    },
    failing: async (work: () => Promise<string>): Promise<string> => {
      fails = true
      const status = await work()
      fails = false
      return status
    }
  }
}

const lost = "3/0c/00"

it.each<[string, (disk: Bdev) => Bdev]>([
  ["a file", (disk) => disk],
  ["a bdev on a file", (disk) => new DelayBdev(quick, disk, Math.random)]
])("a failed sync of %s is told to every session at its next flush, once", async (_, stacked) => {
  const { failing, flush, logIn, write } = await setUp(stacked)
  const [one, other] = [logIn("800000000001"), logIn("800000000002")]
  for (const peer of [one, other]) assert.strictEqual(await write(peer), "GOOD")
  assert.strictEqual(await failing(() => flush(one)), lost)
  assert.deepStrictEqual([await flush(one), await flush(one)], ["GOOD", "GOOD"])
  assert.deepStrictEqual([await flush(other), await flush(other)], [lost, "GOOD"])
  // A write with FUA says nothing of those before it.
  assert.strictEqual(await failing(() => write(one, true)), lost)
  assert.deepStrictEqual([await flush(one), await flush(one)], [lost, "GOOD"])
  assert.strictEqual(await flush(logIn("800000000003")), "GOOD")
  assert.deepStrictEqual([await flush(other), await flush(other)], [lost, "GOOD"])
})
