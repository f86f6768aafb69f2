/** Servers from start to end: configuration files, epochs, signals, and SPDK's command line. */
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { demoConfig } from "../../src/cli/serve/demo-config.ts"
import { guideTargetName, setUpGuide } from "../support/guide.ts"
import { Session } from "../support/initiator/Session.ts"
import { connectRpc } from "../support/rpc-client.ts"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"
import { until } from "../support/until.ts"
import { lunlog, serveProgram } from "./support.ts"

let directory: string

beforeEach(() => {
  directory = makeDirectory("serve")
})

afterEach(() => removeDirectory(directory))

const ended = { code: 0, signal: null }

const bdevNames = async ({ rpc }: TargetProcess): Promise<ReadonlyArray<unknown>> => {
  const bdevs = await rpc.call("bdev_get_bdevs")
  assert(Array.isArray(bdevs))
  return bdevs.map((bdev: { readonly name: string }) => bdev.name)
}

const lastSeq = async ({ rpc }: TargetProcess): Promise<unknown> => {
  const status = await rpc.call("lunlog_status")
  assert(typeof status === "object" && status !== null && "log" in status)
  const { log } = status
  assert(typeof log === "object" && log !== null && "control_no" in log)
  return log.control_no
}

const writeConfig = (text: string): string => {
  const file = join(directory, "lunlog.yaml")
  writeFileSync(file, text)
  return file
}

const scratch = { name: "Scratch", num_blocks: 2048, block_size: 512 }

describe("a configuration file", () => {
  it("changes nothing when it is served again; what came by RPC stays, except in empty mode", async () => {
    const configFile = writeConfig(demoConfig(await freePort()))
    let before: unknown
    {
      await using target = await startTarget({ directory, configFile })
      assert.deepStrictEqual(await bdevNames(target), ["Malloc0", "Malloc1"])
      await target.rpc.call("bdev_malloc_create", scratch)
      before = await lastSeq(target)
      assert.deepStrictEqual(await target.stop(), ended, target.stderr())
    }
    {
      await using target = await startTarget({ directory, configFile })
      assert.deepStrictEqual(await bdevNames(target), ["Malloc0", "Malloc1", "Scratch"])
      assert.strictEqual(await lastSeq(target), Number(before) + 1, "the epoch's record, and nothing else")
      assert.match(target.stderr(), /nothing to change/)
      assert.match(target.stderr(), /made by RPC, and kept: bdev Scratch/)
      const status = JSON.stringify(await target.rpc.call("lunlog_status"))
      assert.match(status, /"warnings":\["memory .* these began empty: Malloc0, Malloc1, Scratch"\]/)
      assert.match(target.stderr(), /listening on 127\.0\.0\.1:/)
    }
    {
      await using target = await startTarget({ directory, configFile, stateMode: "empty" })
      assert.deepStrictEqual(await bdevNames(target), ["Malloc0", "Malloc1"])
    }
  })

  it("that has changed is applied where that is simple", async () => {
    const first = demoConfig(await freePort())
    const configFile = writeConfig(first)
    await (await startTarget({ directory, configFile }))[Symbol.asyncDispose]()
    const changed = first
      .replace(/ +- \{ type: malloc, name: Malloc1.*\n/, "")
      .replace(/ +- \{ lun: 1, bdev: Malloc1 \}\n/, "")
      .replace("initiators: [ANY]", 'initiators: ["!iqn.2000-01.org.example:other", ANY]')
    assert.notInclude(changed, "Malloc1")
    writeConfig(changed)
    await using target = await startTarget({ directory, configFile })
    assert.deepStrictEqual(await bdevNames(target), ["Malloc0"])
    const groups = await target.rpc.call("iscsi_get_initiator_groups")
    const initiators = ["!iqn.2000-01.org.example:other", "ANY"]
    assert.deepStrictEqual(groups, [{ tag: 2, initiators, netmasks: ["127.0.0.0/8"] }])
  })

  it("that would change a disk's size is refused, names the disk and its line, and changes nothing", async () => {
    const first = demoConfig(await freePort())
    const configFile = writeConfig(first)
    await (await startTarget({ directory, configFile }))[Symbol.asyncDispose]()
    writeConfig(first.replace("name: Malloc1, size: 64 MiB", "name: Malloc1, size: 65 MiB"))
    const args = ["serve", "-c", configFile, "--state", join(directory, "state"), "-r", join(directory, "rpc")]
    const refused = await lunlog(...args)
    assert.strictEqual(refused.code, 1)
    assert.include(refused.stderr, `${configFile}:4:5 bdevs[1]: bdev Malloc1 has blockCount 131072 and not 133120`)
    writeConfig(first)
    await using target = await startTarget({ directory, configFile })
    assert.deepStrictEqual(await bdevNames(target), ["Malloc0", "Malloc1"])
  })

  it("with mistakes is refused before anything is made", async () => {
    const configFile = writeConfig("targets:\n  - name: disk1\n")
    const stateDirectory = join(directory, "state")
    const refused = await lunlog("serve", "-c", configFile, "--state", stateDirectory, "-r", join(directory, "rpc"))
    assert.strictEqual(refused.code, 1)
    assert.include(refused.stderr, `${configFile}:2:5 targets[0]: key "maps" is missing`)
    assert.throws(() => statSync(stateDirectory), /ENOENT/)
  })
})

describe("a start that is refused", () => {
  it("leaves the log as it was, in empty mode too", async () => {
    await using other = await startTarget()
    {
      await using target = await startTarget({ directory })
      await target.rpc.call("bdev_malloc_create", scratch)
    }
    const args = ["serve", "--state", join(directory, "state"), "--state-mode", "empty", "-r", other.socketPath]
    const refused = await lunlog(...args)
    assert.strictEqual(refused.code, 1)
    assert.match(refused.stderr, new RegExp(`process ${other.pid}`))
    await using target = await startTarget({ directory })
    assert.deepStrictEqual(await bdevNames(target), ["Scratch"])
  })
})

describe("an end", () => {
  const serveArguments = () => ["serve", "--state", join(directory, "state"), "-r", join(directory, "rpc")]

  it("by Ctrl-C is orderly, with code 0", async () => {
    await using served = await serveProgram("lunlog", serveArguments(), join(directory, "rpc"))
    served.child.signal("SIGINT")
    assert.deepStrictEqual(await served.child.exited, ended)
    assert.match(served.child.stderr(), /ended in order/)
    assert.throws(() => statSync(join(directory, "rpc")), /ENOENT/)
    assert.strictEqual(statSync(join(directory, "state/instance-id")).mode & 0o777, 0o600)
  })

  it("by spdk_kill_instance is orderly, with code 0", async () => {
    await using served = await serveProgram("lunlog", serveArguments(), join(directory, "rpc"))
    await served.rpc.call("framework_wait_init")
    await served.rpc.call("spdk_kill_instance", { sig_name: "SIGTERM" }).catch(() => undefined)
    assert.deepStrictEqual(await served.child.exited, ended)
  })

  it("comes at once by a second Ctrl-C, while a removal still holds up the first", async () => {
    const socket = join(directory, "rpc")
    await using served = await serveProgram("lunlog", serveArguments(), socket)
    await served.rpc.call("framework_wait_init")
    const port = await freePort()
    await setUpGuide(served.rpc, port)
    // A session that does not answer the request to log out: deleting its target takes until it is cut.
    const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: guideTargetName })
    const other = await connectRpc(socket)
    void other.call("iscsi_delete_target_node", { name: guideTargetName }).catch(() => undefined)
    while (JSON.stringify(await served.rpc.call("iscsi_get_target_nodes")) !== "[]") await delay(10)
    while (served.child.exitStatus() === undefined) {
      served.child.signal("SIGINT")
      await Promise.race([delay(400), served.child.exited])
    }
    assert.deepStrictEqual(await served.child.exited, { code: 130, signal: null })
    other.close()
    session.drop()
  })
})

