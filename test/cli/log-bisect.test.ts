/** `lunlog log bisect` on a log that real sessions have written. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { startChild } from "../support/child-process.ts"
import { type SessionLog, sessionLog } from "../support/session-log.ts"
import { makeDirectory, projectDirectory, removeDirectory } from "../support/target-process.ts"
import { lunlogHere } from "./in-process.ts"
import { binOf } from "./support.ts"

let directory: string
let source: SessionLog

beforeEach(async () => {
  directory = makeDirectory("bisect")
  source = await sessionLog("whole")
})

afterEach(() => {
  source[Symbol.dispose]()
  removeDirectory(directory)
})

const bisect = (...args: ReadonlyArray<string>) =>
  lunlogHere("log", "bisect", "--state", source.stateDirectory, ...args)

describe("the first record with which a check fails", () => {
  it("is found for an object that went", async () => {
    const { lun, target } = source.record("LunRemoved").payload
    const ran = await bisect(
      "--has",
      `lun:${target}:${lun}`,
      "--good",
      String(source.record("LunRemoved").seq - 1),
      "--json"
    )
    assert.isUndefined(ran.failure)
    assert.strictEqual(JSON.parse(ran.stdout).first_bad.seq, source.record("LunRemoved").seq)
  })

  it("is found by a command, which gets the state on stdin and in a file that is gone afterwards", async () => {
    const names = join(directory, "names")
    const note = `echo "$LUNLOG_SEQ $LUNLOG_STATE_FILE" >> ${names}`
    const isSame = 'cmp -s - "$LUNLOG_STATE_FILE" || exit 127'
    const check = `${note}; ${isSame}; ! grep -q from-file "$LUNLOG_STATE_FILE"`
    const made = source.records.find(({ payload, type }) => type === "BdevCreated" && payload["name"] === "from-file")
    const ran = await bisect("--check", check, "--json")
    assert.isUndefined(ran.failure, ran.failure)
    assert.strictEqual(JSON.parse(ran.stdout).first_bad.seq, made?.seq)
    const lines = readFileSync(names, "utf8").trim().split("\n")
    assert.isAtMost(lines.length, 2 + Math.ceil(Math.log2(source.records.length)) + 1)
    for (const line of lines) assert.isFalse(existsSync(line.split(" ")[1] ?? "/"))
  })

  it("is told as a range where the check cannot tell", async () => {
    const removed = source.record("LunRemovalStarted").seq
    const check = `test "$LUNLOG_SEQ" -gt 2 -a "$LUNLOG_SEQ" -lt ${removed} && exit 125; test "$LUNLOG_SEQ" -le 2`
    const { failure } = await bisect("--check", check)
    assert.match(String(failure), new RegExp(`one of the records after \\d+ and up to ${removed}: .*lunlog log diff`))
  })

  it("is not looked for when the ends are not what they are called, or the check is none", async () => {
    const failure = async (...args: ReadonlyArray<string>) => String((await bisect(...args)).failure)
    assert.match(await failure("--check", "true"), /the state at record \d+ is good: .*--bad/)
    assert.match(await failure("--check", "false"), /the state at record 1 is not good: .*--good/)
    assert.match(await failure("--check", "no-such-command-here"), /at record 1: the shell ended with code 127/)
    assert.match(await failure("--check", "kill -9 $$"), /it was ended by SIGKILL/)
    assert.match(await failure("--check", "true", "--good", "HEAD"), /there is no change from record/)
    assert.match(await failure(), /either --check COMMAND or --has OBJECT/)
    assert.match(await failure("--has", "session:1"), /is no part of the state/)
    assert.match(await failure("--check", "true", "--good", "teatime"), /is no place in the log/)
  })
})

/** A zombie is not: where process 1 reaps nobody, as in some containers, it stays one for ever. */
const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/mu.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

it("a check ends with all that it has started, when it takes too long and on Ctrl-C", { timeout: 60_000 }, async () => {
  const file = join(directory, "pid")
  const check = `sleep 600 & echo $! > ${file}.new; mv ${file}.new ${file}; wait`
  const slow = await bisect("--check", check, "--timeout", "2s")
  assert.match(String(slow.failure), /took longer than 2000 ms at record 1/)
  const first = Number(readFileSync(file, "utf8"))
  while (isAlive(first)) await delay(10)
  removeDirectory(file)
  const args = [binOf("lunlog"), "log", "bisect", "--check", check, "--state", source.stateDirectory]
  const child = await startChild({ command: process.execPath, args, directory: projectDirectory })
  while (!existsSync(file)) await delay(10)
  child.signal("SIGINT")
  assert.strictEqual((await child.exited).code, 130)
  const second = Number(readFileSync(file, "utf8"))
  while (isAlive(second)) await delay(10)
})
