/**
 * One life of a target with secrets from everywhere they may come from, and mistakes that are made with them: none of
 * them is in anything that is written, printed, answered or shown of the process, but where somebody asked for it.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { processTree } from "../support/child-process.ts"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"

/** Each from another place; all have what is searched for. */
const needle = "sesame"
const secrets = {
  rpc: `rpc-${needle}-1`,
  mutual: `mutual-${needle}-2`,
  file: `file-${needle}-3`,
  environment: `env-${needle}-4`,
  token: `token-${needle}-5-of-http`,
  mistyped: `mistyped-${needle}-6`
}

let directory: string
const at = (name: string): string => join(directory, name)
const write = (name: string, text: string, mode = 0o600): string => {
  writeFileSync(at(name), text, { mode })
  return at(name)
}

beforeEach(() => {
  directory = makeDirectory("nowhere")
})
afterEach(() => removeDirectory(directory))

const config = (port: number): string => `
bdevs:
  - { type: malloc, name: M0, size: 1MiB }
authGroups:
  - { name: files, secrets: [{ user: a, secret: "\${file:given/secret}" }] }
  - { name: environment, secrets: [{ user: b, secret: "\${env:CANARY}" }] }
portalGroups:
  - { name: front, portals: ["127.0.0.1:${port}"] }
initiatorGroups:
  - { name: all, initiators: [ANY], netmasks: [ANY] }
targets:
  - name: disk
    maps: [{ portalGroup: front, initiatorGroup: all }]
    luns: [{ lun: 0, bdev: M0 }]
    auth: { requireChap: true, chapGroup: files }
`

/** Everything that a call answers, refused or not. */
const answer = async ({ rpc }: TargetProcess, method: string, params?: Record<string, unknown>): Promise<string> => {
  try {
    return JSON.stringify(await rpc.call(method, params))
  } catch (error) {
    return `${error} ${JSON.stringify(error)}`
  }
}

const user = { user: "u", secret: secrets.rpc, muser: "m", msecret: secrets.mutual }

/** Calls with secrets, right and wrong. */
const calls: ReadonlyArray<readonly [method: string, params: Record<string, unknown>]> = [
  ["iscsi_create_auth_group", { tag: 7, secrets: [user] }],
  ["iscsi_create_auth_group", { tag: 7, secrets: [user] }],
  ["iscsi_create_auth_group", { tag: 8, secrets: [{ user: "u", secret: `${secrets.mistyped}\u0001` }] }],
  ["iscsi_create_auth_group", { tag: 8, secrets: [{ user: "u", secret: secrets.mistyped.repeat(100) }] }],
  ["iscsi_create_auth_group", { tag: 8, secrets: [{ user: "u", secret: [secrets.mistyped] }] }],
  ["iscsi_create_auth_group", { tag: 8, secrets: [{ user: "u", secret: { [secrets.mistyped]: 1 } }] }],
  ["iscsi_create_auth_group", { tag: 8, secrets: [{ user: 5, secret: secrets.mistyped }] }],
  ["iscsi_create_auth_group", { tag: 8, secrets: secrets.mistyped }],
  ["iscsi_auth_group_add_secret", { tag: 99, user: "u", secret: secrets.rpc }],
  ["iscsi_auth_group_add_secret", { tag: 7, user: "v", secret: secrets.rpc, msecret: secrets.mutual }],
  ["iscsi_auth_group_add_secret", { tag: 7, user: "u", secrett: secrets.rpc }]
]

/** What a target tells of itself to whoever asks. */
const questions: ReadonlyArray<readonly [method: string, params?: Record<string, unknown>]> = [
  ["lunlog_status"],
  ["iscsi_get_options"],
  ["iscsi_get_target_nodes"],
  ["eventlog_tail", { count: 1000 }],
  ["eventlog_state", { raw: true }],
  ["eventlog_state"],
  ["lunlog_export"],
  ["notify_get_notifications"],
  ["rpc_get_methods"]
]

const mistakes = (port: number): ReadonlyArray<string> => [
  `authGroups: [{ name: x, secrets: [{ user: a, secret: [${secrets.mistyped}] }] }]\n`,
  `authGroups: [{ name: x, secrets: [{ user: a, secrt: ${secrets.mistyped} }] }]\n`,
  `authGroups: [{ name: x, secrets: [{ user: a, secret: "${secrets.mistyped}\\u0001" }] }]\n`,
  `authGroups: [{ name: x, secrets: ["${secrets.mistyped}"] }]\n`,
  config(port).replace("given/secret", "given/missing")
]

const filesBelow = (path: string): ReadonlyArray<string> =>
  readdirSync(path, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : []
  )

const textOf = (path: string): string => {
  const bytes = readFileSync(path)
  return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString("latin1")
}

