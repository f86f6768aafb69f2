/** A target whose targets are spread over threads: from outside it is one, and who asks is told where everything is. */
import { readFileSync } from "node:fs"
import { afterEach, assert, describe, it } from "vitest"
import { coresText } from "../../src/cli/serve/cpu-mask.ts"
import { libc } from "../../src/host/libc.ts"
import { clearUnitAttentions, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { makeRandom } from "../support/initiator/random.ts"
import { Session } from "../support/initiator/Session.ts"
import { freePort, startTarget, type TargetProcess } from "../support/target-process.ts"

const nodeBase = "iqn.2016-06.io.spdk"
const host = "127.0.0.1"

const sessions: Array<Session> = []
afterEach(() => {
  for (const session of sessions.splice(0)) session.drop()
})

const setUp = async (target: TargetProcess, disks: ReadonlyArray<string>): Promise<number> => {
  const port = await freePort()
  const { rpc } = target
  await rpc.call("iscsi_create_portal_group", { tag: 1, portals: [{ host, port: String(port) }] })
  await rpc.call("iscsi_create_initiator_group", { tag: 1, initiators: ["ANY"], netmasks: ["ANY"] })
  for (const disk of disks) {
    await rpc.call("bdev_malloc_create", { name: disk, num_blocks: 8192, block_size: 512 })
    await rpc.call("iscsi_create_target_node", {
      name: disk,
      alias_name: "",
      pg_ig_maps: [{ pg_tag: 1, ig_tag: 1 }],
      luns: [{ bdev_name: disk, lun_id: 0 }],
      queue_depth: 64
    })
  }
  return port
}

const open = async (port: number, disk: string): Promise<Session> => {
  const session = await Session.open({ endpoint: { host, port }, targetName: `${nodeBase}:${disk}` })
  sessions.push(session)
  await clearUnitAttentions(session, 0)
  return session
}

const textOf = (value: unknown): string => JSON.stringify(value)

describe("two workers", () => {
  it("serve targets on both, and are shown as SPDK's reactors with their poll groups", async () => {
    await using target = await startTarget({ stateMode: "empty", args: ["--workers", "2"] })
    const disks = ["a", "b", "c", "d"]
    const port = await setUp(target, disks)
    const random = makeRandom(11)
    const written = new Map<string, Buffer>()
    for (const disk of disks) {
      const session = await open(port, disk)
      const data = random.bytes(64 * 512)
      written.set(disk, data)
      await writeBlocks(session, 0, 100, data)
    }
    const found = await Promise.all(sessions.map((session) => readBlocks(session, 0, 100, 64)))
    for (const [at, disk] of disks.entries()) assert.isTrue(found[at]?.equals(written.get(disk) ?? Buffer.alloc(0)))
    const connections = textOf(await target.rpc.call("iscsi_get_connections"))
    for (const group of [1, 2]) {
      const own = connections.split(`"thread_name":"iscsi_poll_group_${group}"`).length - 1
      assert.strictEqual(own, 2, `connections of group ${group}: ${connections}`)
    }
    const reactors = textOf(await target.rpc.call("framework_get_reactors"))
    assert.match(
      reactors,
      /"lcore":1,.*"app_thread".*"iscsi_poll_group_1","id":2,.*"lcore":2,.*"iscsi_poll_group_2","id":3/
    )
    const threads = new Set([...reactors.matchAll(/"tid":(\d+)/gu)].map(([, thread]) => thread))
    assert.strictEqual(threads.size, 2)
    assert.isFalse(threads.has(String(target.pid)), "the main thread is none of them")
    const stats = textOf(await target.rpc.call("thread_get_stats"))
    assert.match(stats, /"app_thread","id":1,.*"iscsi_poll_group_1","id":2,.*"iscsi_poll_group_2","id":3/)
    assert.strictEqual(await target.rpc.call("thread_set_cpumask", { id: 3, cpumask: "0x1" }), true)
    for (const session of sessions.splice(0)) await session.logout()
    assert.deepEqual(await target.stop(), { code: 0, signal: null })
  })
})

describe("a mask of cores", () => {
  const calls = libc()
  const cores = typeof calls === "string" ? [] : calls.threadCores()

  it.runIf(cores.length > 1)("keeps each worker on its core, and the main thread on all of them", async () => {
    const [first = 0, second = 0] = cores
    const mask = `[${first},${second}]`
    await using target = await startTarget({ stateMode: "empty", args: ["-m", mask] })
    const port = await setUp(target, ["a", "b"])
    for (const disk of ["a", "b"]) await open(port, disk)
    const reactors = textOf(await target.rpc.call("framework_get_reactors"))
    const coresOf = (thread: string): string | undefined =>
      /^Cpus_allowed_list:\s+(\S+)$/mu.exec(readFileSync(`/proc/${target.pid}/task/${thread}/status`, "utf8"))?.[1]
    const shown = [...reactors.matchAll(/"lcore":(\d+),"numa_id":0,"tid":(\d+)/gu)]
    assert.deepEqual(
      shown.map(([, core, thread = ""]) => [core, coresOf(thread)]),
      [first, second].map((core) => [String(core), String(core)])
    )
    assert.strictEqual(coresOf(String(target.pid)), coresText([first, second]))
    const connections = textOf(await target.rpc.call("iscsi_get_connections"))
    for (const core of [first, second]) assert.include(connections, `"thread_name":"iscsi_poll_group_${core}"`)
  })

  it.runIf(cores.length > 0)("of one core is the main thread, on that core", async () => {
    const [only = 0] = cores
    await using target = await startTarget({ stateMode: "empty", args: ["-m", `[${only}]`] })
    const reactors = textOf(await target.rpc.call("framework_get_reactors"))
    assert.include(reactors, `"tid":${target.pid},`)
    const status = readFileSync(`/proc/${target.pid}/task/${target.pid}/status`, "utf8")
    assert.match(status, new RegExp(`^Cpus_allowed_list:\\s+${only}$`, "mu"))
  })
})
