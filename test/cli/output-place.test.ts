/** What a command's output may be beside a new file: nothing that is no file is replaced, and no mode is changed. */
import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { Effect } from "effect"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { writeOutput } from "../../src/cli/config/write-output.ts"
import { writeBundle } from "../../src/cli/incident/write-bundle.ts"
import { writeWhole } from "../../src/cli/write-whole.ts"
import { BUNDLE_FORMAT, type BundleManifest } from "../../src/history/incident/BundleManifest.ts"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"

const text = "what was asked for"

/** Ways in which commands write. */
const ways = {
  "a whole file": (path: string) => writeWhole(path, (into, signal) => pipeline([text], into, { signal })),
  "a configuration": (path: string) => writeOutput(path, text, true)
} as const

let directory: string

beforeEach(() => {
  directory = makeDirectory("output")
})

afterEach(() => removeDirectory(directory))

for (const [what, write] of Object.entries(ways)) {
  const written = (path: string) => Effect.runPromise(write(path))

  describe(what, () => {
    it("goes through a pipe, which stays what it is", async () => {
      const pipe = join(directory, "pipe")
      execFileSync("mkfifo", ["-m", "644", pipe])
      const [read] = await Promise.all([readFile(pipe, "utf8"), written(pipe)])
      assert.strictEqual(read, text)
      assert.isTrue(statSync(pipe).isFIFO())
      assert.strictEqual(statSync(pipe).mode & 0o777, 0o644)
    })

    it("goes where a link leads to, for the owner alone", async () => {
      const [file, link] = [join(directory, "file"), join(directory, "link")]
      writeFileSync(file, "before", { mode: 0o644 })
      symlinkSync(file, link)
      await written(link)
      assert.isTrue(lstatSync(link).isSymbolicLink())
      assert.strictEqual(readFileSync(file, "utf8"), text)
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
    })

    it("is refused by a directory, and leaves nothing", async () => {
      const failure = await Effect.runPromise(Effect.flip(write(directory)))
      assert.strictEqual(failure.message, `${directory} cannot be written: it is a directory`)
      assert.isEmpty(readdirSync(directory))
    })
  })
}

const moment = { seq: 0, control_seq: 0, control_hash: "" }
const manifest: BundleManifest = {
  format: BUNDLE_FORMAT,
  version: 1,
  lunlog: "0.1.0",
  made_at: 0,
  incident: { seq: 1, at: 0, type: "IoFailed", text: "" },
  records: { from: 1, to: 1, count: 1 },
  before: moment,
  after: moment,
  missing: [],
  files: []
}

describe("a bundle", () => {
  it("that finds the disk full is refused in one line", async () => {
    const files = new Map(["a", "b", "c"].map((name) => [name, randomBytes(256 * 1024)]))
    const failure = await Effect.runPromise(Effect.flip(writeBundle("/dev/full", manifest, files)))
    assert.match(failure.message, /^\/dev\/full cannot be written: ENOSPC: no space left on device, write$/u)
    assert.isTrue(statSync("/dev/full").isCharacterDevice())
  })
})
