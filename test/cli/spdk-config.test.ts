/** SPDK's configuration files, served by `iscsi_tgt -c` and `lunlog serve -c` as a user starts them. */
import { truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { Session } from "../support/initiator/Session.ts"
import type { RpcClient } from "../support/rpc-client.ts"
import { freePort, makeDirectory, removeDirectory } from "../support/target-process.ts"
import { lunlog, runProgram, serveProgram } from "./support.ts"

let directory = ""
beforeEach(() => {
  directory = makeDirectory("spdk-config")
})
afterEach(() => removeDirectory(directory))

const socket = () => join(directory, "rpc")
const serverArguments = () => ["--state", join(directory, "state"), "-r", socket()]
const ended = { code: 0, signal: null }

const write = (text: string, name = "spdk.json"): string => {
  const file = join(directory, name)
  writeFileSync(file, text)
  return file
}

/** As `rpc.py save_config` writes it. */
const save = async (rpc: RpcClient): Promise<string> => {
  const subsystems = await rpc.call("framework_get_subsystems")
  assert(Array.isArray(subsystems))
  const saved: Array<unknown> = []
  for (const { subsystem } of subsystems) {
    saved.push({ subsystem, config: await rpc.call("framework_get_config", { name: subsystem }) })
  }
  return JSON.stringify({ subsystems: saved }, null, 2)
}

const writeImage = (): string => {
  const file = join(directory, "aio.img")
  writeFileSync(file, "")
  truncateSync(file, 1024 * 1024)
  return file
}

/** What a saved file of an iscsi_tgt has, with a comment and a subsystem that lunlog has not. */
const example = (port: number, image: string): string => `/* saved from iscsi_tgt */
{ "subsystems": [
  { "subsystem": "scheduler", "config": [ { "method": "framework_set_scheduler", "params": { "name": "static" } } ] },
  { "subsystem": "sock", "config": [
      { "method": "sock_impl_set_options",
        "params": { "impl_name": "posix", "recv_buf_size": 65536, "new_in_27": 1 } } ] },
  { "subsystem": "nvmf", "config": [ { "method": "nvmf_set_config", "params": {} } ] },
  { "subsystem": "bdev", "config": [
      { "method": "bdev_set_options", "params": { "bdev_io_pool_size": 65535, "bdev_io_cache_size": 256 } },
      { "method": "bdev_malloc_create", "params": { "name": "Malloc0", "num_blocks": 131072, "block_size": 512,
          "uuid": "6d3a41a2-6c0e-4a1c-9a53-0b9e0f8f3c11" } },
      { "method": "bdev_aio_create", "params": { "name": "Aio0", "filename": "${image}", "block_size": 4096,
          "readonly": false, "fallocate": true } },
      { "method": "bdev_set_qos_limit", "params": { "name": "Aio0", "rw_ios_per_sec": 20000, "rw_mbytes_per_sec": 100,
          "r_mbytes_per_sec": 0, "w_mbytes_per_sec": 0 } },
      { "method": "bdev_wait_for_examine" } ] },
  { "subsystem": "scsi", "config": null },
  { "subsystem": "iscsi", "config": [
      // the target comes before the options: passes put that right
      { "method": "iscsi_create_portal_group",
        "params": { "tag": 1, "portals": [ { "host": "127.0.0.1", "port": "${port}" } ], "private": false } },
      { "method": "iscsi_create_initiator_group",
        "params": { "tag": 1, "initiators": ["ANY"], "netmasks": ["127.0.0.0/8"] } },
      { "method": "iscsi_create_target_node", "params": { "name": "disk1", "alias_name": "disk1_alias",
          "pg_ig_maps": [ { "pg_tag": 1, "ig_tag": 1 } ], "luns": [ { "bdev_name": "Malloc0", "lun_id": 0 },
            { "bdev_name": "Aio0", "lun_id": 1 } ], "queue_depth": 64, "disable_chap": true } },
      { "method": "iscsi_set_options", "params": { "node_base": "iqn.2020-01.test", "first_burst_length": 65536 } } ] }
] }
`

describe("iscsi_tgt -c with SPDK's JSON", () => {
  it("serves what the file says, and its save loads again and is the same", async () => {
    const port = await freePort()
    const args = ["--json", write(example(port, writeImage())), ...serverArguments()]
    let saved = ""
    {
      await using served = await serveProgram("iscsi_tgt", args, socket())
      await served.rpc.call("framework_wait_init")
      const session = await Session.open({
        endpoint: { host: "127.0.0.1", port },
        targetName: "iqn.2020-01.test:disk1"
      })
      await session.logout()
      saved = await save(served.rpc)
      assert.include(saved, '"first_burst_length": 65536')
      assert.include(saved, '"recv_buf_size": 65536')
      assert.notInclude(saved, "new_in_27")
      assert.include(saved, '"fallocate": true')
      const status = await lunlog("status", "-r", socket())
      assert.notInclude(status.stdout, "fallocate")
      assert.match(status.stdout, /set, without effect here: .*sock_impl_set_options \(posix\), bdev_set_options/)
      const warning = /spdk\.json:7 subsystem nvmf does not concern a target and is left out: nvmf_set_config/
      assert.match(served.child.stderr(), warning)
      served.child.signal("SIGTERM")
      assert.deepStrictEqual(await served.child.exited, ended)
    }
    // The second start begins empty too, although the state directory knows the first.
    await using again = await serveProgram(
      "iscsi_tgt",
      ["-c", write(saved, "saved.json"), ...serverArguments()],
      socket()
    )
    await again.rpc.call("framework_wait_init")
    assert.strictEqual(await save(again.rpc), saved)
  })

  it("waits with all of it for framework_start_init where --wait-for-rpc says so", async () => {
    const args = [
      "-c",
      write(example(await freePort(), writeImage())),
      "--wait-for-rpc",
      "-L",
      "iscsi",
      ...serverArguments()
    ]
    await using served = await serveProgram("iscsi_tgt", args, socket())
    assert.strictEqual(await served.rpc.call("log_get_print_level"), "DEBUG")
    await served.rpc.call("log_set_print_level", { level: "ERROR" })
    await served.rpc.call("framework_start_init")
    assert.include(JSON.stringify(await served.rpc.call("bdev_get_bdevs")), "Malloc0")
    // The level holds at once: neither the subsystem that is left out nor the listening portal is told.
    assert.notInclude(served.child.stderr(), "nvmf")
    assert.notInclude(served.child.stderr(), "listening on")
  })

  it("ends with the line of the first call that fails, or goes on with --json-ignore-init-errors", async () => {
    const file = write(`{ "subsystems": [ { "subsystem": "bdev", "config": [
      { "method": "bdev_null_create", "params": { "name": "N", "num_blocks": 8, "block_size": 512 } },
      { "method": "bdev_null_create", "params": { "name": "N", "num_blocks": 8, "block_size": 512 } },
      { "method": "bdev_null_create", "params": { "name": "M", "num_blocks": 8, "block_size": 512 } } ] } ] }`)
    const refused = await runProgram("iscsi_tgt", ["-c", file, ...serverArguments()])
    assert.strictEqual(refused.code, 1)
    assert.include(refused.stderr, `${file}:3 bdev_null_create: File exists (`)
    const args = ["-c", file, "--json-ignore-init-errors", ...serverArguments()]
    await using served = await serveProgram("iscsi_tgt", args, socket())
    await served.rpc.call("framework_wait_init")
    assert.lengthOf(Object(await served.rpc.call("bdev_get_bdevs")), 2)
    assert.include(served.child.stderr(), `ignored: ${file}:3 bdev_null_create`)
  })
})

describe("before anything is made", () => {
  it("lunlog serve refuses what it cannot read, does not know, or with --strict does not concern it", async () => {
    const unknown = write(
      '{ "subsystems": [\n{ "subsystem": "bdev", "config": [ { "method": "bdev_zns_create" } ] } ] }'
    )
    const first = await lunlog("serve", "-c", unknown, ...serverArguments())
    assert.strictEqual(first.code, 1)
    assert.include(first.stderr, `${unknown}:2 there is no method bdev_zns_create here`)
    const foreign = write(example(3260, writeImage()))
    const strict = await lunlog("serve", "-c", foreign, "--strict", ...serverArguments())
    assert.strictEqual(strict.code, 1)
    assert.include(strict.stderr, `${foreign}:7 subsystem nvmf does not concern a target`)
    const resumed = await lunlog("serve", "-c", foreign, "--state-mode", "resume", ...serverArguments())
    assert.strictEqual(resumed.code, 1)
    assert.match(resumed.stderr, /made for an empty target: start with --state-mode empty/)
    assert.notMatch(first.stderr + strict.stderr + resumed.stderr, /\n\s+at /)
  })
})
