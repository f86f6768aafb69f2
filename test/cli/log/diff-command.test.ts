/** `lunlog log diff` and `lunlog log tail`, of logs that real sessions have written. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type SessionLog, sessionLog } from "../../support/session-log.ts"
import { lunlogHere } from "../in-process.ts"
import { lunlog } from "../support.ts"

let log: SessionLog

beforeAll(async () => {
  log = await sessionLog("whole")
}, 120_000)
afterAll(() => log[Symbol.dispose]())

const ask = (...args: ReadonlyArray<string>) => lunlogHere("log", ...args, "--state", log.stateDirectory)

describe("lunlog log diff", () => {
  it("tells what went, below it the records that did it and who asked for them", async () => {
    const [started, removed] = [log.record("LunRemovalStarted").seq, log.record("LunRemoved").seq]
    const { stdout } = await ask("diff", String(started - 1), String(removed))
    assert.match(
      stdout,
      new RegExp(
        "^~ target \\S+:disk1\n {4}- LUN 2: pulled\n" +
          ` +${started} .* began to drain: .* \\(rpc iscsi_target_node_remove_lun\\)\n` +
          ` +${removed} .* is gone: .*\\(dataplane\\)\n$`
      )
    )
  })

  it("without records has only what differs, and how the object is called in other questions", async () => {
    const moments = [String(log.record("LunRemovalStarted").seq - 1), String(log.record("LunRemoved").seq)]
    const { stdout } = await ask("diff", ...moments, "--no-records")
    assert.match(stdout, /^~ target \S+:disk1\n {4}- LUN 2: pulled\n$/u)
    const json = await ask("diff", ...moments, "--no-records", "--json")
    assert.deepInclude(JSON.parse(json.stdout), { about: `target:${log.names.disk1}`, by: [] })
  })

  it("backwards has the same records, and the opposite of the change", async () => {
    const { stdout } = await ask(
      "diff",
      String(log.record("LunRemoved").seq),
      String(log.record("LunRemovalStarted").seq - 1)
    )
    assert.match(stdout, /^ {4}\+ LUN 2: pulled$/mu)
  })

  it("ends as diff does: 0 if nothing differs, 1 if something does, 2 if that cannot be told", async () => {
    const run = (...args: ReadonlyArray<string>) => lunlog("log", "diff", ...args, "--state", log.stateDirectory)
    const [same, other, wrong] = [await run("20", "20"), await run("20", "--json"), await run("20", "when?")]
    assert.deepStrictEqual([same.code, same.stdout, other.code, wrong.code], [0, "", 1, 2])
    assert.strictEqual(other.stderr, "")
    assert.match(wrong.stderr, /^lunlog: "when\?" is no place in the log/u)
    for (const line of other.stdout.trim().split("\n"))
      assert.hasAllKeys(JSON.parse(line), [
        "action",
        "object",
        "changes",
        "by",
        ...("about" in JSON.parse(line) ? ["about"] : []),
        ...("detail" in JSON.parse(line) ? ["detail"] : [])
      ])
    const unified = await run(
      "-u",
      String(log.record("LunRemovalStarted").seq - 1),
      String(log.record("LunRemoved").seq)
    )
    assert.match(unified.stdout, /^--- record \d+\n\+\+\+ record \d+\n[\s\S]*^-.*bdev: pulled/mu)
    assert.strictEqual(unified.code, 1)
  })
})

describe("lunlog log tail", () => {
  it("shows the newest, in order, and as many as asked for", async () => {
    const { stdout } = await ask("tail", "-n", "3", "--json")
    const seqs = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).seq)
    const last = log.records.at(-1)?.seq ?? 0
    assert.strictEqual(seqs.length, 3)
    assert.isAtLeast(seqs[2], last)
    assert.deepStrictEqual(seqs, [seqs[2] - 2, seqs[2] - 1, seqs[2]])
    assert.strictEqual((await ask("tail", "-n", "0")).stdout, "")
  })

  it("shows everything since a place, and nothing behind another", async () => {
    const { stdout } = await ask("tail", "--since", "5", "--until", "8", "--json")
    assert.deepStrictEqual(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).seq),
      [5, 6, 7, 8]
    )
    assert.strictEqual((await ask("tail", "--since", "now")).stdout, "")
  })

  it("has types and fields with -v, and withholds nothing but secrets", async () => {
    const { stdout } = await ask("tail", "--type", "BdevErrorInjected", "-n", "1", "-v")
    assert.match(
      stdout,
      /^ +\d+ {2}.*bdev EE_bad holds back the next write IO on purpose.*\n {9}BdevErrorInjected v1 .*count=1/u
    )
  })

  it("refuses to follow a directory, and names that the log does not know", async () => {
    assert.match((await ask("tail", "-f")).failure ?? "", /does not grow: leave -f out/u)
    assert.match(
      (await ask("tail", "--object", "puled")).failure ?? "",
      /^the log knows no "puled", did you mean "pulled"\?/u
    )
    assert.match((await ask("tail", "--type", "LunAded")).failure ?? "", /did you mean "LunAdded"\?/u)
  })
})
