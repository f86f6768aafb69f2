/** The commands of docs/authentication.md, in their order: each is taken, and what they lead to is what logins meet. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { setUpGuide } from "../support/guide.ts"
import type { Credentials } from "../support/initiator/chap.ts"
import { login } from "../support/initiator/login.ts"
import { Wire } from "../support/initiator/Wire.ts"
import { freePort, projectDirectory, startTarget } from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"

const page = readFileSync(join(projectDirectory, "docs/authentication.md"), "utf8")
const fences = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gmu)].map(([, body = ""]) => body)
/** Words of the lines that call `lunlog`, without comments. */
const commands = fences
  .flatMap((body) => body.split("\n"))
  .filter((line) => line.startsWith("lunlog "))
  .map((line) =>
    line
      .replace(/\s*#.*$/u, "")
      .split(" ")
      .slice(1)
  )

const secret = "a-secret-of-host1"
const targetSecret = "what-disk1-has"
const both: Credentials = { user: "host1", secret, mutual: { user: "disk1", secret: targetSecret } }

afterEach(() => {
  delete process.env["LUNLOG_CHAP_SECRET"]
  delete process.env["LUNLOG_CHAP_MUTUAL_SECRET"]
})

const statusOf = async (port: number, targetName: string | undefined, chap: Credentials): Promise<number> => {
  const wire = await Wire.connect({ host: "127.0.0.1", port })
  try {
    const target = targetName === undefined ? {} : { targetName }
    return (await login(wire, { ...target, authMethod: "CHAP", chap })).status
  } finally {
    wire.destroy()
  }
}

describe("docs/authentication.md", () => {
  it("has commands that lead to mutual CHAP of a target, and CHAP of discovery", async () => {
    await using target = await startTarget()
    const port = await freePort()
    await setUpGuide(target.rpc, port)
    process.env["LUNLOG_CHAP_SECRET"] = secret
    process.env["LUNLOG_CHAP_MUTUAL_SECRET"] = targetSecret
    assert.isAbove(commands.length, 6)
    for (const words of commands) {
      const [noun = "", ...rest] = words
      const socket = ["-r", target.socketPath]
      // Behind a method's name `-r` would be the method's.
      const { failure } = await lunlogHere(noun, ...(noun === "rpc" ? [...socket, ...rest] : [...rest, ...socket]))
      assert.isUndefined(failure, `${words.join(" ")}: ${failure}`)
    }
    const disk1 = "iqn.2016-06.io.spdk:disk1"
    const oneWay = { user: both.user, secret }
    assert.strictEqual(await statusOf(port, disk1, both), 0)
    assert.strictEqual(await statusOf(port, disk1, oneWay), 0x0201)
    assert.strictEqual(await statusOf(port, undefined, oneWay), 0)
    assert.strictEqual(await statusOf(port, undefined, { ...oneWay, secret: "another-secret" }), 0x0201)
  })
})
