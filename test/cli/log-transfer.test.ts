/** `lunlog log export` and `import` as users run them: whole files or none, and a copy that can be served. */
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { afterEach, assert, beforeEach, it } from "vitest"
import { sessionLog } from "../support/session-log.ts"
import { makeDirectory, removeDirectory, startTarget } from "../support/target-process.ts"
import { lunlog } from "./support.ts"

let directory: string

beforeEach(() => {
  directory = makeDirectory("transfer")
})

afterEach(() => removeDirectory(directory))

it("a log goes into a file and comes out of it, and is served", { timeout: 120_000 }, async () => {
  using source = await sessionLog("whole")
  const file = join(directory, "log.ndjson.gz")
  const written = await lunlog("log", "export", "--state", source.stateDirectory, "--from", "12", "-o", file)
  assert.strictEqual(written.code, 0, written.stderr)
  assert.strictEqual(statSync(file).mode & 0o777, 0o600)
  assert.strictEqual(gunzipSync(readFileSync(file)).toString().trim().split("\n").length, source.records.length - 9)
  const copy = join(directory, "state")
  const made = await lunlog("log", "import", file, "--state", copy)
  assert.strictEqual(made.code, 0, made.stderr)
  assert.include(made.stdout, `records 12 to ${source.records.length}`)
  const again = await lunlog("log", "import", file, "--state", copy)
  assert.strictEqual(again.code, 1)
  assert.include(again.stderr, "is not empty")
  await using target = await startTarget({ directory })
  const nodes = await target.rpc.call("iscsi_get_target_nodes")
  for (const name of [source.names.disk1, source.names.disk2, source.names.disk3]) {
    assert.include(JSON.stringify(nodes), name)
  }
})

it("what cannot be read to its end leaves nothing behind", { timeout: 120_000 }, async () => {
  using damaged = await sessionLog("damaged", 3)
  const file = join(directory, "log.ndjson")
  const copy = join(directory, "copy")
  const failed = await lunlog("log", "export", "--state", damaged.stateDirectory, "-o", file)
  if (failed.code !== 0) assert.isFalse(existsSync(file))
  using source = await sessionLog("cut")
  const written = await lunlog("log", "export", "--state", source.stateDirectory)
  assert.strictEqual(written.code, 0, written.stderr)
  writeFileSync(file, written.stdout)
  truncateSync(file, statSync(file).size - 200)
  const cut = await lunlog("log", "import", file, "--state", copy)
  assert.strictEqual(cut.code, 1)
  assert.match(cut.stderr, /log\.ndjson: line \d+: the line is no JSON/)
  assert.deepStrictEqual(readdirSync(directory), ["log.ndjson"])
})
