/** `lunlog fork` of a running target: both serve at once, each with disks of its own, to real initiators. */
import { readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import {
  cdb,
  clearUnitAttentions,
  readBlocks,
  readCapacity,
  reportLuns,
  writeBlocks
} from "../support/initiator/commands.ts"
import { readStory } from "../support/initiator/log-story.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { Session } from "../support/initiator/Session.ts"
import type { RpcClient } from "../support/rpc-client.ts"
import { makeDirectory, removeDirectory, startTarget } from "../support/target-process.ts"
import { lunlog, type Served, serveProgram } from "./support.ts"

const directory = makeDirectory("fork")

const mebibyte = 1024 * 1024
const disk = `${nodeBase}:disk1`
const forkedDisk = `${disk}-fork`
const mine = makePattern(2040, 16, 1, 512)
const theirs = makePattern(2040, 16, 2, 512)
const secret = "0123456789abcdef"

/** A RAM disk, a file, and a group of secrets; both disks have content. */
const setUp = async (source: Lunlog): Promise<string> => {
  const image = join(directory, "image")
  writeFileSync(image, "")
  truncateSync(image, 2 * mebibyte)
  await source.createMalloc("Malloc0", 2)
  await source.call("bdev_aio_create", { name: "Aio0", filename: image, block_size: 512 })
  await source.call("iscsi_create_auth_group", { tag: 1, secrets: [{ user: "anna", secret }] })
  await source.createTarget({ name: disk, luns: { 0: "Malloc0", 1: "Aio0" } })
  const session = await source.open(disk, {}, 0)
  await clearUnitAttentions(session, 1)
  for (const lun of [0, 1]) await writeBlocks(session, lun, 2040, mine)
  await session.logout()
  return image
}

const portOf = async (rpc: RpcClient): Promise<number> => {
  const groups = await rpc.call("iscsi_get_portal_groups")
  assert(Array.isArray(groups))
  return Number(groups[0].portals[0].port)
}

/** The first command on the medium of memory that a restart has emptied is told so. */
const untilReady = async (session: Session, lun: number): Promise<void> => {
  await clearUnitAttentions(session, lun)
  await session.command({ lun, cdb: cdb.read16(0, 1), readBytes: 512 })
}

const openFork = async (rpc: RpcClient, host = "127.0.0.1"): Promise<Session> => {
  const endpoint = { host, port: await portOf(rpc) }
  const session = await Session.open({ endpoint, targetName: forkedDisk })
  for (const lun of await reportLuns(session)) await untilReady(session, lun)
  return session
}

const blocks = async (session: Session): Promise<ReadonlyArray<Buffer>> => [
  await readBlocks(session, 0, 2040, 16),
  await readBlocks(session, 1, 2040, 16)
]

const uuids = async (rpc: RpcClient): Promise<ReadonlyArray<string>> => {
  const bdevs = await rpc.call("bdev_get_bdevs")
  assert(Array.isArray(bdevs))
  return bdevs.map(({ uuid }: { readonly uuid: string }) => uuid)
}

const startFork = async (source: Lunlog, place: string, ...args: ReadonlyArray<string>): Promise<Served> => {
  const state = join(place, "state")
  const names = ["-r", source.process.socketPath, "--fork-state", state, "--suffix", "fork"]
  const fork = await serveProgram("lunlog", ["fork", ...names, ...args], join(state, "rpc.sock"))
  await fork.rpc.call("framework_wait_init")
  return fork
}

const kill = async ({ child }: Served): Promise<void> => {
  child.signal("SIGKILL")
  await child.exited
}

const lastSeq = async ({ process }: Lunlog): Promise<number> => (await readStory(process.rpc, 1)).at(-1)?.seq ?? 0

describe("a fork of a running target", { timeout: 120_000 }, () => {
  let source: Lunlog
  let image: string
  /** Before the file was taken away from the target. */
  let before: number

  beforeAll(async () => {
    source = await startLunlog()
    image = await setUp(source)
    before = await lastSeq(source)
    await source.call("iscsi_target_node_remove_lun", { name: disk, lun_id: 1 })
  }, 60_000)

  afterAll(async () => {
    await source[Symbol.asyncDispose]()
    removeDirectory(directory)
  })

  it("has copies of its disks, its secrets, and other names and ids; killed, it goes on where it was", async () => {
    const place = join(directory, "copy")
    {
      await using fork = await startFork(source, place, "--at", String(before), "--data", "snapshot")
      const session = await openFork(fork.rpc)
      for (const data of await blocks(session)) assert.isTrue(data.equals(mine))
      for (const lun of [0, 1]) await writeBlocks(session, lun, 2040, theirs)
      const original = await source.open(disk, {}, 0)
      assert.isTrue((await readBlocks(original, 0, 2040, 16)).equals(mine), "the source's disks are its own")
      assert.deepStrictEqual(await reportLuns(original), [0])
      assert.isTrue(
        readFileSync(image)
          .subarray(2040 * 512, 2056 * 512)
          .equals(mine)
      )
      const ids = await uuids(source.process.rpc)
      const shared = (await uuids(fork.rpc)).filter((uuid) => ids.includes(uuid))
      assert.deepStrictEqual(shared, [])
      assert.include(JSON.stringify(await fork.rpc.call("iscsi_get_auth_groups")), secret)
      const status = await fork.rpc.call("lunlog_status")
      assert.deepNestedInclude(status, { "fork.data": "snapshot", "fork.identity": "new", warnings: [] })
      assert.match(fork.child.stdout(), /^Fork of [0-9a-f-]{36} as of .*Z \(last change: record \d+\), ready\.$/mu)
      assert.match(fork.child.stdout(), /content of now, not of that moment, .*: Malloc0, Aio0$/mu)
      await kill(fork)
    }
    await using resumed = await startTarget({ directory: place })
    const [memory, file] = await blocks(await openFork(resumed.rpc))
    assert.isTrue(file?.equals(theirs), "its file is as the fork has left it")
    assert.isTrue(memory?.equals(Buffer.alloc(mine.length)), "memory does not outlive its process")
    assert.match(resumed.stderr(), /fork of [0-9a-f-]{36} as of .*last change: record/u)
  })

  it("has empty disks of the same size unless it is asked to copy, and any name that it is given", async () => {
    await using fork = await startFork(source, join(directory, "empty"), "--at", "HEAD", "--portal", "127.0.0.2")
    const session = await openFork(fork.rpc, "127.0.0.2")
    assert.deepStrictEqual(await reportLuns(session), [0])
    assert.deepStrictEqual(await readCapacity(session, 0), { blocks: 4096, blockBytes: 512 })
    assert.isTrue((await readBlocks(session, 0, 2040, 16)).equals(Buffer.alloc(mine.length)))
    assert.match(fork.child.stdout(), /^Empty disks, as --data empty has it: Malloc0, Aio0$/mu)
    const again = ["--fork-state", join(directory, "again"), "--fork-socket", source.process.socketPath]
    const args = ["fork", "-r", source.process.socketPath, "--at", "HEAD", "--portal", "127.0.0.3", ...again]
    const { code, stderr } = await lunlog(...args)
    assert.strictEqual(code, 1)
    assert.match(stderr, /serves it.*\n.*the fork stays: lunlog serve --state .*again/u)
    fork.child.signal("SIGINT")
    assert.deepStrictEqual(await fork.child.exited, { code: 0, signal: null })
  })
})
