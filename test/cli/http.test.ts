/** `lunlog serve --http`: the token's file, TLS with a given certificate, what is refused before anything starts. */
import { execFileSync } from "node:child_process"
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import * as https from "node:https"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { describeWithTools } from "../support/requires-tool.ts"
import { makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"
import { lunlog } from "./support.ts"

let directory: string

beforeEach(() => {
  directory = makeDirectory("http")
})

afterEach(() => removeDirectory(directory))

const urlOf = (target: TargetProcess): string => {
  const url = /RPC over HTTP on (\S+), with/u.exec(target.stderr())?.[1]
  assert(url !== undefined, target.stderr())
  return url
}

const call = async (url: string, token: string, method: string, params?: unknown): Promise<string> => {
  const response = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ method, id: 1, ...(params === undefined ? {} : { params }) })
  })
  return response.text()
}

const callTrusting = (ca: string, url: string, token: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = { method: "POST", ca, headers: { authorization: `Bearer ${token}` }, agent: false }
    const request = https.request(url, options, (response) => {
      response.setEncoding("utf8")
      response.once("data", (text: string) => resolve(text))
    })
    request.on("error", reject)
    request.end('{"method":"spdk_get_version","id":1}')
  })

describe("lunlog serve --http", () => {
  it("makes a token that is for its owner alone, keeps it, and shows no secret", async () => {
    let token: string
    {
      await using target = await startTarget({ directory, args: ["--http", "0"] })
      const file = join(target.stateDirectory, "http-token")
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      token = readFileSync(file, "utf8").trim()
      const group = { tag: 1, secrets: [{ user: "u", secret: "a-long-secret" }] }
      assert.include(await call(urlOf(target), token, "iscsi_create_auth_group", group), '"result":true')
      assert.include(await call(urlOf(target), token, "iscsi_get_auth_groups"), '"code":-1,')
      assert.include(await call(urlOf(target), token, "framework_get_config", { name: "iscsi" }), '"code":-1,')
      assert.include(JSON.stringify(await target.rpc.call("iscsi_get_auth_groups")), "a-long-secret")
      const root = { source: "cli", actor: "root" }
      assert.include(await call(urlOf(target), token, "lunlog_identify", root), '"code":-1,')
    }
    await using again = await startTarget({
      directory,
      args: ["--http", "0", "--rpcs-allowed", "spdk_get_version,framework_wait_init"]
    })
    assert.include(await call(urlOf(again), token, "spdk_get_version"), '"result"')
    assert.include(await call(urlOf(again), token, "iscsi_get_auth_groups"), '"code":-32601')
  })

  it("refuses what is unsafe or unusable, and then starts no epoch", async () => {
    const state = join(directory, "state")
    const short = join(directory, "short")
    writeFileSync(short, "short\n", { mode: 0o600 })
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
      [["--http", "0.0.0.0:8080"], "would send the token over the network in clear"],
      [["--http", "localhost:x"], '"localhost:x" is no address'],
      [["--http", "8080", "--http-cert", "x"], "--http-cert and --http-key go together"],
      [["--http", "8080", "--http-token-file", short], "holds no token of at least 16 characters"],
      [["--http", "8080", "--http-token-file", join(directory, "none")], "cannot be used: ENOENT"]
    ]
    for (const [args, message] of cases) {
      const { code, stderr } = await lunlog("serve", "--state", state, "-r", join(directory, "rpc"), ...args)
      assert.strictEqual(code, 1)
      assert.include(stderr, message)
    }
    assert.isFalse(existsSync(join(state, "log")))
  })
})

describeWithTools(["openssl"], "lunlog serve --http-cert", () => {
  it("serves TLS with a given certificate, also beyond loopback", async () => {
    const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")]
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    execFileSync("openssl", ["req", "-x509", ...kind, ...subject, "-out", cert, "-keyout", key], { stdio: "pipe" })
    const tokenFile = join(directory, "token")
    writeFileSync(tokenFile, "0123456789abcdef\n")
    chmodSync(tokenFile, 0o644)
    const args = ["--http", "0.0.0.0:0", "--http-cert", cert, "--http-key", key, "--http-token-file", tokenFile]
    await using target = await startTarget({ directory, args })
    const url = urlOf(target).replace("0.0.0.0", "127.0.0.1")
    assert.match(url, /^https:/u)
    assert.include(await callTrusting(readFileSync(cert, "utf8"), url, "0123456789abcdef"), "lunlog")
    assert.include(target.stderr(), `other users may read the token file ${tokenFile}: chmod 600`)
  })
})
