/** LUNs at NBD servers, seen from initiators: images, libiscsi's tests, servers that die, hang and come back. */

import { readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, it } from "vitest"
import { runCommand } from "../../support/child-process.ts"
import {
  cdb,
  clearUnitAttentions,
  readBlocks,
  readCapacity,
  reportLuns,
  writeBlocks
} from "../../support/initiator/commands.ts"
import { readStory } from "../../support/initiator/log-story.ts"
import { holdingsOf, type Lunlog, nodeBase, startLunlog, untilDescriptors } from "../../support/initiator/lunlog.ts"
import { makeRandom } from "../../support/initiator/random.ts"
import { outcomeText } from "../../support/initiator/ScsiTask.ts"
import { makeImage, startNbdkit, startQemuNbd } from "../../support/nbd-servers.ts"
import { describeWithTools, qemuIscsiDriver } from "../../support/requires-tool.ts"
import { makeDirectory, removeDirectory, startTarget } from "../../support/target-process.ts"
import { until } from "../../support/until.ts"

const mebibyte = 1024 * 1024
const folder = makeDirectory("nbd")
afterAll(() => removeDirectory(folder))

let count = 0
const inFolder = (name: string): string => join(folder, `${count++}-${name}`)
const uriOf = (path: string): string => `nbd+unix:///?socket=${path}`

/** A target whose LUN 0 is the export at `path`. */
const withLun = async (lunlog: Lunlog, bdev: string, path: string, params = {}): Promise<string> => {
  const target = `${nodeBase}:${bdev.toLowerCase()}`
  await lunlog.call("bdev_nbd_create", { name: bdev, uri: uriOf(path), ...params })
  await lunlog.createTarget({ name: target, luns: { 0: bdev } })
  return target
}

const tools = ["qemu-nbd", "qemu-img", "nbdkit", "iscsi-test-cu", qemuIscsiDriver]

