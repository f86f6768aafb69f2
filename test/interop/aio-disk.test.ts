/**
 * Files as disks of a real server: what was confirmed is in the file when the server is killed, what was flushed was
 * synced before it was confirmed, and a file that hangs stops neither the log nor its own removal.
 */
import { closeSync, constants, openSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { runCommand } from "../support/child-process.ts"
import { cdb, clearUnitAttentions, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { asLunlog, type Lunlog, mallocParams, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import type { Session } from "../support/initiator/Session.ts"
import { describeWithTools } from "../support/requires-tool.ts"
import { RpcFailure } from "../support/rpc-client.ts"
import { parseCalls, tracedCalls } from "../support/strace-log.ts"
import { freePort, makeDirectory, projectDirectory, removeDirectory, startTarget } from "../support/target-process.ts"

const name = `${nodeBase}:files`
const fileBytes = 8 * 1024 * 1024
let directory: string
let image: string

beforeEach(() => {
  directory = makeDirectory("aio")
  image = join(directory, "disk.img")
  writeFileSync(image, "")
  truncateSync(image, fileBytes)
})
afterEach(() => removeDirectory(directory))

const aioParams = (bdev: string, filename: string) => ({ name: bdev, filename, block_size: 512 })

const writeWithFua = async (session: Session, block: number, data: Buffer): Promise<void> => {
  const command = cdb.write16(block, data.length / 512)
  command[1] = 0x08
  assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: command, writeData: data })), "GOOD")
}

const synchronize = async (session: Session): Promise<void> => {
  const command = Buffer.concat([Buffer.from([0x35]), Buffer.alloc(9)])
  assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: command })), "GOOD")
}

describe("a file as a disk", () => {
  it("has everything that was confirmed, when its server was killed, and is the same disk again", async () => {
    const data = makePattern(0, 2048, 1, 512)
    const port = await freePort()
    const config = join(directory, "lunlog.yaml")
    writeFileSync(
      config,
      [
        "bdevs:",
        "  - { type: aio, name: Aio0, file: disk.img }",
        `portalGroups: [{ tag: 1, portals: ["127.0.0.1:${port}"] }]`,
        "initiatorGroups: [{ tag: 1, initiators: [ANY], netmasks: [ANY] }]",
        "targets:",
        `  - { name: "${name}", maps: [{ portalGroup: 1, initiatorGroup: 1 }], luns: [{ lun: 0, bdev: Aio0 }] }`
      ].join("\n")
    )
    const endpoint = { host: "127.0.0.1", port }
    const first = asLunlog(await startTarget({ directory, configFile: config }), endpoint)
    const session = await first.open(name, {}, 0)
    for (let at = 0; at < 16; at++)
      await writeBlocks(session, 0, at * 128, data.subarray(at * 65_536, (at + 1) * 65_536))
    await writeWithFua(session, 2048, data.subarray(0, 4096))
    await first.process.kill()
    session.drop()
    assert.isTrue(readFileSync(image).subarray(0, data.length).equals(data))
    await using second = asLunlog(await startTarget({ directory, configFile: config }), endpoint)
    const again = await second.open(name)
    // No "medium may have changed": it has not.
    assert.deepStrictEqual(await clearUnitAttentions(again, 0), ["6/29/00"])
    assert.isTrue((await readBlocks(again, 0, 0, 2048)).equals(data))
    assert.isTrue((await readBlocks(again, 0, 2048, 8)).equals(data.subarray(0, 4096)))
    await again.logout()
  })
})

