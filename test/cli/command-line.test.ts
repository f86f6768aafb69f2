/** What the command line answers: exit codes, and messages that say what to do. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { version } from "../../src/cli/version.ts"
import { startChild } from "../support/child-process.ts"
import { setUpGuide } from "../support/guide.ts"
import {
  freePort,
  makeDirectory,
  projectDirectory,
  removeDirectory,
  startTarget,
  type TargetProcess
} from "../support/target-process.ts"
import { binOf, lunlog, runProgram } from "./support.ts"

const noStack = (text: string): void => assert.notMatch(text, /\n\s+at /)

describe("wrong usage", () => {
  it("names the mistake and the help, with code 1", async () => {
    const result = await lunlog("serve", "--bogus")
    assert.strictEqual(result.code, 1)
    assert.match(result.stderr, /^lunlog: .*--bogus/)
    assert.match(result.stderr, /Try: lunlog serve --help/)
  })

  it("of values says what is allowed", async () => {
    const result = await lunlog("serve", "--removal-deadline", "soon")
    assert.strictEqual(result.code, 1)
    assert.match(result.stderr, /"soon" is no duration; write 500ms, 40s or 2m/)
  })

  it("of iscsi_tgt prints the usage on stdout", async () => {
    const result = await runProgram("iscsi_tgt", ["--frobnicate"])
    assert.strictEqual(result.code, 1)
    assert.match(result.stdout, /^iscsi_tgt \[options\]/)
    assert.match(result.stderr, /unknown option --frobnicate/)
  })
})

describe("a call", () => {
  it("without a server says how to start one", async () => {
    const result = await lunlog("rpc", "-r", "/tmp/lunlog-no-such-socket", "rpc_get_methods")
    assert.strictEqual(result.code, 1)
    assert.match(result.stderr, /no lunlog is running at \/tmp\/lunlog-no-such-socket.*lunlog serve -r/)
    noStack(result.stderr)
  })

  it("with parameters that are no JSON says where they end to be", async () => {
    const result = await lunlog("rpc", "bdev_malloc_create", '{"name": Malloc0}')
    assert.strictEqual(result.code, 1)
    assert.match(result.stderr, /the parameters are no JSON: .*\(byte 9\)/)
  })
})

describe("with a running target", () => {
  const directory = makeDirectory("cli")
  let target: TargetProcess
  let socket: ReadonlyArray<string>
  let port: number

  beforeAll(async () => {
    target = await startTarget({ directory, stateMode: "empty" })
    socket = ["-r", target.socketPath]
    port = await freePort()
    await setUpGuide(target.rpc, port)
  })

  afterAll(async () => {
    await target[Symbol.asyncDispose]()
    removeDirectory(directory)
  })

  it("a result is printed as indented JSON, and the log names the command line's user", async () => {
    const params = '{"name":"Scratch","num_blocks":8,"block_size":512}'
    const result = await lunlog("rpc", ...socket, "bdev_malloc_create", params)
    assert.deepStrictEqual([result.code, result.stdout], [0, '"Scratch"\n'], result.stderr)
    const bdevs = await lunlog("rpc", ...socket, "bdev_get_bdevs", '{"name":"Scratch"}')
    assert.match(bdevs.stdout, /^\[\n {2}\{\n {4}"name": "Scratch",\n/)
    const tail = await lunlog("log", "tail", "--kind", "control", "-n", "1", ...socket)
    assert.match(
      tail.stdout,
      /^ +\d+ {2}\d{4}-\d\d-\d\d .*Z {2}bdev Scratch was created: 4096 B of memory {2}\(cli \S+ bdev_malloc_create\)\n$/
    )
  })

  it("a refused call shows code, reason and hint, each once, with code 1", async () => {
    const params = '{"name":"Malloc0","num_blocks":8,"block_size":512}'
    const result = await lunlog("rpc", ...socket, "bdev_malloc_create", params)
    assert.strictEqual(result.code, 1)
    assert.match(result.stderr, /^lunlog: bdev_malloc_create failed \(-17\): File exists\n {2}reason: .*exists/)
    // The hint ends the reason, and is not said again.
    assert.match(result.stderr, /\n {2}reason: .*; use another name[^\n]*\n$/)
    assert.strictEqual(result.stdout, "")
  })

  it("status shows portals, LUNs and bdevs", async () => {
    const { code, stderr, stdout } = await lunlog("status", ...socket)
    assert.strictEqual(code, 0, stderr)
    assert.match(stdout, new RegExp(`127\\.0\\.0\\.1:${port} +1 +listening`))
    assert.match(stdout, /iqn\.2016-06\.io\.spdk:disk1 \(Data Disk1\) +0 +Malloc0 +active\n +1 +Malloc1 +active/)
    assert.match(stdout, /Malloc1 +Malloc disk +64 MiB +512 +up/)
  })

  it("status as JSON has the same", async () => {
    const { code, stdout } = await lunlog("status", "--json", ...socket)
    assert.strictEqual(code, 0)
    const status: unknown = JSON.parse(stdout)
    assert(typeof status === "object" && status !== null && "targets" in status)
    assert.deepStrictEqual(status.targets, await target.rpc.call("iscsi_get_target_nodes"))
  })

  it("one record is shown whole, and one that is not there is a failure", async () => {
    const tail = await lunlog("log", "tail", "--type", "BdevCreated", "--json", ...socket)
    const seq = String(JSON.parse(tail.stdout.split("\n")[0] ?? "").seq)
    const shown = await lunlog("log", "show", seq, ...socket)
    assert.match(shown.stdout, new RegExp(`^record ${seq}, .*: control BdevCreated, version 1\n`))
    assert.include(shown.stdout, "blockCount=131072")
    const missing = await lunlog("log", "show", "999999", ...socket)
    assert.strictEqual(missing.code, 1)
    assert.match(missing.stderr, /no record 999999/)
  })

  it("the log verifies, and its directory is refused with the process that has it", async () => {
    const running = await lunlog("log", "verify", ...socket)
    assert.deepStrictEqual([running.code, running.stdout.split(":")[0]], [0, "clean"])
    const held = await lunlog("log", "verify", "--state", target.stateDirectory)
    assert.strictEqual(held.code, 1)
    assert.match(held.stderr, new RegExp(`in use by process ${target.pid}; ask that process`))
  })

  it("the log is followed until Ctrl-C, with code 0", async () => {
    const args = [binOf("lunlog"), "log", "tail", "-n", "0", "-f", ...socket]
    const child = await startChild({ command: process.execPath, args, directory: projectDirectory })
    const group = { tag: 77, initiators: ["ANY"], netmasks: ["ANY"] }
    // Records that come before it listens are not shown: go on until one is.
    for (let tag = group.tag; !child.stdout().includes("initiator group"); tag++) {
      await target.rpc.call("iscsi_create_initiator_group", { ...group, tag })
      await delay(50)
    }
    child.signal("SIGINT")
    assert.deepStrictEqual(await child.exited, { code: 0, signal: null })
    assert.match(
      child.stdout(),
      /^ +\d+ {2}.*initiator group \d+ was created: initiators ANY from ANY {2}\(rpc iscsi_create_initiator_group\)\n/
    )
  })

  it("a second one with the same state, or the same socket, is refused with one message", async () => {
    const sameState = await lunlog("serve", "--state", target.stateDirectory, "-r", join(directory, "other"))
    assert.strictEqual(sameState.code, 1)
    assert.match(sameState.stderr, new RegExp(`held by process ${target.pid}.*another --state directory`))
    const sameSocket = await lunlog("serve", "--state", join(directory, "other-state"), ...socket)
    assert.strictEqual(sameSocket.code, 1)
    assert.match(sameSocket.stderr, new RegExp(`process ${target.pid} serves it; .*-r PATH`))
    noStack(sameState.stderr + sameSocket.stderr)
  })

  it("a demo on a port in use is refused and names another", async () => {
    const elsewhere = ["--state", join(directory, "demo"), "-r", join(directory, "demo-rpc")]
    const args = ["demo", "--no-console", "--port", String(port), ...elsewhere]
    const result = await lunlog(...args)
    assert.strictEqual(result.code, 1)
    assert.match(result.stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port} \\(EADDRINUSE\\)`))
    assert.match(result.stderr, /demo --port 3261/)
  })
})

describe("the version", () => {
  it("is the package's", async () => {
    const manifest: unknown = JSON.parse(readFileSync(join(projectDirectory, "package.json"), "utf8"))
    assert(typeof manifest === "object" && manifest !== null && "version" in manifest)
    assert.strictEqual(version, manifest.version)
    assert.strictEqual((await lunlog("--version")).stdout, `lunlog v${version}\n`)
    assert.strictEqual((await runProgram("iscsi_tgt", ["-v"])).stdout, `lunlog v${version} (SPDK 26.05 dialect)\n`)
  })
})
