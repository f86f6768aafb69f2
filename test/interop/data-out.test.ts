/**
 * Data-Out that is not what was asked for: the command fails, the disk keeps what it had beyond the command, others go
 * on.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { cdb, clearUnitAttentions, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { defaultKeys } from "../support/initiator/login.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern, versionsOf } from "../support/initiator/pattern.ts"
import { type HeaderFields, makeHeader, Opcode, Pdu, reservedTag } from "../support/initiator/pdu.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import type { Session } from "../support/initiator/Session.ts"

const targetName = `${nodeBase}:data-out`
const burstBytes = 4096
const writeBlockCount = 16
const diskBlocks = 64
let lunlog: Lunlog

beforeAll(async () => {
  lunlog = await startLunlog()
  await lunlog.createMalloc("Malloc0", 1)
  await lunlog.createMalloc("Base", 1)
  // A bdev without memory of its own to place data in: the other way through the data path.
  const latency = { avg_read_latency: 1, p99_read_latency: 1, avg_write_latency: 1, p99_write_latency: 1 }
  await lunlog.call("bdev_delay_create", { base_bdev_name: "Base", name: "Staged", ...latency })
  await lunlog.createTarget({ name: targetName, luns: { 0: "Malloc0", 1: "Staged" } })
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())

/** Answers the second R2T with one Data-Out of `bytes` bytes and these fields; later R2Ts are left alone. */
type Wrong = (r2t: Pdu) => { readonly fields: Partial<HeaderFields>; readonly bytes: number }

const wrongs: Readonly<Record<string, Wrong>> = {
  "another transfer tag": (r2t) => ({ fields: { word20: r2t.targetTransferTag ^ 0x5555 }, bytes: burstBytes }),
  "no transfer tag": () => ({ fields: { word20: reservedTag }, bytes: burstBytes }),
  "an offset that skips data": (r2t) => ({ fields: { word40: r2t.bufferOffset + 512 }, bytes: burstBytes - 512 }),
  "an offset before what was asked for": (r2t) => ({ fields: { word40: r2t.bufferOffset - 512 }, bytes: burstBytes }),
  "an offset beyond the command": () => ({ fields: { word40: 0xfffffe00 }, bytes: 512 }),
  "a DataSN that skips one": () => ({ fields: { word36: 1 }, bytes: burstBytes }),
  "more than was asked for": () => ({ fields: {}, bytes: burstBytes + 512 }),
  "less than was asked for, as final": () => ({ fields: {}, bytes: burstBytes - 512 })
}

/** A write of 16 blocks at 16 whose second R2T is answered wrongly. Resolves with the outcome, or the error's name. */
const writeWrongly = (session: Session, lun: number, wrong: Wrong): Promise<string> => {
  let requests = 0
  const onR2t = (r2t: Pdu, answer: () => void): void => {
    requests++
    if (requests === 1) answer()
    if (requests !== 2) return
    const { fields, bytes } = wrong(r2t)
    const right = { word20: r2t.targetTransferTag, word40: r2t.bufferOffset, initiatorTaskTag: r2t.initiatorTaskTag }
    const header = makeHeader({
      opcode: Opcode.dataOut,
      lun: r2t.lun,
      expStatSn: session.expStatSn,
      ...right,
      ...fields
    })
    session.wire.send(new Pdu(header, makePattern(16 + r2t.bufferOffset / 512, bytes / 512, 2, 512)))
  }
  const request = {
    lun,
    cdb: cdb.write10(16, writeBlockCount),
    writeData: makePattern(16, writeBlockCount, 2, 512),
    onR2t
  }
  return session.command(request).then(outcomeText, (error: Error) => error.name)
}

const keys = {
  ...defaultKeys,
  InitialR2T: "Yes",
  ImmediateData: "No",
  MaxBurstLength: String(burstBytes),
  FirstBurstLength: "512",
  MaxOutstandingR2T: "1"
}

describe("a write whose data comes with", () => {
  for (const [name, wrong] of Object.entries(wrongs)) {
    it(`${name} fails, and touches nothing else`, async () => {
      for (const lun of [0, 1]) {
        const session = await lunlog.open(targetName, { keys }, lun)
        const witness = await lunlog.open(targetName, {}, lun)
        await writeBlocks(witness, lun, 0, makePattern(0, diskBlocks, 1, 512))
        const outcome = await writeWrongly(session, lun, wrong)
        assert.match(outcome, /^(b\/|5\/|Rejected|WireClosed)/)
        session.drop()
        const after = versionsOf(await readBlocks(witness, lun, 0, diskBlocks), 0, [1, 2], 512)
        const outside = [...after.slice(0, 16), ...after.slice(16 + writeBlockCount)]
        assert.deepStrictEqual(new Set(outside), new Set([1]), "blocks of no command")
        assert.notInclude(after, undefined, "a block is old or new")
        witness.drop()
      }
    })
  }
})

describe("unsolicited Data-Out", () => {
  it("fails when InitialR2T was agreed on", async () => {
    const session = await lunlog.open(targetName, { keys }, 0)
    await writeBlocks(session, 0, 0, makePattern(0, diskBlocks, 1, 512))
    const tag = session.nextTag()
    const header = makeHeader({
      opcode: Opcode.scsiCommand,
      flags: 0x21,
      initiatorTaskTag: tag,
      word20: 512,
      cmdSn: session.takeCmdSn(false),
      expStatSn: session.expStatSn
    })
    cdb.write10(0, 1).copy(header, 32)
    const response = session.request(new Pdu(header)).then(
      (pdu) => (pdu.opcode === Opcode.scsiResponse && pdu.status === 0 ? "GOOD" : "refused"),
      (error: Error) => error.name
    )
    const dataOut = makeHeader({ opcode: Opcode.dataOut, initiatorTaskTag: tag, word20: reservedTag })
    session.wire.send(new Pdu(dataOut, makePattern(0, 1, 2, 512)))
    assert.notStrictEqual(await response, "GOOD")
    session.drop()
    const witness = await lunlog.open(targetName, {}, 0)
    assert((await readBlocks(witness, 0, 0, 1)).equals(makePattern(0, 1, 1, 512)))
    witness.drop()
  })

  it("that comes after its command has ended is taken off the wire", async () => {
    const session = await lunlog.open(targetName, {}, 0)
    await clearUnitAttentions(session, 0)
    // Out of range: the command ends at once, its unsolicited data are still on their way.
    const beyond = cdb.write16(2 ** 40, 512)
    const result = await session.command({
      lun: 0,
      cdb: beyond,
      writeData: makePattern(0, 512, 3, 512),
      immediateBytes: 0
    })
    assert.strictEqual(outcomeText(result), "5/21/00")
    await session.nop()
    assert.deepStrictEqual(session.violations, [])
    assert.strictEqual(await session.logout(), 0)
  })
})
