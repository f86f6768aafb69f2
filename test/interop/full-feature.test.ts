/**
 * Full feature phase beyond reading and writing: pings, text, task management, residuals, the command window, Reject,
 * logout.
 */
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, it } from "vitest"
import {
  cdb,
  clearUnitAttentions,
  inquiry,
  readBlocks,
  reportLuns,
  writeBlocks
} from "../support/initiator/commands.ts"
import { defaultKeys } from "../support/initiator/login.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { makeHeader, Opcode, Pdu, reservedTag } from "../support/initiator/pdu.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { Rejected, Session, TaskFunction } from "../support/initiator/Session.ts"

const targetName = `${nodeBase}:full`
const queueDepth = 16
/** LUN 0 and 3 answer at once, LUN 4 after so long that a command can be aborted meanwhile. */
const slowLun = 4
const slowMicros = 300_000
let lunlog: Lunlog
let session: Session

beforeAll(async () => {
  lunlog = await startLunlog()
  await lunlog.createMalloc("Malloc0", 8)
  await lunlog.createMalloc("Malloc1", 8)
  await lunlog.createMalloc("Base", 8)
  await lunlog.call("bdev_delay_create", {
    base_bdev_name: "Base",
    name: "Slow",
    avg_read_latency: slowMicros,
    p99_read_latency: slowMicros,
    avg_write_latency: slowMicros,
    p99_write_latency: slowMicros
  })
  await lunlog.createTarget({
    name: targetName,
    luns: { 0: "Malloc0", 3: "Malloc1", [slowLun]: "Slow" },
    queueDepth
  })
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())
beforeEach(async () => {
  session = await lunlog.open(targetName, {}, 0)
})
afterEach(() => {
  const violations = session.violations
  session.drop()
  assert.deepStrictEqual(violations, [])
})

const slowRead = (on: Session, logicalBlockAddress: number) => {
  const request = { lun: slowLun, cdb: cdb.read10(logicalBlockAddress, 8), readBytes: 4096 }
  const cmdSn = on.cmdSn
  const { task, result } = on.submit(request)
  const outcome = result.then(outcomeText, (error: Error) => error.name)
  return { reference: { tag: task.initiatorTaskTag, cmdSn }, outcome }
}

describe("pings", () => {
  it("come back with their data, immediate or not", async () => {
    for (const length of [0, 1, 100, 4096]) {
      const data = Buffer.alloc(length, 0x5a)
      for (const immediate of [true, false]) {
        const answer = await session.nop(data, immediate)
        assert.deepStrictEqual(answer.data, data)
        assert.strictEqual(answer.targetTransferTag, reservedTag)
      }
    }
  })

  it("without a tag are not answered", async () => {
    const header = { opcode: Opcode.nopOut, immediate: true, word20: reservedTag, cmdSn: session.cmdSn }
    session.wire.send(new Pdu(makeHeader({ ...header, expStatSn: session.expStatSn })))
    await session.nop()
    assert.strictEqual(session.pings, 0)
  })
})

describe("text", () => {
  it("tells the session's own target when SendTargets is empty, and nothing of others", async () => {
    const found = await session.text([["SendTargets", ""]])
    const addresses = found.filter(([key]) => key === "TargetAddress").map(([, value]) => value)
    assert.deepInclude(found, ["TargetName", targetName])
    assert.deepStrictEqual(addresses, [`127.0.0.1:${lunlog.endpoint.port},1`])
  })

  it("lists many targets to an initiator that takes 512 bytes at a time", async () => {
    const wanted = Array.from({ length: 30 }, (_, index) => `${nodeBase}:many-${index}`)
    for (const name of wanted) await lunlog.createTarget({ name, luns: { 0: "Malloc0" } })
    const keys = { MaxRecvDataSegmentLength: "512" }
    const discovery = await Session.open({ endpoint: lunlog.endpoint, keys })
    const found = await discovery.text([["SendTargets", "All"]])
    const seen = found.filter(([key]) => key === "TargetName").map(([, value]) => value)
    for (const name of [...wanted, targetName]) assert.include(seen, name)
    assert.deepStrictEqual(discovery.violations, [])
    await discovery.logout()
    for (const name of wanted) await lunlog.call("iscsi_delete_target_node", { name })
  })

  it("a discovery session takes no SCSI command", async () => {
    const discovery = await Session.open({ endpoint: lunlog.endpoint })
    const refused = await discovery.command({ lun: 0, cdb: cdb.testUnitReady() }).catch((error: unknown) => error)
    assert(refused instanceof Error)
    discovery.drop()
  })
})

describe("logical units", () => {
  it("are listed as they are mapped", async () => {
    assert.deepStrictEqual(await reportLuns(session), [0, 3, slowLun])
  })

  it("that do not exist say so in INQUIRY, and refuse the rest", async () => {
    assert.strictEqual((await inquiry(session, 9, 36))[0], 0x7f)
    assert.strictEqual(outcomeText(await session.command({ lun: 9, cdb: cdb.testUnitReady() })), "5/25/00")
    assert.include(await reportLuns(session, 9).catch(() => [0]), 0)
    assert.strictEqual(await session.manageTask(TaskFunction.logicalUnitReset, 9), 2)
  })

  it("are found by flat addressing too", async () => {
    assert.strictEqual((await inquiry(session, 0x4003n << 48n, 36))[0], 0)
  })
})

describe("residuals", () => {
  it("count what the initiator has room for beyond what there is", async () => {
    const result = await session.command({ lun: 0, cdb: cdb.inquiry(36), readBytes: 100 })
    assert.deepStrictEqual(result.residual, { kind: "underflow", count: 64 })
    assert.strictEqual(result.data.length, 36)
  })

  it("count what there is beyond what the initiator has room for", async () => {
    const data = makePattern(0, 4, 1, 512)
    await writeBlocks(session, 0, 0, data)
    const result = await session.command({ lun: 0, cdb: cdb.read10(0, 4), readBytes: 1000 })
    assert.deepStrictEqual(result.residual, { kind: "overflow", count: 1048 })
    assert(result.data.equals(data.subarray(0, result.data.length)))
  })

  it("of a command without room for any data are all of it", async () => {
    const result = await session.command({ lun: 0, cdb: cdb.read10(0, 4) })
    assert.deepStrictEqual(result.residual, { kind: "overflow", count: 2048 })
  })

  it("of a write that brings more than its CDB says leave the rest of the disk alone", async () => {
    await writeBlocks(session, 0, 0, makePattern(0, 8, 1, 512))
    const writeData = makePattern(0, 8, 2, 512)
    const result = await session.command({ lun: 0, cdb: cdb.write10(0, 4), writeData })
    assert.deepStrictEqual(result.residual, { kind: "underflow", count: 2048 })
    assert((await readBlocks(session, 0, 4, 4)).equals(makePattern(4, 4, 1, 512)))
  })

  it("of a write that brings less than its CDB says leave whole blocks", async () => {
    await writeBlocks(session, 0, 0, makePattern(0, 8, 1, 512))
    const writeData = makePattern(0, 8, 3, 512).subarray(0, 1000)
    await session.command({ lun: 0, cdb: cdb.write10(0, 4), writeData })
    const after = await readBlocks(session, 0, 0, 8)
    assert(after.subarray(1024).equals(makePattern(2, 6, 1, 512)), "only what came may be written")
    const second = after.subarray(512, 1024)
    assert(second.equals(makePattern(1, 1, 1, 512)), "a block that came in part stays old")
  })
})

describe("the command window", () => {
  it("is as deep as the target's queue depth", () => {
    assert.strictEqual(((session.maxCmdSn - session.expCmdSn + 1) >>> 0) & 0xffff, queueDepth)
  })

  it("takes many more commands than it is deep, in turn", async () => {
    const commands = Array.from({ length: 10 * queueDepth }, () =>
      session.command({ lun: 0, cdb: cdb.read10(0, 8), readBytes: 4096 })
    )
    for (const result of await Promise.all(commands)) assert.strictEqual(outcomeText(result), "GOOD")
  })

  it("survives CmdSN wrapping round", async () => {
    const wrapping = await lunlog.open(targetName, { cmdSn: 0xfffffff0 })
    for (let count = 0; count < 64; count++) {
      await wrapping.command({ lun: 0, cdb: cdb.testUnitReady() })
    }
    assert.isBelow(wrapping.cmdSn, 0x100)
    assert.deepStrictEqual(wrapping.violations, [])
    wrapping.drop()
  })

  it("keeps commands beyond it from being carried out", async () => {
    await writeBlocks(session, 0, 100, makePattern(100, 1, 1, 512))
    const stray = await lunlog.open(targetName, {}, 0)
    stray.cmdSn = (stray.maxCmdSn + 5) >>> 0
    const header = makeHeader({
      opcode: Opcode.scsiCommand,
      flags: 0xa1,
      initiatorTaskTag: 77,
      word20: 512,
      cmdSn: stray.cmdSn
    })
    cdb.write10(100, 1).copy(header, 32)
    stray.wire.send(new Pdu(header, makePattern(100, 1, 2, 512)))
    // Either is allowed: the command is ignored (RFC 7143 section 4.2.2.1), or the connection ends, as SPDK does.
    stray.cmdSn = stray.expCmdSn
    await stray.nop().catch(() => undefined)
    stray.drop()
    assert((await readBlocks(session, 0, 100, 1)).equals(makePattern(100, 1, 1, 512)))
  })

  it("does not count immediate commands", async () => {
    const before = session.cmdSn
    const result = await session.command({ lun: 0, cdb: cdb.testUnitReady(), immediateDelivery: true })
    assert.strictEqual(outcomeText(result), "GOOD")
    assert.strictEqual(session.cmdSn, before)
    assert.strictEqual(session.expCmdSn, before)
  })
})

describe("task management", () => {
  it("aborts a command that is at its bdev, and only that one", async () => {
    await clearUnitAttentions(session, slowLun)
    const [aborted, other] = [0, 8].map((address) => slowRead(session, address))
    assert(aborted !== undefined && other !== undefined)
    await session.nop()
    assert.strictEqual(await session.manageTask(TaskFunction.abortTask, slowLun, aborted.reference), 0)
    assert.strictEqual(await other.outcome, "GOOD")
    session.drop()
    assert.strictEqual(await aborted.outcome, "WireClosed", "an aborted task gets no status")
  })

  it("says that a task does not exist", async () => {
    const response = await session.manageTask(TaskFunction.abortTask, 0, { tag: 0x7777 })
    assert.include([0, 1], response)
  })

  it("resets a unit with commands of two sessions, and tells the other one", async () => {
    const witness = await lunlog.open(targetName, {}, slowLun)
    await clearUnitAttentions(session, slowLun)
    const reads = [slowRead(session, 0), slowRead(session, 8), slowRead(witness, 16)]
    for (const nexus of [session, witness]) await nexus.nop()
    assert.strictEqual(await session.manageTask(TaskFunction.logicalUnitReset, slowLun), 0)
    assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: cdb.testUnitReady() })), "GOOD")
    assert.match(outcomeText(await witness.command({ lun: slowLun, cdb: cdb.testUnitReady() })), /^6\/29\//)
    for (const nexus of [session, witness]) nexus.drop()
    for (const { outcome } of reads) assert.strictEqual(await outcome, "WireClosed", "an aborted task gets no status")
    assert.deepStrictEqual(witness.violations, [])
  })

  it("refuses functions that do not exist", async () => {
    assert.include([5, 255], await session.manageTask(99, 0))
    assert.strictEqual(await session.manageTask(TaskFunction.taskReassign, 0), 4, "not at error recovery level 0")
  })
})