describeWithTools(["strace"], "a flush", () => {
  it("has synced the file before it is confirmed, and so has a write with FUA", async () => {
    const traceFile = join(directory, "trace")
    const strace = ["strace", "-f", "-y", "-e", `trace=${tracedCalls},pwrite64`, "-o", traceFile]
    const rounds = 10
    {
      await using lunlog = await startLunlog({ directory, wrapper: strace, readyMillis: 60_000 })
      await lunlog.call("bdev_aio_create", aioParams("Aio0", image))
      await lunlog.createTarget({ name, luns: { 0: "Aio0" } })
      const session = await lunlog.open(name, {}, 0)
      for (let round = 0; round < rounds; round++) {
        await writeWithFua(session, round, makePattern(round, 1, 1, 512))
        await writeBlocks(session, 0, 100 + round, makePattern(round, 1, 2, 512))
        await synchronize(session)
      }
      await session.logout()
    }
    const ofFile = (text: string): boolean => text.includes(`<${image}>`)
    // In the order in which each had ended; an answer counts from its beginning.
    const story = parseCalls(readFileSync(traceFile, "utf8"))
      .flatMap(({ from, name: call, text, to }) => {
        if (call === "pwrite64" && ofFile(text)) return [{ at: to, what: "write" }]
        if (call === "fdatasync" && ofFile(text)) return text.endsWith("= 0") ? [{ at: to, what: "sync" }] : []
        const answers = /^(write|writev|sendto|sendmsg)$/.test(call) && /^\d+<(TCP|socket)/.test(text)
        return answers ? [{ at: from, what: "answer" }] : []
      })
      .sort((a, b) => a.at - b.at)
      .map(({ what }) => what)
    const first = story.indexOf("write")
    const expected = ["write", "sync", "answer", "write", "answer", "sync", "answer"]
    assert.deepStrictEqual(
      story.slice(first, first + rounds * expected.length),
      Array.from({ length: rounds }, () => expected).flat()
    )
  })
})

/** Opening the other end lets one hung operation go on; none hangs there any more when it says so. */
const releaseAll = async (fifo: string): Promise<void> => {
  for (let idle = 0; idle < 20; ) {
    try {
      closeSync(openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK))
      idle = 0
    } catch {
      idle++
    }
    await delay(10)
  }
}

/** A server on which `image` hangs; on LUN 0 is a file that does not. */
const startHanging = async (args: ReadonlyArray<string>): Promise<Lunlog> => {
  const fifo = join(directory, "fifo")
  assert.strictEqual((await runCommand({ command: "mkfifo", args: [fifo] }, 10_000)).code, 0)
  const good = join(directory, "good.img")
  writeFileSync(good, Buffer.alloc(fileBytes))
  const lunlog = await startLunlog({
    directory,
    args: ["--removal-deadline", "300ms", ...args],
    preload: join(projectDirectory, "test/support/hang-file-io.mjs"),
    environment: { LUNLOG_TEST_HANG_FILE: image, LUNLOG_TEST_FIFO: fifo }
  })
  await lunlog.call("bdev_aio_create", aioParams("Hung", image))
  await lunlog.call("bdev_aio_create", aioParams("Good", good))
  await lunlog.createTarget({ name, luns: { 0: "Good", 1: "Hung" } })
  return lunlog
}

const startWrites = (session: Session, count: number): ReadonlyArray<Promise<string>> =>
  Array.from({ length: count }, async (_, index) => {
    const request = { lun: 1, cdb: cdb.write16(index, 1), writeData: Buffer.alloc(512, 1), waitMillis: 30_000 }
    return session.command(request).then(outcomeText, () => "no answer")
  })

describe("a file that hangs", () => {
  it("stops neither the log, nor other files, nor its own removal; it stays in use meanwhile", async () => {
    await using lunlog = await startHanging([])
    const session = await lunlog.open(name, {}, 0)
    await clearUnitAttentions(session, 1)
    const writes = startWrites(session, 32)
    await writeBlocks(session, 0, 0, makePattern(0, 64, 1, 512))
    assert.strictEqual(await lunlog.call("bdev_malloc_create", mallocParams("M", 1)), "M")
    assert.strictEqual(await lunlog.call("bdev_aio_delete", { name: "Hung" }), true)
    assert.deepStrictEqual([...new Set(await Promise.all(writes))], ["b/00/00"])
    const again = await lunlog.call("bdev_aio_create", aioParams("Hung", image)).catch((error: unknown) => error)
    assert(again instanceof RpcFailure)
    assert.strictEqual(again.code, -16)
    assert.match(JSON.stringify(again.data), /still has operations on it that hang/)
    await clearUnitAttentions(session, 0)
    assert.isTrue((await readBlocks(session, 0, 0, 64)).equals(makePattern(0, 64, 1, 512)))
    await session.logout()
    await releaseAll(join(directory, "fifo"))
    assert.strictEqual(await lunlog.call("bdev_aio_create", aioParams("Hung", image)), "Hung")
  })

  it.each(["main", "worker"])("does not keep the process from ending in order (%s)", async (reactor) => {
    await using lunlog = await startHanging(["--reactor", reactor])
    const session = await lunlog.open(name, {}, 1)
    const writes = startWrites(session, 2)
    await session.nop()
    assert.deepStrictEqual(await lunlog.process.stop(), { code: 0, signal: null })
    assert.deepStrictEqual(await Promise.all(writes), ["no answer", "no answer"])
  })
})
