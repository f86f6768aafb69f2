/** The removal of a LUN, step by step as it was designed: what ends how, and what goes on. */
import { afterEach, assert, describe, it, vi } from "vitest"
import { cdb, inquiry, readBlocks, reportLuns, writeBlocks } from "../../support/initiator/commands.ts"
import { makePattern } from "../../support/initiator/pattern.ts"
import type { Pdu } from "../../support/initiator/pdu.ts"
import { outcomeText, type ScsiResult } from "../../support/initiator/ScsiTask.ts"
import { type Session, TaskFunction } from "../../support/initiator/Session.ts"
import { parseSense, senseText } from "../../support/initiator/sense.ts"
import { targetName } from "../iscsi/fixture.ts"
import { anyBase, delayed, Harness, pendingFault } from "./harness.ts"

/** REPORT LUNS well-known logical unit. */
const wellKnown = 0xc101_0000_0000_0000n

const read = (session: Session, lun: number): Promise<ScsiResult> =>
  session.command({ lun, cdb: cdb.read10(0, 8), readBytes: 4096 })
const outcomes = async (results: ReadonlyArray<Promise<ScsiResult>>): Promise<ReadonlyArray<string>> =>
  (await Promise.all(results)).map(outcomeText)
const status = async (session: Session, lun: number | bigint, command: Buffer, readBytes?: number): Promise<string> =>
  outcomeText(await session.command({ lun, cdb: command, ...(readBytes === undefined ? {} : { readBytes }) }))

/** LUN 0 is a RAM disk, LUN 1 hangs; a session is ready at both. */
const withHangingLun = async (harness: Harness) => {
  harness.putTarget()
  const anchor = harness.mapLun(0, await harness.openBdev())
  const bdev = await harness.openHanging()
  const incarnation = harness.mapLun(1, bdev)
  const session = await harness.open({}, [0, 1])
  return { anchor, bdev, incarnation, session }
}

/**
 * From here on a slow disk takes as long as the test says, and so does a drain: on a busy machine commands would end
 * before it has begun, or not within it.
 */
const stopTime = () => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })

afterEach(() => {
  vi.useRealTimers()
})

