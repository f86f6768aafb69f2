/** `lunlog incident bundle` and `open` on the log of real sessions: what comes back is what was there. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { filesOfArchive } from "../support/bundle-archive.ts"
import { startChild } from "../support/child-process.ts"
import { type SessionLog, sessionLog } from "../support/session-log.ts"
import { makeDirectory, projectDirectory, removeDirectory } from "../support/target-process.ts"
import { lunlogHere, type Ran } from "./in-process.ts"

let directory: string
let log: SessionLog
let file: string
let seq: number

beforeAll(async () => {
  directory = makeDirectory("bundle")
  log = await sessionLog("cut")
  file = join(directory, "one.tar.gz")
  seq = log.record("LunRemovalStarted").seq
  const made = await lunlogHere(
    "incident",
    "bundle",
    "--around",
    String(seq),
    "--state",
    log.stateDirectory,
    "-o",
    file
  )
  assert.isUndefined(made.failure)
}, 120_000)

afterAll(() => {
  log[Symbol.dispose]()
  removeDirectory(directory)
})

const succeeded = ({ failure, stdout }: Ran): string => {
  assert.isUndefined(failure)
  return stdout
}

describe("a bundle", () => {
  it("is a plain archive of its owner's, whose first file names the others with their hashes", async () => {
    assert.strictEqual(statSync(file).mode & 0o777, 0o600)
    assert.deepStrictEqual(readdirSync(directory), ["one.tar.gz"])
    const files = await filesOfArchive(readFileSync(file))
    assert.strictEqual(files[0]?.name, `lunlog-incident-${seq}/manifest.json`)
    const manifest: { incident: { seq: number }; files: ReadonlyArray<{ name: string }> } = JSON.parse(
      String(files[0]?.content)
    )
    assert.strictEqual(manifest.incident.seq, seq)
    assert.deepStrictEqual(
      manifest.files.map(({ name }) => `lunlog-incident-${seq}/${name}`),
      files.slice(1).map(({ name }) => name)
    )
  })

  it("opens with the whole story: the record, its causes and consequences, and how to go on", async () => {
    const report = succeeded(await lunlogHere("incident", "open", file))
    assert.include(report, `Incident ${seq}, `)
    assert.include(report, "byte for byte")
    for (const title of [
      "What went wrong",
      "What led to it",
      "What came of it",
      "In which order",
      "What has changed"
    ]) {
      assert.match(report, new RegExp(`^${title}`, "mu"))
    }
    assert.include(report, `lunlog log show ${seq} --state ${file}`)
    const inside = (await filesOfArchive(readFileSync(file))).find(({ name }) => name.endsWith("/report.txt"))
    const text = inside?.content.toString() ?? ""
    // One file more than when it was written: the report itself.
    assert.strictEqual(
      report
        .trimEnd()
        .replaceAll(file, "FILE")
        .replace(/^ {2}\d+ files/mu, ""),
      text.trimEnd().replace(/^ {2}\d+ files/mu, "")
    )
  })

  it("answers as the directory that it was made of", async () => {
    const questions = [
      ["log", "show", String(seq)],
      ["log", "state", "--raw", "--at", String(seq)],
      ["log", "state", "--at", String(seq - 1)],
      ["log", "diff", String(seq - 1), String(seq)].slice(0, 4)
    ]
    for (const words of questions) {
      const [here, there] = [
        await lunlogHere(...words, "--state", file),
        await lunlogHere(...words, "--state", log.stateDirectory)
      ]
      assert.deepStrictEqual(here, there, words.join(" "))
    }
  })

  it("folds to the same bytes for another user, elsewhere, in another time zone and locale", {
    timeout: 60_000
  }, async () => {
    const home = join(directory, "home")
    mkdirSync(home)
    const child = await startChild({
      command: process.execPath,
      args: [join(projectDirectory, "bin/lunlog.js"), "incident", "open", file, "--json"],
      directory: home,
      environment: { HOME: home, XDG_STATE_HOME: home, TMPDIR: home, TZ: "Pacific/Chatham", LC_ALL: "tr_TR.UTF-8" }
    })
    assert.deepStrictEqual(await child.exited, { code: 0, signal: null }, child.stderr())
    const elsewhere: unknown = JSON.parse(child.stdout())
    const here: unknown = JSON.parse(succeeded(await lunlogHere("incident", "open", file, "--json")))
    assert.deepStrictEqual(elsewhere, here)
    const left = readdirSync(home).filter((name) => !name.startsWith("lunlog-compile-cache"))
    assert.deepStrictEqual(left, [], "something was left behind")
  })

  it("has no key", async () => {
    const files = await filesOfArchive(readFileSync(file))
    const key = readFileSync(join(log.stateDirectory, "secret-key"), "utf8").trim()
    for (const { content, name } of files) assert.notInclude(content.toString("latin1"), key, name)
  })
})

describe("what cannot be had", () => {
  it("is said in one line", async () => {
    rmSync(join(log.stateDirectory, "incidents"), { recursive: true })
    const state = ["--state", log.stateDirectory, "-o", join(directory, "none.tar.gz")]
    const unkept = await lunlogHere("incident", "bundle", ...state)
    assert.match(String(unkept.failure), /no incident is kept; name a record/u)
    const beyond = await lunlogHere("incident", "bundle", "--around", "999999999", ...state)
    assert.match(String(beyond.failure), /the log has no record 999999999/u)
    const outside = await lunlogHere("incident", "bundle", "--around", String(seq), "--to", String(seq - 1), ...state)
    assert.match(String(outside.failure), /--from and --to go around it/u)
    const nowhere = join(directory, "no", "where.tar.gz")
    const unwritten = await lunlogHere(
      "incident",
      "bundle",
      "--around",
      "3",
      "--state",
      log.stateDirectory,
      "-o",
      nowhere
    )
    assert.match(String(unwritten.failure), /cannot be written/u)
    assert.deepStrictEqual(readdirSync(directory).toSorted(), ["home", "one.tar.gz"])
  })

  it("of an incident that nothing is kept of, what is kept is told", async () => {
    const failed = await lunlogHere("incident", "show", "3", "--state", log.stateDirectory)
    assert.match(String(failed.failure), /nothing is kept of record 3; none is; lunlog log show 3/u)
    assert.include(succeeded(await lunlogHere("incident", "list", "--state", log.stateDirectory)), "no incident")
  })
})
