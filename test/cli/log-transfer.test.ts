/** `lunlog log export` and `import` as users run them: whole files or none, and a copy that can be served. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import { afterEach, assert, beforeEach, it } from "vitest"
import { sessionLog } from "../support/session-log.ts"
import { makeDirectory, removeDirectory, startTarget } from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"

let directory: string

beforeEach(() => {
  directory = makeDirectory("transfer")
})

afterEach(() => removeDirectory(directory))

it("a log goes into a file and comes out of it, and is served", { timeout: 120_000 }, async () => {
  using source = await sessionLog("whole")
  const file = join(directory, "log.ndjson.gz")
  const written = await lunlogHere("log", "export", "--state", source.stateDirectory, "--from", "12", "-o", file)
  assert.isUndefined(written.failure)
  assert.strictEqual(statSync(file).mode & 0o777, 0o600)
  // The last observation is of the end of the process.
  const lines = gunzipSync(readFileSync(file)).toString().trim().split("\n").length
  assert.isAtLeast(lines, source.records.length - 9)
  const copy = join(directory, "state")
  const made = await lunlogHere("log", "import", file, "--state", copy)
  assert.isUndefined(made.failure)
  assert.include(made.stdout, `records 12 to ${lines + 9}`)
  const again = await lunlogHere("log", "import", file, "--state", copy)
  assert.include(String(again.failure), "is not empty")
  await using target = await startTarget({ directory })
  const nodes = await target.rpc.call("iscsi_get_target_nodes")
  for (const name of [source.names.disk1, source.names.disk2, source.names.disk3]) {
    assert.include(JSON.stringify(nodes), name)
  }
})

it("what others have put where a copy is made is not followed", async () => {
  const file = join(directory, "log.ndjson")
  const copy = join(directory, "copy")
  const header = { format: "lunlog-log", version: 1, exported_at: 1, from: 1, to: 1, losses: [] }
  writeFileSync(file, `${JSON.stringify(header)}\n{"end":{"records":0,"control_hash":""}}\n`)
  const others = join(directory, "others")
  mkdirSync(others)
  symlinkSync(others, `${copy}.import-${process.pid}`)
  const failed = await lunlogHere("log", "import", file, "--state", copy)
  assert.include(String(failed.failure), "cannot make")
  assert.deepStrictEqual(readdirSync(others), [])
  rmSync(`${copy}.import-${process.pid}`)
  const made = await lunlogHere("log", "import", file, "--state", copy)
  assert.isUndefined(made.failure)
})

it("what cannot be read to its end leaves nothing behind", { timeout: 120_000 }, async () => {
  using damaged = await sessionLog("damaged", 3)
  const file = join(directory, "log.ndjson")
  const copy = join(directory, "copy")
  const failed = await lunlogHere("log", "export", "--state", damaged.stateDirectory, "-o", file)
  if (failed.failure !== undefined) assert.isFalse(existsSync(file))
  using source = await sessionLog("cut")
  const written = await lunlogHere("log", "export", "--state", source.stateDirectory)
  assert.isUndefined(written.failure)
  writeFileSync(file, written.stdout)
  truncateSync(file, statSync(file).size - 200)
  const cut = await lunlogHere("log", "import", file, "--state", copy)
  assert.match(String(cut.failure), /log\.ndjson: line \d+: the line is no JSON/)
  assert.deepStrictEqual(readdirSync(directory), ["log.ndjson"])
})

it("a compacted log begins where it began, with the observations that it has kept", { timeout: 120_000 }, async () => {
  using source = await sessionLog("whole")
  const file = join(directory, "log.ndjson")
  const copy = join(directory, "copy")
  const before = String(source.record("LunRemoved").seq)
  for (const args of [
    ["compact", "--before", before, "--no-archive", "--state", source.stateDirectory],
    ["export", "--state", source.stateDirectory, "-o", file],
    ["import", file, "--state", copy],
    ["verify", "--state", copy],
    ["timeline", "--since", "1", "--state", copy],
    ["bisect", "--has", "bdev:last", "--state", copy]
  ]) {
    const ran = await lunlogHere("log", ...args)
    assert.isUndefined(ran.failure, `${args.join(" ")}: ${ran.failure}`)
    if (args[0] === "bisect") assert.include(ran.stdout, "bdev last was created")
  }
})

it("a file that is none is called what it is, and leaves nothing behind", async () => {
  const file = join(directory, "file")
  const failure = async (bytes: string | Uint8Array, name = file) => {
    writeFileSync(file, bytes)
    return String((await lunlogHere("log", "import", name, "--state", join(directory, "state"))).failure)
  }
  assert.match(await failure(""), /file: line 1: the line is empty/)
  assert.match(await failure(Buffer.from([0x22, 0xff, 0x22])), /line 1: it is no UTF-8/)
  assert.match(await failure(gzipSync("x".repeat(1000)).subarray(0, 14)), /file: .*end of file/)
  assert.match(await failure(gzipSync("x".repeat(40 * 1024 * 1024))), /line 1: it is longer than/)
  assert.match(await failure("", join(directory, "nowhere")), /nowhere: ENOENT/)
  assert.match(await failure("", directory), /EISDIR/)
  assert.deepStrictEqual(readdirSync(directory), ["file"])
})
