/** `lunlog plan` and `lunlog apply` against running servers, and what servers do with a file that changes. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { startChild } from "../support/child-process.ts"
import { Session } from "../support/initiator/Session.ts"
import type { TargetProcess } from "../support/target-process.ts"
import { freePort, makeDirectory, projectDirectory, removeDirectory, startTarget } from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"
import { binOf, lunlog } from "./support.ts"

let directory: string
let file: string
let port: number

const target = "iqn.2016-06.io.spdk:disk1"

const config = (bdevs: ReadonlyArray<string>, luns: string): string => `
bdevs:
${bdevs.map((bdev) => `  - { ${bdev} }`).join("\n")}
portalGroups:
  - { tag: 1, portals: ["127.0.0.1:${port}"] }
initiatorGroups:
  - { tag: 2, initiators: [ANY], netmasks: [ANY] }
targets:
  - name: disk1
    maps: [{ portalGroup: 1, initiatorGroup: 2 }]
    luns: [${luns}]
`
const malloc0 = "type: malloc, name: Malloc0, size: 1MiB"
const nullBdev = (name: string) => `type: "null", name: ${name}, size: 1MiB`
const first = () => config([malloc0], "{ lun: 0, bdev: Malloc0 }")
const second = () => config([malloc0, nullBdev("N1")], "{ lun: 0, bdev: Malloc0 }, { lun: 1, bdev: N1 }")

beforeEach(async () => {
  directory = makeDirectory("plan")
  file = join(directory, "disks.yaml")
  port = await freePort()
  writeFileSync(file, first())
})

afterEach(() => removeDirectory(directory))

const words = (served: TargetProcess, command: "plan" | "apply" | "status", args: ReadonlyArray<string>) => [
  command,
  "-r",
  served.socketPath,
  ...(command === "status" ? [] : [file]),
  ...args
]

/** In this process, with what the program's end would make of it. */
const run = async (served: TargetProcess, command: "plan" | "apply" | "status", ...args: ReadonlyArray<string>) => {
  const { failure, stderr, stdout } = await lunlogHere(...words(served, command, args))
  const code = failure === undefined ? 0 : failure === "" ? 2 : 1
  return { code, stdout, stderr: failure === undefined ? stderr : `${stderr}lunlog: ${failure}\n` }
}

/** Number of control records. */
const controlNo = async ({ rpc }: TargetProcess): Promise<unknown> => {
  const status = await rpc.call("lunlog_status")
  assert(typeof status === "object" && status !== null && "log" in status)
  assert(typeof status.log === "object" && status.log !== null && "control_no" in status.log)
  return status.log.control_no
}

const lunIds = async ({ rpc }: TargetProcess): Promise<string> => {
  const nodes = await rpc.call("iscsi_get_target_nodes")
  assert(Array.isArray(nodes))
  const [node]: ReadonlyArray<{ readonly luns: ReadonlyArray<{ readonly lun_id: number }> }> = nodes
  return (node?.luns ?? []).map(({ lun_id }) => lun_id).join(" ")
}

const until = async (what: string, met: () => Promise<boolean> | boolean): Promise<void> => {
  const deadline = performance.now() + 20_000
  while (!(await met())) {
    assert.isBelow(performance.now(), deadline, what)
    await delay(20)
  }
}

const addLun = ({ rpc }: TargetProcess, lun: number) =>
  rpc.call("iscsi_target_node_add_lun", { name: target, bdev_name: "Malloc0", lun_id: lun })

