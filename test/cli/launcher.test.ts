/**
 * The launcher: the checkout's own Node takes over from an older one, with exit code and signals; libuv's pool is
 * large also when other code came first; and compiled code is kept where nobody else can write.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { runCommand, startChild } from "../support/child-process.ts"
import { makeDirectory, projectDirectory, removeDirectory } from "../support/target-process.ts"
import { binOf } from "./support.ts"

/** A Node of the system that is too old to run lunlog; undefined if there is none. */
const oldNode = (): string | undefined => {
  for (const candidate of ["/usr/bin/node", "/usr/local/bin/node"]) {
    try {
      const version = execFileSync(candidate, ["--version"], { encoding: "utf8" })
      if (Number(/^v(\d+)/.exec(version)?.[1]) < 24) return candidate
    } catch {
      // Not there: the next one may be.
    }
  }
  return undefined
}

let directory: string

beforeEach(() => {
  directory = makeDirectory("launch")
})

afterEach(() => removeDirectory(directory))

const serveArguments = () => ["serve", "--state", join(directory, "state"), "-r", join(directory, "rpc")]

const untilReady = async (stderr: () => string): Promise<void> => {
  const deadline = performance.now() + 90_000
  while (!/ info ready/.test(stderr())) {
    if (performance.now() > deadline) throw new Error(`not ready after 90 s: ${stderr()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe.skipIf(oldNode() === undefined)("an older Node of the system", () => {
  const node = oldNode() ?? ""

  it("goes on in the checkout's own, with its exit code", async () => {
    const command = { command: node, directory: projectDirectory }
    const version = await runCommand({ ...command, args: [binOf("lunlog"), "--version"] }, 90_000)
    assert.deepStrictEqual([version.code, version.stdout.slice(0, 8)], [0, "lunlog v"], version.stderr)
    const wrong = await runCommand({ ...command, args: [binOf("lunlog"), "--bogus"] }, 90_000)
    assert.strictEqual(wrong.code, 1)
  })

  it("passes a signal on, so that the end is orderly", async () => {
    const child = await startChild({ command: node, args: [binOf("lunlog"), ...serveArguments()] })
    await untilReady(child.stderr)
    process.kill(child.pid, "SIGTERM")
    assert.deepStrictEqual(await child.exited, { code: 0, signal: null })
    assert.match(child.stderr(), /ended in order/)
  })

  it("does not leave the server behind when it is killed", async () => {
    const child = await startChild({ command: node, args: [binOf("lunlog"), ...serveArguments()] })
    await untilReady(child.stderr)
    process.kill(child.pid, "SIGKILL")
    // The streams stay open until the server behind it has ended too.
    await child.exited
    assert.match(child.stderr(), /ended in order/)
  })
})

describe("libuv's pool", () => {
  it("has 64 threads, also when a preloaded module came first", async () => {
    const preload = "data:text/javascript,process.on('exit',()=>console.log('pool',process.env.UV_THREADPOOL_SIZE))"
    const environment = { NODE_OPTIONS: `--import=${preload}`, UV_THREADPOOL_SIZE: undefined }
    const args = [binOf("lunlog"), "--version"]
    const result = await runCommand({ command: process.execPath, args, environment }, 90_000)
    assert.match(result.stdout, /pool 64/)
    const given = { ...environment, UV_THREADPOOL_SIZE: "7" }
    const kept = await runCommand({ command: process.execPath, args, environment: given }, 90_000)
    assert.match(kept.stdout, /pool 7/)
  })
})

describe("compiled code", () => {
  const start = async () => {
    const environment = { TMPDIR: directory, NODE_COMPILE_CACHE: undefined, NODE_DISABLE_COMPILE_CACHE: undefined }
    const args = [binOf("lunlog"), "--version"]
    const result = await runCommand({ command: process.execPath, args, environment }, 90_000)
    assert.strictEqual(result.code, 0, result.stderr)
  }
  const folder = () => join(directory, `lunlog-compile-cache-${process.getuid?.()}`)

  it("is kept in a folder that is the user's alone", async () => {
    await start()
    assert.deepStrictEqual(readdirSync(directory), [`lunlog-compile-cache-${process.getuid?.()}`])
    assert.strictEqual(statSync(folder()).mode & 0o777, 0o700)
    assert.isNotEmpty(readdirSync(folder()))
  })

  it("is neither read nor written where others may write", async () => {
    mkdirSync(folder())
    chmodSync(folder(), 0o777)
    await start()
    assert.isEmpty(readdirSync(folder()))
  })
})