describe("a LUN that drains", () => {
  it("lets commands end that the bdev has, takes no new ones, and leaves its neighbour alone", async () => {
    await using harness = await Harness.start()
    const { bdev, incarnation, session } = await withHangingLun(harness)
    const running = [read(session, 1), read(session, 1), read(session, 1)]
    await session.nop()
    const drained = harness.drain(1, incarnation)
    const [drain, ...others] = (await harness.report()).drains
    assert.lengthOf(others, 0)
    assert.deepInclude(drain, { target: targetName, lun: 1, incarnation, commandsLeft: 3 })
    assert.isAbove(drain?.millisLeft ?? 0, 10_000)
    // New commands: no such LUN, with the three exceptions.
    assert.strictEqual(await status(session, 1, cdb.testUnitReady()), "5/25/00")
    assert.strictEqual(await status(session, 1, cdb.read10(0, 1), 512), "5/25/00")
    assert.strictEqual(await status(session, 1, cdb.reportLuns(64), 64), "5/25/00")
    assert.strictEqual((await inquiry(session, 1))[0], 0x7f)
    const sense = await session.command({ lun: 1, cdb: cdb.requestSense(18), readBytes: 18 })
    assert.strictEqual(outcomeText(sense), "GOOD")
    const parsed = parseSense(sense.data)
    assert.strictEqual(parsed === undefined ? "" : senseText(parsed), "5/25/00")
    assert.deepStrictEqual(await reportLuns(session), [0])
    const known = await session.command({ lun: wellKnown, cdb: cdb.reportLuns(64), readBytes: 64 })
    assert.strictEqual(known.data.readUInt32BE(0), 8)
    assert.strictEqual(await session.manageTask(TaskFunction.logicalUnitReset, 1), 2)
    assert.strictEqual(await session.manageTask(TaskFunction.abortTaskSet, 1), 2)
    await writeBlocks(session, 0, 0, makePattern(0, 8, 1, 512))
    // The bdev answers.
    harness.send({ _tag: "ResumePending", bdev })
    assert.deepStrictEqual(await outcomes(running), ["GOOD", "GOOD", "GOOD"])
    assert.deepInclude(await drained, { drained: 3, aborted: 0 })
    assert.deepStrictEqual((await harness.report()).drains, [])
    // Only when it is gone do the others learn that the inventory has changed.
    assert.strictEqual(await status(session, 0, cdb.testUnitReady()), "GOOD")
    harness.unmap(1, incarnation)
    assert.strictEqual(await status(session, 0, cdb.testUnitReady()), "6/3f/0e")
    assert.strictEqual(await status(session, 1, cdb.testUnitReady()), "5/25/00")
    assert.deepStrictEqual(session.violations, [])
    session.drop()
  })

  it("that is LUN 0 still answers REPORT LUNS", async () => {
    await using harness = await Harness.start()
    const { anchor, session } = await withHangingLun(harness)
    await harness.drain(0, anchor)
    assert.deepStrictEqual(await reportLuns(session), [1])
    harness.unmap(0, anchor)
    assert.deepStrictEqual(await reportLuns(session), [1])
    assert.strictEqual((await inquiry(session, 0))[0], 0x7f)
    session.drop()
  })

  it("ends writes that wait for data at once, and drops the data when they come", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    harness.mapLun(0, await harness.openBdev())
    for (const bdev of [await harness.openBdev(), await harness.openHanging()]) {
      const incarnation = harness.mapLun(1, bdev)
      const session = await harness.open({ keys: { InitialR2T: "Yes", ImmediateData: "No" } }, [0, 1])
      const asked = Promise.withResolvers<() => void>()
      const writeData = makePattern(0, 64, 9, 512)
      const onR2t = (_r2t: Pdu, answer: () => void) => asked.resolve(answer)
      const write = session.command({ lun: 1, cdb: cdb.write10(0, 64), writeData, onR2t })
      const sendData = await asked.promise
      assert.deepInclude(await harness.drain(1, incarnation), { drained: 0, aborted: 0 })
      const result = await write
      assert.strictEqual(outcomeText(result), "5/25/00")
      assert.deepStrictEqual(result.residual, { kind: "underflow", count: writeData.length })
      sendData()
      await session.nop()
      await writeBlocks(session, 0, 0, writeData)
      assert.deepStrictEqual(session.violations, [])
      harness.unmap(1, incarnation)
      session.drop()
    }
    assert.strictEqual((await harness.report()).taskBufferBytes, 0)
  })

  it("gives up at its deadline: ABORTED COMMAND, and what hangs keeps its memory until it is back", async () => {
    await using harness = await Harness.start()
    const { bdev, incarnation, session } = await withHangingLun(harness)
    const running = [
      read(session, 1),
      session.command({ lun: 1, cdb: cdb.write10(0, 8), writeData: Buffer.alloc(4096) })
    ]
    await session.nop()
    const outcome = await harness.drain(1, incarnation, 30)
    assert.deepInclude(outcome, { drained: 0, aborted: 2 })
    assert.isAtLeast(outcome.durationMillis, 29)
    assert.deepStrictEqual(await outcomes(running), ["b/00/00", "b/00/00"])
    assert.strictEqual((await harness.report()).taskBufferBytes, 2 * 4096)
    // The id is free again, while the old commands are still out.
    harness.unmap(1, incarnation)
    harness.mapLun(1, await harness.openBdev())
    assert.strictEqual(await status(session, 1, cdb.testUnitReady()), "6/29/00")
    await readBlocks(session, 1, 0, 8)
    harness.send({ _tag: "ResumePending", bdev })
    assert.strictEqual((await harness.report()).taskBufferBytes, 0)
    await session.nop()
    assert.deepStrictEqual(session.violations, [])
    session.drop()
  })

  it("counts commands that end in time and those that don't", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const slow = await harness.openBdev(delayed(20_000), await harness.openBdev())
    const bdev = await harness.openBdev({ _tag: "Error", base: anyBase }, slow)
    harness.send({ _tag: "InjectFault", bdev, fault: { ...pendingFault, count: 1, ioType: "read" } })
    const incarnation = harness.mapLun(1, bdev)
    const session = await harness.open({}, [1])
    stopTime()
    const running = [read(session, 1), read(session, 1), read(session, 1)]
    await session.nop()
    const drained = harness.drain(1, incarnation, 300)
    assert.lengthOf((await harness.report()).drains, 1)
    vi.advanceTimersByTime(300)
    assert.deepInclude(await drained, { drained: 2, aborted: 1 })
    assert.deepStrictEqual(await outcomes(running), ["b/00/00", "GOOD", "GOOD"])
    session.drop()
  })

  it("waits for a slow bdev, and for commands that nobody waits for any more", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const slow = await harness.openBdev(delayed(40_000), await harness.openBdev())
    const incarnation = harness.mapLun(1, slow)
    const session = await harness.open({}, [1])
    const lost = await harness.open({}, [1])
    stopTime()
    const running = Array.from({ length: 8 }, () => read(session, 1))
    const orphaned = read(lost, 1).catch((error: Error) => error.name)
    await Promise.all([session.nop(), lost.nop()])
    lost.drop()
    assert.strictEqual(await orphaned, "WireClosed")
    const drained = harness.drain(1, incarnation)
    assert.lengthOf((await harness.report()).drains, 1)
    vi.advanceTimersByTime(40)
    assert.deepInclude(await drained, { drained: 9, aborted: 0 })
    assert.isTrue((await outcomes(running)).every((outcome) => outcome === "GOOD"))
    assert.strictEqual((await harness.report()).taskBufferBytes, 0)
    session.drop()
  })

  it("leaves the same disk alone where another target has it", async () => {
    await using harness = await Harness.start()
    const { bdev, incarnation, session } = await withHangingLun(harness)
    harness.putTarget({ name: "iqn.second", incarnation: 2 })
    harness.mapLun(3, bdev, "iqn.second")
    const other = await harness.open({ targetName: "iqn.second" }, [3])
    const running = read(other, 3)
    await other.nop()
    assert.deepInclude(await harness.drain(1, incarnation), { drained: 0, aborted: 0 })
    harness.unmap(1, incarnation)
    harness.send({ _tag: "ResumePending", bdev })
    assert.strictEqual(outcomeText(await running), "GOOD")
    assert.strictEqual(await status(other, 3, cdb.testUnitReady()), "GOOD")
    session.drop()
    other.drop()
  })

  it("drains although it was mapped twice: both times it is the same LUN", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const bdev = await harness.openHanging()
    const incarnation = harness.mapLun(1, bdev)
    const session = await harness.open({}, [1])
    harness.mapLun(1, bdev, targetName, incarnation)
    assert.strictEqual(await status(session, 1, cdb.testUnitReady()), "GOOD")
    const running = read(session, 1)
    await session.nop()
    const drained = harness.drain(1, incarnation, 20)
    assert.strictEqual(outcomeText(await running), "b/00/00")
    assert.deepInclude(await drained, { aborted: 1 })
    assert.strictEqual(await status(session, 1, cdb.testUnitReady()), "5/25/00")
    harness.send({ _tag: "ResumePending", bdev })
    session.drop()
  })

  it("of another incarnation, or of nothing, is drained already", async () => {
    await using harness = await Harness.start()
    const { incarnation, session } = await withHangingLun(harness)
    const nothing = { drained: 0, aborted: 0, durationMillis: 0 }
    assert.deepStrictEqual(await harness.drain(1, incarnation + 1000), nothing)
    assert.deepStrictEqual(await harness.drain(9, incarnation), nothing)
    assert.deepStrictEqual(await harness.drain(1, incarnation, 1000, "iqn.none"), nothing)
    harness.unmap(1, incarnation + 1000)
    assert.strictEqual(await status(session, 1, cdb.testUnitReady()), "GOOD")
    session.drop()
  })
})
