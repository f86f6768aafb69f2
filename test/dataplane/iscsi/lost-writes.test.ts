/** A sync that fails may lose writes of every initiator, and the system tells only one: the target tells the others. */
import { afterEach, assert, beforeEach, it } from "vitest"
import type { Bdev } from "../../../src/dataplane/bdev/Bdev.ts"
import { DelayBdev } from "../../../src/dataplane/bdev/wrapper/DelayBdev.ts"
import { Folder } from "../bdev/aio-support.ts"
import { LateBdev } from "../bdev/stack-support.ts"
import { CommandFlags, cachedDisk } from "./cached-disk.ts"
import { cdb10, type TestPeer } from "./fixture.ts"

let folder: Folder
beforeEach(() => {
  folder = new Folder()
})
afterEach(() => folder[Symbol.dispose]())

const quick = { averageReadMicros: 0, p99ReadMicros: 0, averageWriteMicros: 0, p99WriteMicros: 0 }

const setUp = async (stacked: (disk: Bdev) => Bdev) => {
  const { failing, flush, logIn, write } = await cachedDisk(folder, stacked)
  return {
    logIn,
    failing,
    write: async (peer: TestPeer, fua = false) => (await write(peer, fua)).status,
    flush: async (peer: TestPeer) => (await flush(peer)).status
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

it("a sync that fails while another session's flush is on its way is told by that flush", async () => {
  let late: LateBdev | undefined
  const { answer, failing, logIn, write } = await cachedDisk(folder, (disk) => {
    late = new LateBdev(disk)
    return late
  })
  const release = (index: number): void => late?.release(index)
  const peers = [logIn("800000000001"), logIn("800000000002")] as const
  const [one, other] = peers
  for (const peer of peers) {
    const written = write(peer)
    release(0)
    assert.strictEqual((await written).status, "GOOD")
  }
  for (const peer of peers) peer.command(CommandFlags.none, cdb10(0x35, 0, 0), 0)
  release(0)
  assert.strictEqual((await failing(() => answer(one))).status, lost)
  release(0)
  assert.strictEqual((await answer(other)).status, lost)
})

it("is told to an initiator that has logged in again since, and to none that was not there", async () => {
  const { failing, flush, logIn, write } = await setUp((disk) => disk)
  const [one, other] = [logIn("800000000001"), logIn("800000000002")]
  for (const peer of [one, other]) assert.strictEqual(await write(peer), "GOOD")
  assert.strictEqual(await failing(() => flush(one)), lost)
  const back = logIn("800000000002")
  assert.deepStrictEqual([await flush(back), await flush(back)], [lost, "GOOD"])
  assert.strictEqual(await flush(logIn("800000000003")), "GOOD")
})
