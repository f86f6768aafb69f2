/** What becomes of a program when nobody reads its output any more, or the disk that it goes to is full. */
import { spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { guideTargetName, setUpGuide } from "../support/guide.ts"
import { Session } from "../support/initiator/Session.ts"
import { freePort, makeDirectory, projectDirectory, removeDirectory } from "../support/target-process.ts"
import { binOf, connectWhenServed } from "./support.ts"

let directory: string

beforeEach(() => {
  directory = makeDirectory("output")
})

afterEach(() => removeDirectory(directory))

type Stderr = "closed pipe" | "/dev/full"

/** A server whose stderr cannot be written to. */
const serveInto = (stderr: Stderr, socket: string) => {
  const args = [binOf("lunlog"), "serve", "--state", join(directory, "state"), "-r", socket]
  const file = stderr === "/dev/full" ? openSync(stderr, "w") : undefined
  const child = spawn(process.execPath, args, { cwd: projectDirectory, stdio: ["ignore", "ignore", file ?? "pipe"] })
  if (file !== undefined) closeSync(file)
  child.stderr?.destroy()
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => resolve(code))
  })
  return { child, exited }
}

describe("a server", () => {
  for (const stderr of ["closed pipe", "/dev/full"] as const) {
    it(`serves on when its messages go to a ${stderr}, and still ends in order`, async () => {
      const socket = join(directory, "rpc")
      const { child, exited } = serveInto(stderr, socket)
      try {
        const rpc = await connectWhenServed(socket, () => child.exitCode !== null)
        assert(rpc !== undefined, `it ended with code ${child.exitCode}`)
        await rpc.call("framework_wait_init")
        const port = await freePort()
        await setUpGuide(rpc, port)
        // Each login is a line on stderr.
        const session = await Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: guideTargetName })
        await session.logout()
        assert.include(JSON.stringify(await rpc.call("iscsi_get_target_nodes")), guideTargetName)
        rpc.close()
        child.kill("SIGTERM")
        assert.strictEqual(await exited, 0)
      } finally {
        child.kill("SIGKILL")
      }
    })
  }
})

describe("a command", () => {
  it("whose answer cannot be written says so, with code 1", async () => {
    const file = openSync("/dev/full", "w")
    const child = spawn(process.execPath, [binOf("lunlog"), "--version"], { stdio: ["ignore", file, "pipe"] })
    closeSync(file)
    let said = ""
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text
    })
    const code = await new Promise<number | null>((resolve) => {
      child.once("close", (code) => resolve(code))
    })
    assert.strictEqual(code, 1)
    assert.match(said, /^lunlog: the answer cannot be written to stdout \(ENOSPC\)[^\n]*\n$/)
  })
})