/** Of the target, and of the commands, which run in this process. */
const environment = { CANARY: secrets.environment }

const commandLines = (target: TargetProcess): ReadonlyArray<ReadonlyArray<string>> => {
  const socket = ["-r", target.socketPath]
  return [
    ["status", "--json", ...socket],
    ["auth", "list", "--json", ...socket],
    ["log", "tail", "-v", ...socket],
    ["log", "tail", "--json", ...socket],
    ["log", "diff", "1", ...socket],
    ["log", "state", ...socket],
    ["log", "export", "-o", at("log.ndjson.gz"), ...socket],
    ["log", "compact", ...socket],
    ["export", ...socket],
    ["plan", at("lunlog.yaml"), ...socket],
    ["completion", "bash"]
  ]
}

describe("secrets", () => {
  it("are nowhere, whatever is done with them", { timeout: 120_000 }, async () => {
    const port = await freePort()
    write("http-token", `${secrets.token}\n`)
    const given = makeDirectory("given")
    writeFileSync(join(given, "secret"), `${secrets.file}\n`, { mode: 0o600 })
    const configFile = write("lunlog.yaml", config(port).replaceAll("given/", `${given}/`))
    const told: Array<string> = []
    process.env["CANARY"] = secrets.environment
    const args = ["--http", "0", "--http-token-file", at("http-token")]
    await using target = await startTarget({ directory, configFile, args, environment })
    for (const [method, params] of [...calls, ...questions])
      told.push(`${method}: ${await answer(target, method, params)}`)
    const pem = write("key.pem", `-----BEGIN PRIVATE KEY-----\n${secrets.mistyped}\n-----END PRIVATE KEY-----\n`)
    const tls = { tls: true, tls_ca: pem, tls_cert: pem, tls_key: pem }
    told.push(await answer(target, "bdev_nbd_create", { name: "N0", host: "127.0.0.1", port: 1, ...tls }))
    assert.include(told.at(-1), "its TLS files are no certificates and key in PEM")
    write("key.pem", "")
    for (const text of mistakes(port)) {
      const wrong = write("wrong.yaml", text)
      const { failure, stderr, stdout } = await lunlogHere("plan", wrong, "-r", target.socketPath)
      assert.isDefined(failure, text)
      told.push(stdout + stderr + failure)
    }
    write("wrong.yaml", "")
    for (const line of commandLines(target)) {
      const { failure, stderr, stdout } = await lunlogHere(...line)
      // `log diff` and `plan` tell by their exit code that there are differences.
      assert.strictEqual(failure ?? "", "", line.join(" "))
      told.push(`${line.join(" ")}: ${stdout}${stderr}`)
    }
    for (const pid of processTree(target.pid)) {
      for (const shown of ["cmdline", "comm", "status"]) told.push(readFileSync(`/proc/${pid}/${shown}`, "utf8"))
    }
    assert.include(told.join(), "AuthGroupCreated")
    assert.include(JSON.stringify(await target.rpc.call("iscsi_get_auth_groups")), secrets.mutual)
    await target.stop()
    told.push(target.stdout(), target.stderr())
    const written = filesBelow(directory).filter((path) => path !== at("http-token"))
    assert.isTrue(written.some((path) => path.includes("archive")))
    for (const path of written) told.push(`${path}: ${textOf(path)}`)
    for (const text of told) assert.notInclude(text, needle, text.slice(0, 300))
    removeDirectory(given)
    delete process.env["CANARY"]
  })
})

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

describe("files of a target", () => {
  it("are its user's alone, whatever the umask", async () => {
    const before = process.umask(0)
    try {
      await using target = await startTarget({ directory, args: ["--http", "0"] })
      await target.rpc.call("bdev_malloc_create", { name: "M0", num_blocks: 2048, block_size: 512 })
      await target.rpc.call("lunlog_bdev_dump", { name: "M0", file: at("dump") })
      await target.rpc.call("eventlog_compact", {})
      const { filename } = Object(await target.rpc.call("env_dpdk_get_mem_stats"))
      const socket = ["-r", target.socketPath]
      for (const line of [
        ["log", "export", "-o", at("log.ndjson"), ...socket],
        ["export", "-o", at("export.yaml"), "--with-secrets", ...socket]
      ]) {
        assert.isUndefined((await lunlogHere(...line)).failure)
      }
      for (const path of [target.stateDirectory, join(target.stateDirectory, "log")]) {
        assert.strictEqual(modeOf(path), "700", path)
      }
      const own = ["secret-key", "instance-id", "http-token"].map((name) => join(target.stateDirectory, name))
      const made = [target.socketPath, at("dump"), at("log.ndjson"), at("export.yaml"), String(filename)]
      for (const path of [...own, ...made]) assert.strictEqual(modeOf(path), "600", path)
    } finally {
      process.umask(before)
    }
  })
})
