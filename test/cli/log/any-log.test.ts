/**
 * Every `lunlog log` command on logs of real sessions: whole, cut by kill -9, compacted, forked, torn in the middle of
 * a record, and with a bit wrong. It ends; it answers or says what is wrong, where, and what to do; it never shows our
 * insides.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { type SessionLog, type SessionLogVariant, sessionLog } from "../../support/session-log.ts"
import { lunlogHere } from "../in-process.ts"

interface Row {
  /** After `lunlog log`; `--state DIR` is put behind it. */
  readonly words: (log: SessionLog) => ReadonlyArray<string>
  /** In what the command prints of a whole log. */
  readonly shows: RegExp
}

const rows: ReadonlyArray<Row> = [
  { words: () => ["tail"], shows: /\n.*\n/u },
  { words: () => ["tail", "-n", "1000", "--json"], shows: /"type":"LunRemoved"/u },
  { words: () => ["tail", "--errors"], shows: /refused|failed/u },
  { words: () => ["tail", "--object", "disk1:2"], shows: /LUN 2/u },
  { words: (log) => ["show", String(log.record("LunRemovalStarted").seq)], shows: /LUN 2|"lun": 2/u },
  { words: () => ["state"], shows: /disk1/u },
  { words: (log) => ["state", `--at=${log.record("LunRemovalStarted").seq}`], shows: /disk1/u },
  { words: (log) => ["diff", String(log.record("LunAdded").seq)], shows: /bdev spare/u },
  { words: () => ["why", "disk1:2"], shows: /its bdev: bdev pulled/u },
  { words: () => ["timeline", "--ascii"], shows: /disk1/u },
  { words: () => ["timeline", "--json"], shows: /"disk1|:disk1/u },
  { words: () => ["verify"], shows: /clean/u },
  { words: () => ["compact", "--dry-run"], shows: /record/u },
  {
    words: (log) => ["bisect", `--good=${log.record("BdevErrorInjected").seq}`, "--check", "grep -q 'name: spare'"],
    shows: /spare/u
  },
  { words: () => ["export"], shows: /"lunlog-log"[\s\S]*"LunRemoved"/u }
]

/** What only we want to see. */
const insides = /^\s+at .+:\d+:\d+\)?$|node:internal|\[object |\bundefined\b|\bFiberFailure\b|\bTypeError\b/mu

/** Somebody who reads it knows what is wrong, or can go on. */
const saysWhat = /damaged|checksum|digest|does not match|cannot be read|--accept-log-loss|the last record is/u

const filesOf = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(directory, name)).isFile())
    .toSorted()

const runOn = async (log: SessionLog, words: ReadonlyArray<string>) => {
  const ran = await lunlogHere("log", ...words, "--state", log.stateDirectory)
  const said = `${ran.stdout}${ran.stderr}${ran.failure ?? ""}`
  assert.notMatch(said, insides, words.join(" "))
  // Without a message only the exit code says something: that two moments differ.
  return ran.failure === "" ? { ...ran, failure: undefined } : ran
}

describe("the table", () => {
  it("has every command on the log", async () => {
    const { stdout } = await lunlogHere("log", "--help")
    const listed = /\nSUBCOMMANDS\n([\s\S]*)/u.exec(stdout)?.[1] ?? ""
    const commands = [...listed.matchAll(/^ {2}([a-z]+)\b/gmu)].map(([, name]) => name)
    using log = await sessionLog()
    const tabled = new Set(rows.map(({ words }) => words(log)[0]))
    assert.isAbove(commands.length, 2)
    const missing = commands.filter((name) => !tabled.has(name) && name !== "import")
    assert.deepStrictEqual(missing, [], "give each a row above")
  })
})

describe.each<SessionLogVariant>(["whole", "cut", "compacted"])("on a log that is %s", (variant) => {
  it("every command answers", async () => {
    using log = await sessionLog(variant)
    for (const { shows, words } of rows) {
      const ran = await runOn(log, words(log))
      assert.isUndefined(ran.failure, words(log).join(" "))
      assert.match(ran.stdout, shows, words(log).join(" "))
    }
  })
})

describe.each<SessionLogVariant>(["whole", "cut", "compacted", "shortened", "forked"])(
  "the export of a log that is %s",
  (variant) => {
    it("can be imported, and says the same", async () => {
      using log = await sessionLog(variant)
      const [file, copy] = [join(log.stateDirectory, "exported"), join(log.stateDirectory, "copy")]
      assert.isUndefined((await runOn(log, ["export", "-o", file])).failure)
      assert.isUndefined((await lunlogHere("log", "import", file, "--state", copy)).failure)
      for (const words of [
        ["tail", "--json", "-n", "1000"],
        ["state", "--raw"]
      ]) {
        const there = await lunlogHere("log", ...words, "--state", copy)
        assert.strictEqual(there.stdout, (await runOn(log, words)).stdout, words.join(" "))
      }
      assert.isUndefined((await lunlogHere("log", "verify", "--state", copy)).failure)
    })
  }
)

describe.each<SessionLogVariant>(["shortened", "forked"])("on a log that is %s", (variant) => {
  it("every command answers, or says where the log begins", async () => {
    using log = await sessionLog(variant)
    for (const { words } of rows) {
      const { failure } = await runOn(log, words(log))
      if (failure !== undefined)
        assert.match(failure, /begins|compacted|no record|fork|the log knows no|is good/u, words(log).join(" "))
    }
  })
})

describe.each<SessionLogVariant>(["torn", "damaged"])("on a log that is %s", (variant) => {
  it.each([1, 700])("every command answers or says what is wrong, seed %d", async (seed) => {
    using log = await sessionLog(variant, seed)
    for (const { words } of rows) {
      const ran = await runOn(log, words(log))
      if (ran.failure !== undefined || variant === "damaged") {
        assert.match(`${ran.stderr}${ran.failure ?? ""}`, saysWhat, words(log).join(" "))
      }
    }
  })
})

describe("on a log that is damaged", () => {
  it("verify fails where confirmed records are gone", async () => {
    using log = await sessionLog("torn", 20)
    const { failure, stdout } = await runOn(log, ["verify"])
    assert.isDefined(failure)
    assert.match(stdout, /confirmed and are gone/u)
  })

  it("verify fails where it is wrong", async () => {
    using log = await sessionLog("damaged")
    const { failure } = await runOn(log, ["verify"])
    assert.isDefined(failure)
  })

  it("nothing that could be saved is changed by reading", async () => {
    using log = await sessionLog("damaged")
    const wounded = join(log.stateDirectory, log.wound?.file ?? "")
    const before = readFileSync(wounded)
    const files = filesOf(log.stateDirectory)
    for (const { words } of rows) await runOn(log, words(log))
    assert.isTrue(existsSync(wounded))
    assert.isTrue(readFileSync(wounded).equals(before))
    assert.includeMembers([...filesOf(log.stateDirectory)], [...files])
  })
})
