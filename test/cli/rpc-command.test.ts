/** `lunlog rpc` in rpc.py's place, against a running target. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { runCommand } from "../support/child-process.ts"
import { guideTargetName } from "../support/guide.ts"
import {
  freePort,
  makeDirectory,
  projectDirectory,
  removeDirectory,
  startTarget,
  type TargetProcess
} from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"
import { binOf, serveProgram } from "./support.ts"

/** `lunlog rpc` with `input` on stdin. */
const piped = (file: string, input: string, ...args: ReadonlyArray<string>) => {
  writeFileSync(file, input)
  const quoted = [process.execPath, binOf("lunlog"), "rpc", ...args].map((word) => `'${word}'`).join(" ")
  return runCommand({ command: "sh", args: ["-c", `${quoted} < '${file}'`], directory: projectDirectory }, 40_000)
}

describe("lunlog rpc", () => {
  const directory = makeDirectory("rpc-command")
  const file = join(directory, "input")
  let target: TargetProcess
  let socket: ReadonlyArray<string>

  beforeAll(async () => {
    target = await startTarget({ directory, stateMode: "empty" })
    socket = ["-s", target.socketPath]
  })

  afterAll(async () => {
    await target[Symbol.asyncDispose]()
    removeDirectory(directory)
  })

  it("runs the guide's lines from stdin, and prints what rpc.py prints", async () => {
    const port = await freePort()
    const result = await piped(
      file,
      `# the guide
       bdev_malloc_create -b Malloc0 64 512
       bdev_malloc_create -b Malloc1 64 512

       iscsi_create_portal_group 1 127.0.0.1:${port}
       iscsi_create_initiator_group 2 ANY 127.0.0.0/8
       iscsi_create_target_node disk1 "Data Disk1" "Malloc0:0 Malloc1:1" 1:2 64 -d
       iscsi_get_portal_groups`,
      ...socket
    )
    const groups = [{ tag: 1, portals: [{ host: "127.0.0.1", port: String(port) }], private: false }]
    assert.deepStrictEqual(
      [result.code, result.stdout],
      [0, `Malloc0\nMalloc1\n${JSON.stringify(groups, null, 2)}\n`],
      result.stderr
    )
    const targets = await target.rpc.call("iscsi_get_target_nodes")
    assert.include(JSON.stringify(targets), `"name":"${guideTargetName}","alias_name":"Data Disk1"`)
  })

  it("ends at the first line that fails; with --server it goes on and says how each ended", async () => {
    const lines = "bdev_malloc_delete Nothing\nbdev_malloc_create -b M2 1 512\n"
    const ended = await piped(file, lines, ...socket)
    assert.deepStrictEqual([ended.code, ended.stdout], [1, ""])
    assert.match(ended.stderr, /^lunlog: bdev_malloc_delete failed \(-19\): No such device\n {2}reason: /)
    const served = await piped(file, lines, ...socket, "--server")
    assert.strictEqual(served.code, 0, served.stderr)
    assert.match(served.stdout, /^bdev_malloc_delete failed[\s\S]*\n\*\*STATUS=1\nM2\n\*\*STATUS=0\n$/)
  })

  it("shows a method's arguments, and names what is wrong with those that were given", async () => {
    const help = await lunlogHere("rpc", "iscsi_create_portal_group", "--help")
    assert.isUndefined(help.failure)
    assert.match(help.stdout, /^usage: lunlog rpc iscsi_create_portal_group TAG "HOST:PORT \.\.\."/)
    const wrong = await lunlogHere("rpc", ...socket, "iscsi_create_portal_group", "one", "127.0.0.1:1")
    assert.match(wrong.failure ?? "", /^iscsi_create_portal_group: TAG: a whole number is expected\nusage: lunlog rpc/)
    const unknown = await lunlogHere("rpc", ...socket, "iscsi_get_target_node")
    assert.match(unknown.failure ?? "", /failed \(-32601\)[\s\S]*did you mean iscsi_get_target_nodes\?/)
  })

  it("loads nothing of the server", async () => {
    const hook =
      'import m from "node:module";const s=[];m.registerHooks({load(u,c,n){s.push(u);return n(u,c)}});' +
      'process.on("exit",()=>console.error(s.join("\\n")))'
    const args = ["--import", `data:text/javascript,${encodeURIComponent(hook)}`, binOf("lunlog"), "rpc", "--dry-run"]
    const command = { command: process.execPath, args: [...args, "spdk_get_version"], directory: projectDirectory }
    const { stderr } = await runCommand({ ...command, environment: { UV_THREADPOOL_SIZE: "4" } }, 40_000)
    assert.include(stderr, "/src/cli/rpc/rpc-command.ts\n")
    const server = ["src/dataplane/reactor", "DataPlaneLive", "src/rpc/methods", "RpcServer", "eventlog/", "/level/"]
    assert.deepStrictEqual(
      server.filter((part) => stderr.includes(part)),
      []
    )
  })

  it("prints a change's result only as JSON, and sends nothing with --dry-run", async () => {
    const dry = await lunlogHere("--log-level", "debug", "rpc", "--dry-run", "iscsi_start_portal_group", "1")
    assert.deepStrictEqual(JSON.parse(dry.stdout), { method: "iscsi_start_portal_group", params: { tag: 1 } })
    const started = await lunlogHere("rpc", ...socket, "iscsi_start_portal_group", "1", "--json")
    assert.deepStrictEqual([started.failure, started.stdout], [undefined, "true\n"])
  })

  it("saves a configuration that another target loads, STARTUP included, to the same", async () => {
    await target.rpc.call("iscsi_delete_portal_group", { tag: 1 })
    const saved = await lunlogHere("rpc", ...socket, "save_config")
    assert.isUndefined(saved.failure)
    writeFileSync(file, `// saved\n${saved.stdout}`)
    const otherSocket = join(directory, "other-rpc")
    const args = ["serve", "--state", join(directory, "other"), "-r", otherSocket, "--wait-for-rpc"]
    await using _other = await serveProgram("lunlog", args, otherSocket)
    const loaded = await lunlogHere("rpc", "-s", otherSocket, "-t", "30", "load_config", "-j", file)
    assert.deepStrictEqual(loaded, { stdout: "", stderr: "", failure: undefined })
    const again = await lunlogHere("rpc", "-s", otherSocket, "save_config", "-i", "2")
    assert.strictEqual(again.stdout, saved.stdout)
    const iscsi = await lunlogHere("rpc", "-s", otherSocket, "save_subsystem_config", "-n", "iscsi", "-i", "-1")
    assert.match(iscsi.stdout, /^\{"subsystem":"iscsi","config":\[\{"method":"iscsi_set_options","params":.*\}\n$/)
  })

  it("names the line of a configuration that cannot be loaded", async () => {
    writeFileSync(file, '{"subsystem": "bdev",\n "config": [\n  {"method": "bdev_raid_create", "params": {}}]}')
    const refused = await lunlogHere("rpc", ...socket, "load_subsystem_config", "-j", file)
    assert.match(refused.failure ?? "", /Unknown method was included in the config file\n.*input:3 bdev_raid_create\n/)
    const left = await lunlogHere("rpc", ...socket, "load_subsystem_config", "-j", file, "--skip-unknown")
    assert.deepStrictEqual([left.failure, left.stderr], [undefined, `left out:\n${file}:3 bdev_raid_create\n`])
  })
})