describeWithTools(tools, "an NBD LUN", () => {
  let lunlog: Lunlog
  beforeAll(async () => {
    lunlog = await startLunlog({ removalDeadline: "500ms" })
  })
  afterAll(() => lunlog?.[Symbol.asyncDispose]())

  it("takes an image from qemu, gives it back, and passes libiscsi's tests", { timeout: 120_000 }, async () => {
    const image = inFolder("qcow2")
    await makeImage(image, "16M", "-f", "qcow2")
    const path = inFolder("s")
    const server = await startQemuNbd(path, image, ["-f", "qcow2"])
    const target = await withLun(lunlog, "Image", path)
    const url = `iscsi://127.0.0.1:${lunlog.endpoint.port}/${target}/0`
    const source = inFolder("source")
    writeFileSync(source, Buffer.alloc(5_000_000, makeRandom(1).bytes(65_521)))
    truncateSync(source, 16 * mebibyte)
    const run = async (command: string, ...args: ReadonlyArray<string>): Promise<string> => {
      const done = await runCommand({ command, args }, 50_000)
      assert.strictEqual(done.code, 0, `${command}\n${done.stdout}\n${done.stderr}`)
      return done.stdout
    }
    await run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", source, url)
    await run("qemu-img", "compare", "-f", "raw", "-F", "raw", source, url)
    const suites = ["Read16", "Write16", "WriteSame16.Simple", "Unmap", "GetLBAStatus.Simple", "CompareAndWrite.Simple"]
    for (const suite of suites) {
      const report = await run("iscsi-test-cu", "-d", "-n", "-t", `ALL.${suite}`, url)
      assert.notMatch(report, /FAILED|failures: [1-9]/)
    }
    await lunlog.call("bdev_nbd_delete", { name: "Image" })
    // The server has let go of the image: what it has written is whole.
    server.child.signal("SIGTERM")
    await server.child.exited
    await run("qemu-img", "check", "-q", "-f", "qcow2", image)
  })

  it("keeps what was acknowledged when its server is killed under writes and started again", {
    timeout: 60_000
  }, async () => {
    const file = inFolder("raw")
    const path = inFolder("s")
    writeFileSync(file, Buffer.alloc(8 * mebibyte))
    let server = await startQemuNbd(path, file)
    const target = await withLun(lunlog, "Killed", path)
    const session = await lunlog.open(target, {}, 0)
    const answered = new Map<number, number>()
    let stamp = 0
    let isOver = false
    const writer = async (lane: number): Promise<void> => {
      for (let turn = 0; !isOver; turn++) {
        const at = lane + 8 * (turn % 200)
        stamp = (stamp % 250) + 1
        const now = stamp
        await writeBlocks(session, 0, at * 8, Buffer.alloc(4096, now))
        answered.set(at, now)
      }
    }
    const writers = Promise.all(Array.from({ length: 8 }, (_, lane) => writer(lane)))
    for (let death = 0; death < 3; death++) {
      const before = answered.size
      await until("there are writes", () => answered.size > before + 20)
      await server.kill()
      server = await startQemuNbd(path, file)
    }
    isOver = true
    await writers
    for (const [at, value] of answered) {
      assert.isTrue((await readBlocks(session, 0, at * 8, 8)).equals(Buffer.alloc(4096, value)), `block ${at}`)
    }
    const found = readFileSync(file)
    assert.isTrue([...answered].every(([at, value]) => found[4096 * at] === value))
    // Writes that no flush has covered were answered before the server died: the next flush says so, once.
    const synchronize = Buffer.concat([Buffer.from([0x35]), Buffer.alloc(9)])
    assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: synchronize })), "3/0c/00")
    assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: synchronize })), "GOOD")
    const story = await readStory(lunlog.process.rpc, 1)
    assert.isTrue(story.some(({ payload, type }) => type === "BdevIoFailed" && payload["operation"] === "sync"))
    await server.kill()
  })

  it("is degraded and then not ready while its server is away, and as before when it is back", {
    timeout: 60_000
  }, async () => {
    const path = inFolder("s")
    let server = await startNbdkit(path, "memory", "16M")
    const target = await withLun(lunlog, "Away", path, { reconnect_timeout: 1 })
    const session = await lunlog.open(target, {}, 0)
    await server.kill()
    const waiting = session.command({ lun: 0, cdb: cdb.read10(0, 1), readBytes: 512 })
    assert.match(outcomeText(await waiting), /^2\/04\//)
    const status = JSON.stringify(await lunlog.call("lunlog_status"))
    assert.match(status, /degraded/)
    server = await startNbdkit(path, "memory", "16M")
    await until("it reads again", async () => {
      const result = await session.command({ lun: 0, cdb: cdb.read10(0, 1), readBytes: 512 })
      return outcomeText(result) === "GOOD"
    })
    await server.kill()
  })

  it("is removed when its server is given up, and is there again, as the same LUN, when it is back", {
    timeout: 60_000
  }, async () => {
    const path = inFolder("s")
    const file = inFolder("raw")
    writeFileSync(file, Buffer.alloc(4 * mebibyte, 7))
    let server = await startQemuNbd(path, file)
    const target = await withLun(lunlog, "GivenUp", path, { reconnect_timeout: 1, give_up_after: 1 })
    const session = await lunlog.open(target, {}, 0)
    await server.kill()
    await until("the LUN is gone", async () => (await reportLuns(session)).length === 0)
    const story = await readStory(lunlog.process.rpc, 1)
    const removal = story.find(({ payload, type }) => type === "BdevRemovalStarted" && payload["name"] === "GivenUp")
    assert.strictEqual(removal?.payload["cause"], "vanished")
    truncateSync(file, 8 * mebibyte)
    server = await startQemuNbd(path, file)
    await until("the LUN is back", async () => (await reportLuns(session)).includes(0))
    const again = await lunlog.open(target, {}, 0)
    assert.deepStrictEqual(await readCapacity(again, 0), { blocks: 16_384, blockBytes: 512 })
    assert.isTrue((await readBlocks(again, 0, 0, 8)).equals(Buffer.alloc(4096, 7)))
    await server.kill()
  })

  it("that hangs is removed past the deadline, and its name is free at once", { timeout: 60_000 }, async () => {
    const path = inFolder("s")
    const server = await startNbdkit(path, "memory", "16M")
    const target = `${nodeBase}:hangs`
    await lunlog.createMalloc("Malloc0", 4)
    const before = holdingsOf(lunlog.process).descriptors
    await lunlog.call("bdev_nbd_create", { name: "Hangs", uri: uriOf(path) })
    await lunlog.createTarget({ name: target, luns: { 0: "Hangs", 1: "Malloc0" } })
    const session = await lunlog.open(target, {}, 0)
    server.child.signal("SIGSTOP")
    await until("all of it is stopped", () => / T /.test(readFileSync(`/proc/${server.pid}/stat`, "utf8")))
    const hanging = Array.from({ length: 8 }, (_, at) =>
      session.command({ lun: 0, cdb: cdb.write10(8 * at, 128), writeData: Buffer.alloc(65_536, at) })
    )
    await lunlog.call("bdev_nbd_delete", { name: "Hangs" })
    for (const result of await Promise.all(hanging)) assert.match(outcomeText(result), /^(b\/|5\/25\/00)/)
    await lunlog.call("bdev_null_create", { name: "Hangs", num_blocks: 8, block_size: 512 })
    assert.deepStrictEqual(await reportLuns(session), [1])
    await clearUnitAttentions(session, 1)
    assert.strictEqual((await readBlocks(session, 1, 0, 8)).length, 4096)
    // The session's own connection stays.
    await untilDescriptors(lunlog.process, before + 1)
    await server.kill()
  })

  it("is saved, exported, and found again by a start", { timeout: 60_000 }, async () => {
    const path = inFolder("s")
    await using _server = await startNbdkit(path, "memory", "16M")
    const directory = makeDirectory("nbd-state")
    try {
      const first = await startLunlog({ directory })
      await withLun(first, "Nbd0", path, { connections: 2, give_up_after: 60 })
      const saved = JSON.stringify(await first.call("framework_get_config", { name: "bdev" }))
      assert.include(saved, '"method":"bdev_nbd_create"')
      assert.include(saved, `"path":"${path}","export":"","block_size":512,"readonly":false,"connections":2`)
      await first.process.stop()
      await using again = await startTarget({ directory, stateMode: "resume" })
      const [bdev] = Object(await again.rpc.call("bdev_get_bdevs"))
      assert.deepInclude(bdev, { name: "Nbd0", num_blocks: 32_768, product_name: "NBD disk" })
    } finally {
      removeDirectory(directory)
    }
  })
})
