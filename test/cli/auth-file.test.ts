/** `auth_file` of iscsi_set_options at a real start: by RPC, in a saved configuration, in a later life, mistaken. */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { makeDirectory, removeDirectory, startTarget } from "../support/target-process.ts"
import { runProgram, serveProgram } from "./support.ts"

let directory = ""
beforeEach(() => {
  directory = makeDirectory("auth-file")
})
afterEach(() => removeDirectory(directory))

const secret = "longsecret123"
const text = `[AuthGroup1]
  Auth "hostA" "${secret}" "tgt" "othersecret1"
  Auth "hostB" "anothersecret"
[AuthGroup2]
`
const groups = [
  {
    tag: 1,
    secrets: [
      { user: "hostA", secret, muser: "tgt", msecret: "othersecret1" },
      { user: "hostB", secret: "anothersecret" }
    ]
  },
  { tag: 2, secrets: [] }
]

const authFile = () => join(directory, "auth.conf")
const socket = () => join(directory, "rpc")
const waiting = () => ["--wait-for-rpc", "--state", join(directory, "state"), "-r", socket()]

const write = (content: string, mode = 0o600): void => {
  writeFileSync(authFile(), content)
  chmodSync(authFile(), mode)
}

describe("the auth file", () => {
  it("gives groups that are shown and saved, and its secrets are on no disk in clear", async () => {
    write(text)
    await using target = await serveProgram("iscsi_tgt", waiting(), socket())
    const { child, rpc } = target
    await rpc.call("iscsi_set_options", { auth_file: authFile() })
    await rpc.call("framework_start_init")
    assert.deepStrictEqual(await rpc.call("iscsi_get_auth_groups"), groups)
    assert.deepInclude(await rpc.call("iscsi_get_options"), { auth_file: authFile() })
    const records = JSON.stringify(await rpc.call("eventlog_tail", { count: 100 }))
    assert.include(records, `"source":"boot","actor":"local","method":"auth_file ${authFile()}"`)
    assert.notInclude(records, secret)
    const saved = await rpc.call("framework_get_config", { name: "iscsi" })
    assert.include(JSON.stringify(saved), JSON.stringify({ method: "iscsi_create_auth_group", params: groups[0] }))
    for (const name of readdirSync(join(directory, "state"), { recursive: true, encoding: "utf8" })) {
      const path = join(directory, "state", name)
      assert.isFalse(/\.(log|ldb)$/.test(name) && readFileSync(path).includes(secret), name)
    }
    // A group of the file that is saved beside the file's name loads: SPDK says that it exists.
    assert.strictEqual(await rpc.call("iscsi_create_auth_group", groups[0]), true)
    const other = await rpc.call("iscsi_create_auth_group", { tag: 2, secrets: groups[0]?.secrets }).catch(String)
    assert.include(other, "Could not add auth group (2), File exists")
    const config = join(directory, "saved.json")
    writeFileSync(config, JSON.stringify({ subsystems: [{ subsystem: "iscsi", config: saved }] }))
    child.signal("SIGTERM")
    await child.exited
    await using again = await startTarget({ directory, configFile: config })
    assert.deepStrictEqual(await again.rpc.call("iscsi_get_auth_groups"), groups)
    await again.stop()
    // Another life, with other secrets in the file: what the log has stays, what it has not comes.
    write(`${text.replace(secret, "changed")}[AuthGroup3]\n`, 0o644)
    await using resumed = await startTarget({ directory })
    assert.deepStrictEqual(await resumed.rpc.call("iscsi_get_auth_groups"), [...groups, { tag: 3, secrets: [] }])
    assert.match(resumed.stderr(), /auth group 1 of \S+auth.conf is in the event log, and stays as it is there/)
    assert.match(resumed.stderr(), /auth.conf is open to other users; chmod 600/)
    assert.notInclude(child.stderr() + again.stderr() + resumed.stderr(), secret)
  })

  it("with a mistake ends the start of a configuration that names it, with one message", async () => {
    write("[AuthGroup1]\nAuth a\n")
    const config = join(directory, "spdk.json")
    const options = { method: "iscsi_set_options", params: { auth_file: authFile() } }
    const groups = { method: "iscsi_create_auth_group", params: { tag: 9 } }
    writeFileSync(config, JSON.stringify({ subsystems: [{ subsystem: "iscsi", config: [options, groups] }] }))
    const ended = await runProgram("iscsi_tgt", ["--state", join(directory, "state"), "-r", socket(), "-c", config])
    assert.strictEqual(ended.code, 1)
    assert.match(ended.stderr, /auth\.conf:2 Auth has 1 values; give user and secret/)
  })
})
