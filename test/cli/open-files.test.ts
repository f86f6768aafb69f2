/** The limit of connections, against what the process may have open. */
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { Effect } from "effect"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { connectionsWithin, openFilesMax } from "../../src/cli/serve/open-files.ts"
import { guideTargetName, setUpGuide } from "../support/guide.ts"
import { Session } from "../support/initiator/Session.ts"
import { freePort, makeDirectory, removeDirectory, spawnTarget, startTarget } from "../support/target-process.ts"

let directory: string

beforeEach(() => {
  directory = makeDirectory("files")
})

afterEach(() => removeDirectory(directory))

const within = (asked: number | undefined, files: number | undefined): number | string | undefined =>
  Effect.runSync(Effect.match(connectionsWithin(asked, files), { onSuccess: (n) => n, onFailure: (e) => e.message }))

/** Runs a command with so many open files at most. */
const limited = (files: number): ReadonlyArray<string> => ["sh", "-c", `ulimit -n ${files}; exec "$@"`, "sh"]

describe("the limit of connections", () => {
  it("is what was asked for, where the system allows it or does not say", () => {
    assert.strictEqual(within(5000, 5256), 5000)
    assert.strictEqual(within(5000, undefined), 5000)
    assert.strictEqual(within(undefined, 1280), undefined)
  })

  it("is less than the default where the process may not have so many files, so that the log has its own", () => {
    assert.strictEqual(within(undefined, 1024), 768)
    assert.strictEqual(within(undefined, 100), 1)
  })

  it("is refused where it cannot be had, with what to do", () => {
    const refusal = within(5000, 1024)
    assert.match(String(refusal), /^--max-connections 5000: this process may have 1024 open files \(ulimit -n\)/)
    assert.match(String(refusal), /ulimit -n 5256 .*LimitNOFILE=5256 .* or use --max-connections 768 or less$/)
  })
})

describe("the files that a process may have open", () => {
  it("are as the system says, if it does", () => {
    const file = join(directory, "limits")
    writeFileSync(file, "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024   4096   files\n")
    assert.strictEqual(openFilesMax(file), 1024)
    assert.isUndefined(openFilesMax(join(directory, "missing")))
  })
})

describe("a server", () => {
  it("does not start with more connections than it may have files", async () => {
    const child = await spawnTarget({ directory, wrapper: limited(400), args: ["--max-connections", "1000"] })
    assert.deepStrictEqual(await child.exited, { code: 1, signal: null })
    assert.match(child.stderr(), /^lunlog: --max-connections 1000: this process may have 400 open files/m)
  })

  it("takes no more connections than it was told", async () => {
    await using target = await startTarget({ directory, args: ["--max-connections", "2"] })
    const port = await freePort()
    await setUpGuide(target.rpc, port)
    const open = () => Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: guideTargetName })
    const sessions = [await open(), await open()]
    const late = connect(port, "127.0.0.1")
    await once(late.resume(), "close")
    for (const each of sessions) {
      await each.nop()
      each.drop()
    }
    assert.match(target.stderr(), /there are 2 connections, which is the limit/)
  })
})