describe("plan and apply", () => {
  it("show, refuse without --yes, apply once, and then have nothing to do", async () => {
    await using served = await startTarget({ directory, configFile: file })
    const unchanged = await lunlog(...words(served, "plan", []))
    assert.deepStrictEqual([unchanged.code, unchanged.stdout], [0, `nothing to do: ${file} is applied\n`])

    writeFileSync(file, second().replace("{ lun: 0, bdev: Malloc0 }, ", ""))
    const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: target })
    const plan = await lunlog(...words(served, "plan", []))
    assert.deepStrictEqual([plan.code, plan.stderr], [2, ""])
    assert.match(
      plan.stdout,
      new RegExp(
        [
          "^\\+ bdev N1: null, 1 MiB",
          `~ target ${target}`,
          "    - LUN 0: Malloc0",
          "    \\+ LUN 1: N1",
          `    disturbs 1 session of ${target}: iqn\\..*`,
          "1 to create, 1 to change, 0 to remove; disturbs 1 session\n$"
        ].join("\n")
      )
    )
    await session.logout()

    const before = await controlNo(served)
    const refused = await run(served, "apply")
    assert.strictEqual(refused.code, 1)
    assert.match(refused.stderr, /^lunlog: nothing was applied: there is no terminal to ask on; give --yes/)
    assert.strictEqual(await controlNo(served), before)

    const applied = await run(served, "apply", "--yes")
    assert.deepStrictEqual([applied.code, applied.stderr], [0, "applied\n"])
    assert.strictEqual(await lunIds(served), "1")
    const after = await controlNo(served)
    assert.strictEqual((await run(served, "apply", "--yes")).code, 0)
    assert.strictEqual(await controlNo(served), after, "a second apply writes no record")
  })

  it("tell conflicts with their places, and change nothing", async () => {
    await using served = await startTarget({ directory, configFile: file })
    const before = await controlNo(served)
    writeFileSync(file, first().replace("size: 1MiB", "size: 2MiB"))
    for (const command of ["plan", "apply"] as const) {
      const { code, stderr } = await run(served, command, ...(command === "apply" ? ["--yes"] : []))
      assert.strictEqual(code, 1)
      assert.match(stderr, /disks\.yaml:3:\d+ bdevs\[0\]: bdev Malloc0 has blockCount 2048 and not 4096; .*--replace/)
    }
    assert.strictEqual(await controlNo(served), before)
    const replaced = await run(served, "apply", "--yes", "--replace")
    assert.strictEqual(replaced.code, 0, replaced.stderr)
  })

  it("leave and show what RPC has changed, also over a restart with the same file, until it is enforced", async () => {
    {
      await using served = await startTarget({ directory, configFile: file })
      await addLun(served, 3)
      assert.deepStrictEqual(await served.stop(), { code: 0, signal: null })
    }
    await using served = await startTarget({ directory, configFile: file })
    assert.match(served.stderr(), /disks\.yaml: nothing to change/)
    assert.match(served.stderr(), /and left so: LUN 3 of target \S+ \(Malloc0\) was added by RPC/)
    assert.strictEqual(await lunIds(served), "0 3")
    const status = await run(served, "status")
    assert.match(status.stdout, /^drift: LUN 3 of target iqn\.2016-06\.io\.spdk:disk1 \(Malloc0\) was added by RPC$/m)
    const plan = await run(served, "plan", "--json")
    assert.strictEqual(plan.code, 0)
    const view: { readonly drift: ReadonlyArray<{ readonly field: string }> } = JSON.parse(plan.stdout)
    assert.deepStrictEqual(
      view.drift.map(({ field }) => field),
      ["LUN 3"]
    )
    assert.strictEqual((await run(served, "apply", "--yes", "--enforce")).code, 0)
    assert.strictEqual(await lunIds(served), "0")
  })

  it("without a running target say how to start one", async () => {
    const { failure } = await lunlogHere("plan", "-r", join(directory, "none"), file)
    assert.match(failure ?? "", /^no lunlog is running at .* start one with "lunlog serve/)
  })
})

describe("a file that changes", () => {
  it("is applied at SIGHUP; what is wrong with it is told, and everything stays", async () => {
    await using served = await startTarget({ directory, configFile: file })
    await addLun(served, 3)
    writeFileSync(file, "bdevs: [{ type: nonsense }]")
    process.kill(served.pid, "SIGHUP")
    await until("the mistake is told", () => served.stderr().includes("disks.yaml:1:"))
    assert.strictEqual(await lunIds(served), "0 3")
    writeFileSync(file, second())
    process.kill(served.pid, "SIGHUP")
    await until("the file is applied", async () => (await lunIds(served)) === "0 1 3")
    assert.deepStrictEqual(await served.stop(), { code: 0, signal: null })
  })

  it("is applied by serve --watch, also when only an included file has changed", async () => {
    const disks = join(directory, "included.yaml")
    writeFileSync(disks, `bdevs: [{ ${nullBdev("N1")} }]`)
    writeFileSync(file, `include: [included.yaml]\n${first().trimStart()}`)
    await using served = await startTarget({ directory, configFile: file, args: ["--watch"] })
    const names = async () => JSON.stringify(await served.rpc.call("bdev_get_bdevs"))
    assert.include(await names(), '"name":"N1"')
    writeFileSync(disks, "bdevs: [")
    await until("the mistake is told", () => served.stderr().includes("included.yaml:1:"))
    assert.include(await names(), '"name":"N1"')
    writeFileSync(disks, `bdevs: [{ ${nullBdev("N2")} }]`)
    await until("the file is applied", async () => (await names()).includes('"name":"N2"'))
    assert.notInclude(await names(), '"name":"N1"')
  })

  it("is applied by apply --watch, which goes on after mistakes and ends with Ctrl-C", async () => {
    await using served = await startTarget({ directory, configFile: file })
    const copy = join(directory, "copy.yaml")
    writeFileSync(copy, readFileSync(file))
    const { failure } = await lunlogHere("apply", "-r", served.socketPath, copy, "--watch")
    assert.match(failure ?? "", /--watch applies what comes later without asking; give --yes/)
    const child = await startChild({
      command: process.execPath,
      args: [binOf("lunlog"), "apply", "-r", served.socketPath, copy, "--watch", "--yes"],
      directory: projectDirectory,
      environment: { VITEST: undefined, NODE_ENV: undefined }
    })
    try {
      await until("it watches", () => child.stderr().includes("watching"))
      writeFileSync(copy, "nonsense: 1")
      await until("the mistake is told", () => child.stderr().includes("copy.yaml:1:1"))
      writeFileSync(copy, second())
      await until("the file is applied", async () => (await lunIds(served)) === "0 1")
      child.signal("SIGINT")
      assert.deepStrictEqual(await child.exited, { code: 0, signal: null })
    } finally {
      child.signal("SIGKILL")
    }
  })
})