describe("what makes no sense", () => {
  it("is rejected with its own header, and the connection lives on", async () => {
    const tag = session.nextTag()
    const header = makeHeader({ opcode: 0x1d, immediate: true, initiatorTaskTag: tag, cmdSn: session.cmdSn })
    const answer = await session.request(new Pdu(header)).catch((error: unknown) => error)
    assert(answer instanceof Rejected)
    assert.deepStrictEqual(session.rejects[0]?.data.subarray(0, 48), header)
    await session.nop()
  })

  it("SNACK is rejected at error recovery level 0", async () => {
    const header = makeHeader({ opcode: Opcode.snack, flags: 0x81, initiatorTaskTag: reservedTag, word20: reservedTag })
    session.wire.send(new Pdu(header))
    await session.nop()
    assert.strictEqual(session.rejects.length, 1)
  })

  it("Data-Out for no task changes nothing", async () => {
    await writeBlocks(session, 0, 0, makePattern(0, 1, 1, 512))
    const header = makeHeader({ opcode: Opcode.dataOut, initiatorTaskTag: 0x4242, word20: 0x1234 })
    session.wire.send(new Pdu(header, makePattern(0, 1, 2, 512)))
    await session.nop()
    assert((await readBlocks(session, 0, 0, 1)).equals(makePattern(0, 1, 1, 512)))
  })

  it("immediate data that was not agreed on does not reach the disk", async () => {
    const strict = await lunlog.open(
      targetName,
      { keys: { ...defaultKeys, ImmediateData: "No", InitialR2T: "Yes" } },
      0
    )
    await writeBlocks(strict, 0, 0, makePattern(0, 1, 1, 512))
    const writeData = makePattern(0, 1, 2, 512)
    const request = { lun: 0, cdb: cdb.write10(0, 1), writeData, immediateBytes: 512, waitMillis: 5_000 }
    const outcome = await strict.command(request).then(outcomeText, (error: Error) => error.name)
    assert.notStrictEqual(outcome, "GOOD")
    strict.drop()
    assert((await readBlocks(session, 0, 0, 1)).equals(makePattern(0, 1, 1, 512)))
  })
})

describe("logout", () => {
  it("closes the session and the connection, and ends what still ran", async () => {
    const leaving = await lunlog.open(targetName, {}, 0)
    assert.strictEqual(await leaving.logout(), 0)
  })

  it("of a connection that does not exist is refused", async () => {
    assert.strictEqual(await session.logout(1, 77), 1)
    await session.nop()
  })
})
