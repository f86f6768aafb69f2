/**
 * Task attributes, task management and unit attentions of a running target, over the wire: what a disk that holds its
 * commands back makes visible.
 */
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, it } from "vitest"
import { cdb, clearUnitAttentions, readBlocks, reportLuns, writeBlocks } from "../support/initiator/commands.ts"
import { defaultKeys } from "../support/initiator/login.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { outcomeText, type ScsiResult } from "../support/initiator/ScsiTask.ts"
import { type Session, TaskFunction } from "../support/initiator/Session.ts"

const targetName = `${nodeBase}:tasks`
/** LUN 0 answers at once, LUN 1 when it is let. */
const held = 1
const untagged = 0
const ordered = 2
const headOfQueue = 3
const complete = 0
let lunlog: Lunlog
let session: Session
let other: Session

beforeAll(async () => {
  lunlog = await startLunlog()
  await lunlog.createMalloc("Malloc0", 1)
  await lunlog.createMalloc("Base", 1)
  await lunlog.call("bdev_error_create", { base_name: "Base" })
  await lunlog.createTarget({ name: targetName, luns: { 0: "Malloc0", [held]: "EE_Base" } })
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())
beforeEach(async () => {
  session = await lunlog.open(targetName, {}, held)
  other = await lunlog.open(targetName, { keys: { ...defaultKeys, InitialR2T: "Yes", ImmediateData: "No" } }, held)
  for (const one of [session, other]) await clearUnitAttentions(one, 0)
})
afterEach(async () => {
  await letGo()
  for (const one of [session, other]) {
    one.drop()
    assert.deepStrictEqual(one.violations, [])
  }
})

/** From now on LUN 1 keeps its reads and writes. */
const hold = (): Promise<unknown> =>
  lunlog.call("bdev_error_inject_error", { name: "EE_Base", io_type: "all", error_type: "pending", num: 1000 })
const letGo = async (): Promise<void> => {
  await lunlog.call("bdev_error_inject_error", { name: "EE_Base", io_type: "clear", error_type: "failure" })
  await lunlog.call("bdev_error_resume_pending", { name: "EE_Base" })
}
const read = (from: Session, attribute = 1, lun = held): Promise<ScsiResult> =>
  from.command({ lun, cdb: cdb.read10(0, 1), readBytes: 512, attribute })
const write = (from: Session, version: number, attribute = 1): Promise<ScsiResult> =>
  from.command({ lun: held, cdb: cdb.write10(0, 1), writeData: makePattern(0, 1, version, 512), attribute })
const unitReady = async (from: Session, lun = held): Promise<string> =>
  outcomeText(await from.command({ lun, cdb: cdb.testUnitReady() }))

describe("task attributes", () => {
  it("order the commands of two initiators", async () => {
    await writeBlocks(session, held, 0, makePattern(0, 1, 1, 512))
    await hold()
    const older = read(other)
    await other.nop()
    const ends: Array<string> = []
    const send = (name: string, command: Promise<ScsiResult>): Promise<ScsiResult> => {
      void command.then(() => ends.push(name))
      return command
    }
    const barrier = send("barrier", write(session, 2, ordered))
    const younger = send("younger", read(session, untagged))
    const urgent = send("urgent", read(session, headOfQueue))
    await session.nop()
    assert.deepStrictEqual(ends, [])
    await letGo()
    const results = await Promise.all([older, barrier, younger, urgent])
    assert.deepStrictEqual(results.map(outcomeText), ["GOOD", "GOOD", "GOOD", "GOOD"])
    assert.deepStrictEqual(ends, ["urgent", "barrier", "younger"])
    assert(results[2].data.equals(makePattern(0, 1, 2, 512)))
  })
})

describe("task management", () => {
  it("aborts a write that waits for data; the data that still come go nowhere", async () => {
    await writeBlocks(session, 0, 0, makePattern(0, 1, 1, 512))
    const { promise: asked, resolve: onR2t } = Promise.withResolvers<() => void>()
    const request = { lun: 0, cdb: cdb.write10(0, 1), writeData: makePattern(0, 1, 2, 512) }
    const { result, task } = other.submit({ ...request, onR2t: (_r2t, answer) => onR2t(answer) })
    result.catch(() => {})
    const sendData = await asked
    assert.strictEqual(await other.manageTask(TaskFunction.abortTask, 0, { tag: task.initiatorTaskTag }), complete)
    sendData()
    await other.nop()
    assert((await readBlocks(session, 0, 0, 1)).equals(makePattern(0, 1, 1, 512)))
  })

  it("CLEAR TASK SET takes the commands of both, and tells the other one", async () => {
    await hold()
    for (const from of [session, other]) {
      read(from).catch(() => {})
      await from.nop()
    }
    const cleared = session.manageTask(TaskFunction.clearTaskSet, held)
    await session.nop()
    await letGo()
    assert.strictEqual(await cleared, complete)
    assert.deepStrictEqual([await unitReady(other), await unitReady(other)], ["6/2f/00", "GOOD"])
    assert.strictEqual(await unitReady(session), "GOOD")
  })

  it("TARGET WARM RESET tells everyone, and ends what RESERVE has reserved", async () => {
    const reserve = { lun: 0, cdb: Buffer.from([0x16, 0, 0, 0, 0, 0]) }
    assert.strictEqual(outcomeText(await other.command(reserve)), "GOOD")
    assert.strictEqual(await unitReady(session, 0), "status 18h")
    assert.strictEqual(await session.manageTask(TaskFunction.targetWarmReset, 0), complete)
    for (const from of [session, other]) {
      for (const lun of [0, held]) {
        assert.deepStrictEqual([await unitReady(from, lun), await unitReady(from, lun)], ["6/29/02", "GOOD"])
      }
    }
  })

  it("TARGET COLD RESET answers and ends every session; they come back", async () => {
    assert.strictEqual(await session.manageTask(TaskFunction.targetColdReset, 0), complete)
    for (const from of [session, other]) await from.wire.untilClosed()
    const again = await lunlog.open(targetName, {}, 0)
    assert.strictEqual(outcomeText(await read(again, 1, 0)), "GOOD")
    assert.strictEqual(await again.logout(), 0)
  })
})

describe("a unit attention", () => {
  beforeEach(async () => {
    assert.strictEqual(await other.manageTask(TaskFunction.logicalUnitReset, held), complete)
  })

  it("stays for INQUIRY and REPORT LUNS, and is told to the next other command", async () => {
    const inquiry = { lun: held, cdb: cdb.inquiry(36), readBytes: 36 }
    assert.strictEqual(outcomeText(await session.command(inquiry)), "GOOD")
    assert.deepStrictEqual(await reportLuns(session, held), [0, held])
    assert.deepStrictEqual([await unitReady(session), await unitReady(session)], ["6/29/03", "GOOD"])
  })

  it("is what REQUEST SENSE asks for, and told by that", async () => {
    const { data } = await session.command({ lun: held, cdb: cdb.requestSense(18), readBytes: 18 })
    assert.deepStrictEqual([data[2], data[12], data[13]], [6, 0x29, 0x03])
    assert.strictEqual(await unitReady(session), "GOOD")
  })

  it("ends only the command that is told of it, and is of its unit only", async () => {
    assert.strictEqual(outcomeText(await read(session, 1, 0)), "GOOD")
    const [first, second] = await Promise.all([read(session), read(session)])
    assert.deepStrictEqual([first, second].map(outcomeText), ["6/29/03", "GOOD"])
  })
})