describe("iscsi_tgt", () => {
  it("serves SPDK's guide with SPDK's options, and starts empty each time", async () => {
    const socket = join(directory, "rpc")
    const args = [
      "-m",
      "0x1",
      "-s512",
      "--no-huge",
      "-r",
      socket,
      "--wait-for-rpc",
      "--state",
      join(directory, "state")
    ]
    for (const start of [1, 2]) {
      await using served = await serveProgram("iscsi_tgt", args, socket)
      assert.strictEqual(await served.rpc.call("framework_start_init"), true)
      assert.deepStrictEqual(await served.rpc.call("bdev_get_bdevs"), [], `start ${start}`)
      await setUpGuide(served.rpc, await freePort())
      served.child.signal("SIGTERM")
      assert.deepStrictEqual(await served.child.exited, ended)
      assert.match(served.child.stderr(), /Starting lunlog .* as iscsi_tgt/)
      assert.match(served.child.stderr(), /without effect.*: --no-huge\n/)
    }
  })
})

describe("the demo", () => {
  it("serves its two disks, says how to go on, and ends with code 0", async () => {
    const port = await freePort()
    const socket = join(directory, "rpc")
    const args = ["demo", "--port", String(port), "--console", "0", "--state", join(directory, "demo"), "-r", socket]
    await using served = await serveProgram("lunlog", args, socket)
    await served.rpc.call("framework_wait_init")
    await until("the demo says how to go on", () => served.child.stdout().includes("Ctrl-C"))
    const [, url = ""] = /^ {2}(http:\S+)#token=[\w-]{43}$/mu.exec(served.child.stdout()) ?? []
    assert.include(await (await fetch(url)).text(), "<title>lunlog</title>")
    assert.match(await JSON.stringify(await served.rpc.call("iscsi_get_target_nodes")), /Malloc0.*Malloc1/)
    served.child.signal("SIGTERM")
    assert.deepStrictEqual(await served.child.exited, ended)
    for (const word of ["iscsi-ls -s", "iscsiadm -m discovery", "New-IscsiTargetPortal", "qemu-system", "Ctrl-C"]) {
      assert.include(served.child.stdout(), word)
    }
  })

  it("is what docs/example.yaml says", async () => {
    const example = readFileSync(join(import.meta.dirname, "../../docs/example.yaml"), "utf8")
    const { parse } = await import("yaml")
    const { options: _, ...rest } = parse(example)
    const demo = parse(demoConfig(3260))
    demo.bdevs[1].blockSize = undefined
    assert.deepEqual(JSON.parse(JSON.stringify(rest)), JSON.parse(JSON.stringify(demo)))
  })
})
