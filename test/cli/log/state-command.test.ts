/** `lunlog log state`, of logs that real sessions have written. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type SessionLog, sessionLog } from "../../support/session-log.ts"
import { makeDirectory, removeDirectory, startTarget } from "../../support/target-process.ts"
import { lunlogHere } from "../in-process.ts"

let log: SessionLog

beforeAll(async () => {
  log = await sessionLog("whole")
}, 120_000)
afterAll(() => log[Symbol.dispose]())

/** In a file, as what goes to stdout directly is not captured. */
const state = async (...args: ReadonlyArray<string>): Promise<string> => {
  const file = join(log.stateDirectory, "out")
  const { failure } = await lunlogHere("log", "state", "--state", log.stateDirectory, "-o", file, ...args)
  return failure ?? readFileSync(file, "utf8")
}

describe("lunlog log state", () => {
  it("has a LUN until its removal began, and says so while it drains", async () => {
    const started = log.record("LunRemovalStarted").seq
    const removed = log.record("LunRemoved").seq
    const [before, during, after] = [
      await state(`--at=${started - 1}`),
      await state(`--at=${started}`),
      await state(`--at=${removed}`)
    ]
    assert.include(before, "bdev: pulled")
    assert.notInclude(during, "bdev: pulled")
    assert.match(
      during,
      new RegExp(`^# Draining, and left out: LUN 2 of .*:disk1 \\(bdev pulled, since record ${started}\\)\\.$`, "mu")
    )
    assert.notMatch(after, /Draining/)
    assert.match(after, new RegExp(`^# State at record ${removed}, 20\\d\\d-\\d\\d-\\d\\dT[\\d:.]+Z\\.$`, "mu"))
  })

  it("of the time of a record is that of the record", async () => {
    const answer: { readonly at: number; readonly text: string } = JSON.parse(await state("--at=20", "--json"))
    const time = new Date(Math.floor(answer.at / 1000))
      .toISOString()
      .replace("Z", `${String(answer.at % 1000).padStart(3, "0")}Z`)
    const byTime: { readonly seq: number; readonly at: number } = JSON.parse(await state(`--at=${time}`, "--json"))
    assert.strictEqual(byTime.at, answer.at)
    assert.isAtLeast(byTime.seq, 20)
    assert.include(await state("--at", "100 weeks ago"), "Nothing had started yet.")
  })

  it("of the end is what is exported, and raw it is the fold byte for byte", async () => {
    const [head, last] = [await state(), await state(`--at=${log.records.at(-1)?.seq ?? 0}`, "--raw")]
    assert.include(head, log.names.disk3)
    assert.strictEqual(last, await state("--raw", "--at=HEAD"))
    assert.isObject(JSON.parse(last))
  })

  it("is applied to an empty target, which then exports the same", async () => {
    const directory = makeDirectory("state-apply")
    try {
      await using target = await startTarget({ directory })
      const file = join(directory, "moment.yaml")
      const moment = await state(`--at=${log.record("LunRemovalStarted").seq - 1}`)
      writeFileSync(file, moment)
      const applied = await lunlogHere("apply", file, "--yes", "-r", target.socketPath)
      assert.isUndefined(applied.failure, applied.stdout)
      const exported = join(directory, "exported.yaml")
      await lunlogHere("export", "-o", exported, "-r", target.socketPath)
      const body = (text: string) => text.replace(/^(?:#.*\n)*/u, "")
      assert.strictEqual(body(readFileSync(exported, "utf8")), body(moment))
      assert.include(moment, "bdev: pulled")
    } finally {
      removeDirectory(directory)
    }
  })

  it("refuses what is no place, and says what is one", async () => {
    assert.match(await state("--at", "half past nine"), /"half past nine" is no place in the log; write a number, HEAD/)
  })
})
