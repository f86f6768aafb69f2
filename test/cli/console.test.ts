/** `--console` and `--metrics` of a real target: what is printed, what is refused, what `lunlog console` says. */
import { existsSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { join } from "node:path"
import { Schema } from "effect"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { guideTargetName, setUpGuide } from "../support/guide.ts"
import { clearUnitAttentions, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { Session } from "../support/initiator/Session.ts"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"
import { until } from "../support/until.ts"
import { lunlog } from "./support.ts"

let directory: string

beforeEach(() => {
  directory = makeDirectory("console")
})

afterEach(() => removeDirectory(directory))

interface ConsoleAddress {
  readonly url: string
  readonly token: string
}

const consoleOf = (target: TargetProcess): ConsoleAddress => {
  const [, url = "", token = ""] = /^web console: (\S+)#token=(\S+)$/mu.exec(target.stdout()) ?? []
  return { url, token }
}

const urlOf = (target: TargetProcess): string => /metrics and health on (\S+)/u.exec(target.stderr())?.[1] ?? ""

const call = async ({ token, url }: ConsoleAddress, method: string, params?: unknown): Promise<string> => {
  const response = await fetch(`${url}rpc`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ method, id: 1, ...(params === undefined ? {} : { params }) })
  })
  return response.text()
}

const Captures = Schema.Struct({ connections: Schema.Array(Schema.Struct({ entries: Schema.String })) })
const Incidents = Schema.Struct({ incidents: Schema.Array(Schema.Struct({ seq: Schema.Number })) })
const FilePart = Schema.Struct({ chunk: Schema.String })

const disk = { name: "M", num_blocks: 8, block_size: 512 }

