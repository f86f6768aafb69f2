/** `lunlog export` and `lunlog schema`, as users run them. */
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { freePort, makeDirectory, removeDirectory, startTarget } from "../support/target-process.ts"
import { lunlog, runProgram } from "./support.ts"

let directory = ""
beforeEach(() => {
  directory = makeDirectory("export")
})
afterEach(() => removeDirectory(directory))

const secret = "abcdefghijkl"

const config = (port: number): string => `
bdevs:
  - { type: malloc, name: M0, size: 1MiB }
  - { type: malloc, name: M1, size: 1MiB }
authGroups:
  - { name: hosts, secrets: [{ user: anna, secret: "\${file:secret}" }] }
portalGroups:
  - { name: front, portals: ["127.0.0.1:${port}"], auth: { chapGroup: hosts } }
initiatorGroups:
  - { name: all, initiators: [ANY], netmasks: [ANY] }
targets:
  - { name: a, maps: [{ portalGroup: front, initiatorGroup: all }], luns: [{ lun: 0, bdev: M0 }] }
  - { name: "iqn.2020-01.org.example:b", maps: [], luns: [{ lun: 0, bdev: M1 }] }
`

describe("lunlog export", () => {
  it("writes a file that makes the same of an empty target, byte for byte, with secrets only if asked", async () => {
    const configFile = join(directory, "lunlog.yaml")
    const output = join(directory, "out.yaml")
    writeFileSync(join(directory, "secret"), `${secret}\n`, { mode: 0o600 })
    writeFileSync(configFile, config(await freePort()))
    {
      await using target = await startTarget({ configFile })
      const r = ["-r", target.socketPath]
      const plain = await lunlog("export", ...r)
      assert.deepStrictEqual([plain.code, plain.stdout.includes(secret)], [0, false])
      assert.match(plain.stderr, /^warning: secrets are not in it; .*: LUNLOG_SECRET_HOSTS_ANNA\n$/)
      assert.deepStrictEqual(await lunlog("export", ...r, "-o", output, "--with-secrets"), {
        ...plain,
        stdout: "",
        stderr: ""
      })
      assert.strictEqual(statSync(output).mode & 0o777, 0o600)
      const { text } = Object(await target.rpc.call("lunlog_export", { target: "b" }))
      assert.notMatch(text, /name: (M0|front|all|hosts)|options/)
      assert.match(text, /name: M1[\s\S]*name: iqn\.2020-01\.org\.example:b/)
      const missing = await target.rpc.call("lunlog_export", { target: "nope" }).catch(({ data }) => data.reason)
      assert.match(String(missing), /target "nope" does not exist; there are iqn\.2016-06\.io\.spdk:a, /)
    }
    await using target = await startTarget({ configFile: output })
    const again = Object(await target.rpc.call("lunlog_export", { with_secrets: true }))
    assert.strictEqual(again.text, readFileSync(output, "utf8"))
    assert.include(again.text, secret)
  })
})

describe("lunlog schema", () => {
  it("prints the JSON Schema", async () => {
    const { code, stdout } = await runProgram("lunlog", ["schema"])
    assert.strictEqual(code, 0)
    assert.strictEqual(Object(JSON.parse(stdout)).$schema, "https://json-schema.org/draft/2020-12/schema")
  })
})
