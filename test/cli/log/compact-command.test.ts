/** `lunlog log compact`, of a log that real sessions have written, and of a running target. */
import { readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { sessionLog } from "../../support/session-log.ts"
import { makeDirectory, removeDirectory, startTarget } from "../../support/target-process.ts"
import { lunlogHere } from "../in-process.ts"

const run = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { failure, stdout } = await lunlogHere("log", ...args)
  return failure ?? stdout
}

describe("lunlog log compact", () => {
  it("of a directory moves old records into an archive, and everything reads as before", {
    timeout: 120_000
  }, async () => {
    using log = await sessionLog("whole")
    const state = ["--state", log.stateDirectory]
    const removed = log.record("LunRemoved").seq
    const stateAt = async (seq: number): Promise<string> => {
      const file = join(log.stateDirectory, "out")
      const { failure } = await lunlogHere("log", "state", "--raw", `--at=${seq}`, "-o", file, ...state)
      return failure ?? readFileSync(file, "utf8")
    }
    const last = log.records.at(-1)?.seq ?? 0
    const [head, early] = [await stateAt(last), await stateAt(removed - 3)]
    const shown = await run("show", `${removed}`, "--json", ...state)
    const dry = await run("compact", `--before=${removed + 1}`, "--dry-run", ...state)
    assert.match(dry, /^\d+ control records \([\d.]+ KiB\) would go to .*archive/)
    const compacted = await run("compact", `--before=${removed + 1}`, ...state)
    assert.match(
      compacted,
      /^\d+ control records \([\d.]+ KiB\) are in .*; the log begins with the state at record \d+\n$/
    )
    assert.deepStrictEqual([await stateAt(last), await stateAt(removed - 3)], [head, early])
    assert.strictEqual(await run("show", `${removed}`, "--json", ...state), shown)
    assert.match(await run("verify", ...state), /^clean/)
    assert.match(await run("compact", `--before=${removed}`, ...state), /^nothing to compact/)
    const archive = join(log.logDirectory, "archive")
    assert.strictEqual(readdirSync(archive).length, 1)
    rmSync(archive, { recursive: true })
    assert.strictEqual(await stateAt(last), head)
    assert.match(await stateAt(removed - 3), /the archive .*archive.* is missing/)
  })

  it("without an archive wants to know up to where", async () => {
    assert.match(await run("compact", "--no-archive", "--state", "/nowhere"), /say up to where with --before/)
    assert.match(await run("compact", "--state", "/nowhere"), /there is no event log in \/nowhere/)
  })

  it("of a running target, which goes on and resumes from it", { timeout: 120_000 }, async () => {
    const directory = makeDirectory("compact")
    try {
      const names = await (async () => {
        await using target = await startTarget({ directory })
        for (const name of ["a", "b", "c"]) {
          await target.rpc.call("bdev_null_create", { name, num_blocks: 100, block_size: 512 })
        }
        assert.match(
          await run("compact", "-r", target.socketPath, "--no-archive", "--before=HEAD"),
          /are gone for good/
        )
        assert.match(await run("compact", "-r", target.socketPath, "--json"), /"archive":".*archive/)
        await target.rpc.call("bdev_null_create", { name: "d", num_blocks: 100, block_size: 512 })
        assert.match(await run("verify", "-r", target.socketPath), /^clean/)
        return JSON.stringify(await target.rpc.call("bdev_get_bdevs"))
      })()
      await using again = await startTarget({ directory, stateMode: "resume" })
      assert.strictEqual(JSON.stringify(await again.rpc.call("bdev_get_bdevs")), names)
      assert.match(await run("state", "--at=1", "-r", again.socketPath), /the log begins with the state at record/)
    } finally {
      removeDirectory(directory)
    }
  })
})
