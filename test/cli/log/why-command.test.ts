/** `lunlog log why`, of logs that real sessions have written. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type SessionLog, sessionLog } from "../../support/session-log.ts"
import { lunlogHere } from "../in-process.ts"

interface Topic {
  readonly object: string
  readonly role: string
  readonly records: ReadonlyArray<{ readonly seq: number; readonly type: string; readonly text: string }>
}

interface Told {
  readonly object: string
  readonly life: { readonly from: number; readonly to?: number }
  readonly earlier: ReadonlyArray<{ readonly from: number; readonly to?: number }>
  readonly topics: ReadonlyArray<Topic>
}

let log: SessionLog

beforeAll(async () => {
  log = await sessionLog("whole")
}, 120_000)
afterAll(() => log[Symbol.dispose]())

const run = (...args: ReadonlyArray<string>) => lunlogHere("log", "why", ...args, "--state", log.stateDirectory)

const why = async (...args: ReadonlyArray<string>): Promise<Told> => {
  const { failure, stdout } = await run(...args, "--json")
  assert.isUndefined(failure)
  return JSON.parse(stdout)
}

const topic = (told: Told, object: string): ReadonlyArray<string> =>
  told.topics.find((one) => one.object === object)?.records.map(({ type }) => type) ?? []

describe("why a LUN", () => {
  it("is gone: its own records, its bdev, its target, and the groups that let initiators in", async () => {
    const told = await why("disk1:2")
    const [added, removed] = [log.record("LunAdded", 3).seq, log.record("LunRemoved").seq]
    assert.deepInclude(told.life, { from: added, to: removed })
    assert.deepStrictEqual(topic(told, `lun:${log.names.disk1}:2`), ["LunAdded", "LunRemovalStarted", "LunRemoved"])
    assert.deepStrictEqual(topic(told, "bdev:pulled"), ["BdevCreated"])
    assert.deepStrictEqual(topic(told, `target:${log.names.disk1}`), ["TargetNodeCreated", "TargetNodeMapsAdded"])
    assert.deepStrictEqual(topic(told, "portal-group:1"), ["PortalGroupCreated"])
    assert.deepStrictEqual(topic(told, "initiator-group:1"), ["InitiatorGroupCreated"])
  })

  it("of a stacked bdev goes down to the last one, with what was done to it on purpose", async () => {
    const told = await why("disk1:1", `--at=${log.record("LunRemovalStarted").seq}`)
    assert.isUndefined(told.life.to)
    assert.deepStrictEqual(topic(told, "bdev:EE_bad"), ["BdevCreated", "BdevErrorInjected"])
    assert.deepStrictEqual(topic(told, "bdev:bad"), ["BdevCreated"])
  })

  it("was not there yet", async () => {
    assert.match(
      (await run("disk1:2", "--at", "2")).failure ?? "",
      /^there was no LUN 2 of \S+:disk1 up to record 2; /u
    )
  })
})

describe("why", () => {
  it("a bdev is gone names the LUN that used it", async () => {
    const told = await why("spare")
    assert.includeMembers([...topic(told, "bdev:spare")], ["BdevCreated", "BdevRemovalStarted", "BdevRemoved"])
    assert.includeMembers([...topic(told, `lun:${log.names.disk2}:1`)], ["LunAdded", "LunRemovalStarted", "LunRemoved"])
  })

  it("a session of a number is told from those of other runs", async () => {
    const told = await why("session:1")
    assert.isAtLeast(told.earlier.length, 2)
    const [own] = told.topics
    assert.deepStrictEqual(own?.records.map(({ type }) => type).slice(0, 1), ["SessionOpened"])
    assert.isTrue(own?.records.every(({ seq }) => seq >= told.life.from))
    const first = await why("session:1", `--at=${log.record("SessionOpened").seq}`)
    assert.strictEqual(first.life.from, log.record("SessionOpened").seq)
  })

  it("an initiator has what names it and what it did", async () => {
    const { topics } = await why(log.names.hostB)
    const types = topics[0]?.records.map(({ type }) => type) ?? []
    assert.includeMembers(types, ["InitiatorGroupCreated", "SessionOpened", "SessionClosed"])
  })

  it("a name that may be several things says which", async () => {
    assert.match(
      (await run("1")).failure ?? "",
      /^"1" may be any of portal-group:1, initiator-group:1, session:1; say which$/u
    )
  })

  it("is printed thing by thing, with who asked", async () => {
    const { stdout } = await run("disk1:2")
    assert.match(
      stdout,
      /^LUN 2 of \S+: from record \d+ to record \d+; gone since\nitself\n +\d+ .*\(rpc iscsi_create_target_node\)\n/u
    )
    assert.match(stdout, /^its bdev: bdev pulled\n +\d+ .*bdev pulled was created/mu)
  })
})
