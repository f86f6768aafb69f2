/**
 * A server that may have little memory: what is beyond the limit is refused with the protocol's own answer, everything
 * else goes on, and the memory is there again afterwards.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { cdb } from "../support/initiator/commands.ts"
import { assertAlive, type Lunlog, mallocParams, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { LoginRefused, type Session } from "../support/initiator/Session.ts"
import { RpcFailure } from "../support/rpc-client.ts"
import { until } from "../support/until.ts"

const mebibyte = 1024 * 1024
const limit = 32 * mebibyte
const blocks = 2048
const commands = 64
const targetName = `${nodeBase}:memory`
let lunlog: Lunlog

beforeAll(async () => {
  lunlog = await startLunlog({ args: ["--mem-size", "32"] })
  await lunlog.createMalloc("Ram", 8)
  await lunlog.createMalloc("Base", 8)
  await lunlog.call("bdev_error_create", { base_name: "Base" })
  await lunlog.createTarget({ name: targetName, luns: { 0: "Ram", 1: "EE_Base" }, queueDepth: 128 })
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())

/** By purpose, in bytes. */
const memory = async (): Promise<ReadonlyMap<string, number>> => {
  const status = await lunlog.call("lunlog_status")
  assert(typeof status === "object" && status !== null && "memory" in status)
  const entries: ReadonlyArray<[string, unknown]> = Object.entries(Object(status.memory))
  return new Map(entries.flatMap(([name, bytes]) => (typeof bytes === "number" ? [[name, bytes] as const] : [])))
}

const warnings = async (): Promise<string> => JSON.stringify(Object(await lunlog.call("lunlog_status")).warnings)

const readMebibyte = (session: Session, lun: number) =>
  session.command({ lun, cdb: cdb.read16(0, blocks), readBytes: mebibyte, waitMillis: 60_000 })

/** Logs in until that is refused: the sessions, and the status of the refusal. */
const fillWithSessions = async (): Promise<{ readonly sessions: ReadonlyArray<Session>; readonly status: number }> => {
  const sessions: Array<Session> = []
  for (;;) {
    try {
      sessions.push(await lunlog.open(targetName))
    } catch (error) {
      assert(error instanceof LoginRefused)
      return { sessions, status: error.status }
    }
  }
}

describe("memory that is limited", () => {
  it("is refused to disks, with what is left and what helps", async () => {
    const refused = await lunlog.call("bdev_malloc_create", mallocParams("More", 16)).catch((error: unknown) => error)
    assert(refused instanceof RpcFailure)
    assert.strictEqual(refused.code, -12)
    const text = JSON.stringify(refused.data)
    assert.match(text, /More needs 16 MiB of memory, and 8 MiB are left of the 24 MiB that disks may have/)
    assert.match(text, /--mem-size/)
    await lunlog.createMalloc("More", 4)
    assert.strictEqual((await memory()).get("disks"), 20 * mebibyte)
    await lunlog.call("bdev_malloc_delete", { name: "More" })
    assert.strictEqual((await memory()).get("disks"), 16 * mebibyte)
  })

  it("is refused to commands with TASK SET FULL and to logins with status 0302, and is there again", async () => {
    const session = await lunlog.open(targetName, {}, 1)
    const idle = await memory()
    assert.strictEqual(idle.get("limit"), limit)
    await lunlog.call("bdev_error_inject_error", {
      name: "EE_Base",
      io_type: "read",
      error_type: "pending",
      num: commands
    })
    const reads = Array.from({ length: commands }, () => readMebibyte(session, 1))
    const early: Array<string> = []
    for (const read of reads) void read.then((result) => early.push(outcomeText(result)))
    // All of its buffers are taken: what is above is for answers and logins.
    await until("commands hold what they may", async () => ((await memory()).get("commands") ?? 0) >= 12 * mebibyte)
    await until("the other commands are refused", () => early.length >= commands - 14)
    assert.deepStrictEqual([...new Set(early)], ["status 28h"])
    const ram = await lunlog.open(targetName, {}, 0)
    assert.strictEqual(outcomeText(await readMebibyte(ram, 0)), "GOOD")
    const full = await fillWithSessions()
    assert.strictEqual(full.status, 0x302)
    assert.isAbove(full.sessions.length, 10)
    assert.isAtMost((await memory()).get("used") ?? 0, limit + mebibyte)
    assert.match(await warnings(), /3\d MiB of 32 MiB memory are used: .* larger --mem-size/)
    await lunlog.call("bdev_error_resume_pending", { name: "EE_Base" })
    const outcomes = (await Promise.all(reads)).map(outcomeText)
    assert.deepStrictEqual([...new Set(outcomes)].toSorted(), ["GOOD", "status 28h"])
    for (const other of [...full.sessions, ram, session]) other.drop()
    await until("what nobody needs is given back", async () => {
      const now = await memory()
      return (["connections", "commands", "output"] as const).every((use) => (now.get(use) ?? 0) <= mebibyte)
    })
    assert.notMatch(await warnings(), /memory/)
    const again = await lunlog.open(targetName, {}, 0)
    assert.strictEqual(outcomeText(await readMebibyte(again, 0)), "GOOD")
    again.drop()
    assertAlive(lunlog.process)
  })
})

describe("memory that reactors share", () => {
  it("is refused with what is left and what helps, wherever the disk would be", async () => {
    await using server = await startLunlog({ args: ["--mem-size", "64M", "--workers", "2"] })
    await server.createMalloc("First", 30)
    const refused = await server.call("bdev_malloc_create", mallocParams("Second", 30)).catch((error) => error)
    assert(refused instanceof RpcFailure)
    assert.strictEqual(refused.code, -12)
    assert.match(JSON.stringify(refused.data), /Second needs 30 MiB of memory, and 18 MiB are left of the 48 MiB/)
    await server.call("bdev_malloc_delete", { name: "First" })
    await until("the memory is there again", () =>
      server.createMalloc("Second", 30).then(
        () => true,
        () => false
      )
    )
  })
})

describe("memory that the operating system does not give", () => {
  it("costs the disk that needs it, and nothing else", async () => {
    const wrapper = ["sh", "-c", `ulimit -v ${6 * 1024 * 1024}; exec "$@"`, "sh"]
    await using server = await startLunlog({ wrapper, args: ["--mem-size", "16G"] })
    await server.createMalloc("Ram", 8)
    await server.createTarget({ name: targetName, luns: { 0: "Ram" } })
    const refused = await server.call("bdev_malloc_create", mallocParams("Huge", 6 * 1024)).catch((error) => error)
    assert(refused instanceof RpcFailure)
    assert.strictEqual(refused.code, -12)
    assert.match(JSON.stringify(refused.data), /Huge needs 6144 MiB of memory, which can't be had/)
    await server.createMalloc("Small", 16)
    const session = await server.open(targetName, {}, 0)
    assert.strictEqual(outcomeText(await readMebibyte(session, 0)), "GOOD")
    session.drop()
    const status = Object(await server.call("lunlog_status"))
    assert.strictEqual(Number(Object(status.memory).disks), 24 * mebibyte)
  })
})
