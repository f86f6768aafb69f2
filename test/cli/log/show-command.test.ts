/** `lunlog log show`: a record among its causes and consequences, in logs that real sessions have written. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type SessionLog, sessionLog } from "../../support/session-log.ts"
import { lunlogHere } from "../in-process.ts"

interface Node {
  readonly relation: string
  readonly record: { readonly seq: number; readonly type: string }
  readonly children: ReadonlyArray<Node>
}

interface Shown {
  readonly record: { readonly seq: number; readonly type: string; readonly text: string }
  readonly objects: ReadonlyArray<string>
  readonly causes: ReadonlyArray<Node>
  readonly consequences: ReadonlyArray<Node>
}

let log: SessionLog

beforeAll(async () => {
  log = await sessionLog("whole")
}, 120_000)
afterAll(() => log[Symbol.dispose]())

const run = (seq: number | string, ...args: ReadonlyArray<string>) =>
  lunlogHere("log", "show", String(seq), ...args, "--state", log.stateDirectory)

const show = async (seq: number): Promise<Shown> => {
  const { failure, stdout } = await run(seq, "--json")
  assert.isUndefined(failure)
  return JSON.parse(stdout)
}

/** `relation Type` of each node, children behind their parents. */
const outline = (nodes: ReadonlyArray<Node>): ReadonlyArray<string> =>
  nodes.flatMap(({ children, record, relation }) => [`${relation} ${record.type}`, ...outline(children)])

const seqsOf = (nodes: ReadonlyArray<Node>): ReadonlyArray<number> =>
  nodes.flatMap(({ children, record }) => [record.seq, ...seqsOf(children)])

describe("a record", () => {
  it("goes back to who asked for it, and to what made the things it is about", async () => {
    const { causes } = await show(log.record("LunRemoved", 2).seq)
    assert.includeMembers(
      [...outline(causes)],
      [
        "created it LunAdded",
        "led to it LunRemovalStarted",
        "same request BdevRemovalStarted",
        "created it BdevCreated"
      ]
    )
    assert.isTrue(seqsOf(causes).every((seq) => seq < log.record("LunRemoved", 2).seq))
  })

  it("names the objects that it is about, as other questions take them", async () => {
    const { objects } = await show(log.record("LunAdded").seq)
    assert.includeMembers([...objects], [`target:${log.names.disk1}`])
    assert.isTrue(objects.some((object) => /^lun:.*:\d+$/u.test(object)))
    const lun = objects.find((object) => object.startsWith("lun:")) ?? ""
    const about = await lunlogHere("log", "tail", "--object", lun, "--json", "--state", log.stateDirectory)
    assert.include(about.stdout, `"seq":${log.record("LunAdded").seq},`)
  })

  it("goes on to what came of it, the rest of its request included", async () => {
    const { consequences } = await show(log.record("BdevRemovalStarted").seq)
    const found = outline(consequences)
    assert.includeMembers(
      [...found],
      ["same request LunRemovalStarted", "came of it LunRemoved", "came of it BdevRemoved"]
    )
  })

  it("that a start has written, for what was going when the process ended, goes back to who began that", async () => {
    const starts = new Set(log.records.filter(({ type }) => type === "EpochStarted").map(({ seq }) => seq))
    const gone = log.records.find(({ seq, type }) => type === "LunRemoved" && starts.has(seq - 1)) ?? assert.fail()
    const { causes } = await show(gone.seq)
    assert.includeMembers([...outline(causes)], ["led to it LunRemovalStarted", "same request EpochStarted"])
    const { seq } = causes.find(({ relation }) => relation === "led to it")?.record ?? {}
    const { consequences } = await show(seq ?? 0)
    assert.include(seqsOf(consequences), gone.seq)
    const process = await show(log.record("ProcessStarted", 2).seq)
    assert.deepStrictEqual(outline(process.causes), ["led to it EpochStarted"])
  })

  it("that opened a session goes on to its end and not to the next session of this number", async () => {
    const opened = log.record("SessionOpened")
    const { consequences } = await show(opened.seq)
    assert.isBelow(Math.max(...seqsOf(consequences)), log.record("EpochStarted", 2).seq)
    assert.include(outline(consequences), "afterwards SessionClosed")
  })

  it("of a disk with injected errors goes on to what failed", async () => {
    const { consequences } = await show(log.record("BdevErrorInjected").seq)
    assert.include(outline(consequences), "afterwards IoFailed")
    const failed = await show(log.record("IoFailed").seq)
    assert.includeMembers(
      [...outline(failed.causes)],
      ["its session SessionOpened", "changed it last BdevErrorInjected"]
    )
  })

  it("comes once in a tree, and never below itself", async () => {
    for (const { seq } of log.records.filter((_, at) => at % 3 === 0)) {
      const { causes, consequences, record } = await show(seq)
      const seqs = [record.seq, ...seqsOf(causes), ...seqsOf(consequences)]
      assert.strictEqual(new Set(seqs).size, seqs.length, `record ${seq}`)
      assert.isNotEmpty(record.text)
    }
  })

  it("is printed in words, with its fields, and as trees", async () => {
    const { stdout } = await run(log.record("LunRemoved").seq)
    assert.match(
      stdout,
      /^record \d+, 20.*Z: control LunRemoved, version 1\n {2}LUN 2 of \S+:disk1 is gone: .*\n {2}\(source dataplane/u
    )
    assert.match(stdout, /\n {2}drained: \d+\n/u)
    assert.match(stdout, /\nbefore it\n├─ created it: \d+ .*\n└─ led to it: \d+ /u)
  })

  it("that is not there is a failure that says up to where the log goes", async () => {
    assert.match((await run(99_999)).failure ?? "", /^the log has no record 99999: the last one is \d+$/u)
    assert.match((await run(0)).failure ?? "", /^the log has no record 0: the first one is 1$/u)
  })

  it("may be named by its place from the end", async () => {
    const last = log.records.at(-1)?.seq ?? 0
    const seqOf = async (place: string) => JSON.parse((await run(place, "--json")).stdout).record.seq
    assert.deepStrictEqual([await seqOf("HEAD"), await seqOf("HEAD-1")], [last, last - 1])
    assert.match((await run("10 minuts ago")).failure ?? "", /"10 minuts ago" is no place in the log/u)
  })

  it("that is not there is no moment to ask for, either", async () => {
    for (const words of [
      ["state", "--at", "99999"],
      ["diff", "1", "99999"],
      ["why", "disk1", "--at", "99999"]
    ]) {
      const { failure } = await lunlogHere("log", ...words, "--state", log.stateDirectory)
      assert.match(failure ?? "", /^the log has no record 99999: the last one is \d+$/u, words.join(" "))
    }
  })
})