describe("lunlog serve --console", () => {
  it("prints a URL whose token is in no log, and which lunlog console prints again; it only reads", async () => {
    await using target = await startTarget({ directory, args: ["--console", "0"] })
    const console = consoleOf(target)
    assert.match(console.url, /^http:\/\/127\.0\.0\.1:\d+\/$/u)
    assert.match(console.token, /^[\w-]{43}$/u)
    assert.notInclude(target.stderr(), console.token)
    const again = await lunlog("console", "-r", target.socketPath)
    assert.deepStrictEqual([again.code, again.stdout], [0, `${console.url}#token=${console.token}\n`])
    const { stdout } = await lunlog("console", "--json", "-r", target.socketPath)
    assert.deepInclude(JSON.parse(stdout), { read_only: false, console: { ...console, read_only: true } })
    assert.include(await (await fetch(console.url)).text(), 'src="console.js"')
    assert.include(await (await fetch(`${console.url}console.js`)).text(), "lunlog")
    assert.include(await call(console, "lunlog_get_console"), '"actor":"console 127.0.0.1","read_only":true')
    assert.notInclude(await call(console, "lunlog_get_console"), console.token)
    assert.include(await call(console, "bdev_malloc_create", disk), "--console-allow-changes")
    assert.strictEqual(JSON.stringify(await target.rpc.call("bdev_get_bdevs")), "[]")
  })

  it("with --console-allow-changes is named in the log, and shows no secret; a token of a file stays", async () => {
    const file = join(directory, "token")
    writeFileSync(file, "a-token-that-stays\n", { mode: 0o600 })
    const flags = ["--console", "0", "--console-allow-changes", "--console-token-file", file]
    await using target = await startTarget({ directory, args: flags })
    assert.strictEqual(target.stdout(), "")
    const url = /web console on (\S+), changes allowed/u.exec(target.stderr())?.[1] ?? ""
    const console = { url, token: "a-token-that-stays" }
    assert.include(await call(console, "bdev_malloc_create", disk), '"result":"M"')
    assert.include(JSON.stringify(await target.rpc.call("eventlog_tail", { count: 3 })), "console 127.0.0.1")
    const group = { tag: 1, secrets: [{ user: "u", secret: "a-long-secret" }] }
    assert.include(await call(console, "iscsi_create_auth_group", group), '"result":true')
    assert.include(await call(console, "iscsi_get_auth_groups"), '"code":-1,')
    assert.include(await call(console, "lunlog_identify", { source: "cli", actor: "root" }), '"code":-1,')
  })

  it("shows recorded PDUs without content of disks, also those that were kept of an incident", async () => {
    await using target = await startTarget({ directory, args: ["--console", "0", "--record-data", "512"] })
    const port = await freePort()
    await setUpGuide(target.rpc, port)
    const endpoint = { host: "127.0.0.1", port }
    const session = await Session.open({ endpoint, targetName: guideTargetName })
    await clearUnitAttentions(session, 0)
    const marker = "what a host has written".repeat(3)
    await writeBlocks(session, 0, 0, Buffer.alloc(512, marker))
    assert.include((await readBlocks(session, 0, 0, 1)).toString(), marker)
    const capturesOf = (answer: unknown): string =>
      Schema.decodeUnknownSync(Captures)(answer)
        .connections.map(({ entries }) => Buffer.from(entries, "base64").toString("latin1"))
        .join("")
    assert.include(capturesOf(await target.rpc.call("lunlog_capture_pdus")), marker)
    const shown = capturesOf(JSON.parse(await call(consoleOf(target), "lunlog_capture_pdus")).result)
    assert.notInclude(shown, "what a host")
    assert.include(shown, guideTargetName)
    // A read that fails is an incident.
    await target.rpc.call("bdev_malloc_create", disk)
    await target.rpc.call("bdev_error_create", { base_name: "M" })
    await target.rpc.call("bdev_error_inject_error", { name: "EE_M", io_type: "read", error_type: "failure", num: 1 })
    await target.rpc.call("iscsi_target_node_add_lun", { name: guideTargetName, bdev_name: "EE_M", lun_id: 5 })
    await clearUnitAttentions(session, 5)
    const failed = await readBlocks(session, 5, 0, 1).catch(() => "failed")
    assert.strictEqual(failed, "failed")
    const kept = async (): Promise<typeof Incidents.Type> =>
      Schema.decodeUnknownSync(Incidents)(await target.rpc.call("lunlog_get_incidents"))
    await until("an incident is kept", async () => (await kept()).incidents.length > 0)
    const [incident] = (await kept()).incidents
    const file = { seq: incident?.seq, file: "capture.pcapng" }
    const { chunk } = Schema.decodeUnknownSync(FilePart)(await target.rpc.call("lunlog_get_incident_file", file))
    assert.include(Buffer.from(chunk, "base64").toString("latin1"), marker)
    const refused = await call(consoleOf(target), "lunlog_get_incident_file", file)
    assert.include(refused, "which is not shown over HTTP")
    const metrics = { ...file, file: "metrics.json" }
    assert.include(await call(consoleOf(target), "lunlog_get_incident_file", metrics), '"chunk"')
    session.drop()
  })

  it("refuses what is unsafe, and then starts no epoch", async () => {
    const state = join(directory, "state")
    const token = join(directory, "token")
    writeFileSync(token, "a-token-that-stays\n", { mode: 0o600 })
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
      [["--console", "0.0.0.0:8260"], "would send the token over the network in clear"],
      [["--console", "localhost:8260"], "is no address; write 8260, 127.0.0.1:8260 or [::1]:8260"],
      [["--console", "0", "--console-host", "http://name"], "is no host name"],
      [["--console", "0", "--console-token-file", join(directory, "none")], "cannot be used: ENOENT"],
      [["--metrics", "0.0.0.0:9260"], "would show the target's metrics to the network"],
      [["--metrics", "0.0.0.0:9260", "--metrics-token-file", token], "give --metrics-token-file with --http-cert"],
      [["--metrics", "0", "--metrics-open", "--metrics-token-file", token], "leave one out"]
    ]
    await Promise.all(
      cases.map(async ([args, message]) => {
        const { code, stderr } = await lunlog("serve", "--state", state, "-r", join(directory, "rpc"), ...args)
        assert.deepStrictEqual([code, stderr.includes(message)], [1, true], stderr)
      })
    )
    assert.isFalse(existsSync(join(state, "log")))
  })

  it("is not there without the flag, and lunlog console says how it comes", async () => {
    await using target = await startTarget({ directory })
    const { code, stderr } = await lunlog("console", "-r", target.socketPath)
    assert.strictEqual(code, 1)
    assert.include(stderr, "serves no web console; start the target with --console 8260")
  })
})

const listenOn = (port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer().once("error", reject)
    server.listen(port, "127.0.0.1", () => resolve(server))
  })

describe("lunlog serve --metrics", () => {
  it("is ready when its portals listen, and not while one cannot", async () => {
    const portal = { host: "127.0.0.1", port: String(await freePort()) }
    const args = ["--metrics", "0"]
    const readyz = async (target: TargetProcess): Promise<string> => (await fetch(`${urlOf(target)}/readyz`)).text()
    const isReady = '{"ready":true,"configuration":"ok","log":"ok","portals":"ok"}\n'
    {
      await using target = await startTarget({ directory, args })
      await target.rpc.call("iscsi_create_portal_group", { tag: 1, portals: [portal] })
      assert.strictEqual(await readyz(target), isReady)
      assert.include(await (await fetch(`${urlOf(target)}/metrics`)).text(), "\nlunlog_build_info{")
    }
    const occupant = await listenOn(Number(portal.port))
    await using target = await startTarget({ directory, args })
    assert.include(await readyz(target), `"portals":"1 not listening: 127.0.0.1:${portal.port}"`)
    assert.strictEqual((await fetch(`${urlOf(target)}/readyz`)).status, 503)
    assert.strictEqual((await fetch(`${urlOf(target)}/healthz`)).status, 200)
    occupant.close()
    await until("the portal is listened on", async () => (await readyz(target)) === isReady)
  })
})
