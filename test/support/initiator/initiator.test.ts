/**
 * The scripted initiator judges lunlog, so its own parts are held against published values and against a peer's
 * target.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { describeWithTools } from "../requires-tool.ts"
import { startTgt, type TgtProcess } from "../tgt-process.ts"
import { cdb, clearUnitAttentions, readBlocks, readCapacity, reportLuns, writeBlocks } from "./commands.ts"
import { crc32c } from "./crc32c.ts"
import { runLoads } from "./load.ts"
import { LoginStatus } from "./login.ts"
import { negotiationViolations } from "./negotiation.ts"
import { makePattern, versionsOf } from "./pattern.ts"
import { encodePdu, makeHeader, Opcode, Pdu, PduCorrupt, PduReader } from "./pdu.ts"
import { makeRandom } from "./random.ts"
import { outcomeText } from "./ScsiTask.ts"
import { LoginRefused, Session, type SessionOptions } from "./Session.ts"

describe("the initiator's digest", () => {
  it("gives the CRC32C values of RFC 3720 appendix B.4", () => {
    assert.strictEqual(crc32c(Buffer.alloc(32)), 0x8a9136aa)
    assert.strictEqual(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
    assert.strictEqual(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => index))), 0x46dd794e)
    assert.strictEqual(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index))), 0x113fdb5c)
  })
})

describe("the initiator's PDU reader", () => {
  const pdus = [0, 1, 4, 100].map(
    (length) => new Pdu(makeHeader({ opcode: Opcode.nopOut, initiatorTaskTag: length }), Buffer.alloc(length, 0x5a))
  )
  const digests = { header: true, data: true }
  const stream = Buffer.concat(pdus.flatMap((pdu) => encodePdu(pdu, digests)))

  it("finds the same PDUs wherever the stream is cut", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const reader = new PduReader()
      reader.digests = digests
      const found: Array<number> = []
      for (const chunk of [stream.subarray(0, cut), stream.subarray(cut)]) {
        reader.push(chunk)
        for (let pdu = reader.next(); pdu !== undefined; pdu = reader.next()) found.push(pdu.data.length)
      }
      assert.deepStrictEqual(found, [0, 1, 4, 100])
      assert.strictEqual(reader.pendingBytes, 0)
    }
  })

  it("notices any flipped bit that a digest covers", () => {
    const last = encodePdu(new Pdu(makeHeader({ opcode: Opcode.nopOut }), Buffer.alloc(8, 1)), digests)
    const bytes = Buffer.concat(last)
    const lengthField = [4, 5, 6, 7]
    for (let at = 0; at < bytes.length; at++) {
      if (lengthField.includes(at)) continue
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ 0x10
      const reader = new PduReader()
      reader.digests = digests
      reader.push(flipped)
      assert.throws(() => reader.next(), PduCorrupt)
    }
  })
})

describe("the initiator's judgement of a negotiation", () => {
  it("finds answers that break the result functions", () => {
    const offered = [
      ["InitialR2T", "Yes"],
      ["ImmediateData", "No"],
      ["MaxBurstLength", "4096"],
      ["HeaderDigest", "None"],
      ["DefaultTime2Wait", "5"]
    ] as const
    const wrong = [
      ["InitialR2T", "No"],
      ["ImmediateData", "Yes"],
      ["MaxBurstLength", "8192"],
      ["HeaderDigest", "CRC32C"]
    ] as const
    assert.strictEqual(negotiationViolations(offered, wrong).length, 5)
    const right = [
      ["InitialR2T", "Yes"],
      ["ImmediateData", "No"],
      ["MaxBurstLength", "4096"],
      ["HeaderDigest", "None"],
      ["DefaultTime2Wait", "5"]
    ] as const
    assert.deepStrictEqual(negotiationViolations(offered, right), [])
  })
})

describe("the block pattern", () => {
  it("tells old, new and torn blocks apart", () => {
    const data = makePattern(7, 3, 1, 512)
    makePattern(8, 1, 2, 512).copy(data, 512)
    makePattern(9, 1, 2, 512).subarray(0, 100).copy(data, 1024)
    assert.deepStrictEqual(versionsOf(data, 7, [1, 2], 512), [1, 2, undefined])
  })
})

describeWithTools(["tgtd", "tgtadm"], "the initiator against Debian's tgt", () => {
  let tgt: TgtProcess
  const lun = 1
  const blockCount = 32 * 2048
  beforeAll(async () => {
    tgt = await startTgt([{ store: "file", sizeBytes: blockCount * 512 }])
  })
  afterAll(() => tgt.stop())

  const open = (options: Partial<SessionOptions> = {}): Promise<Session> =>
    Session.open({ endpoint: { host: "127.0.0.1", port: tgt.port }, targetName: tgt.targetName, ...options })

  /** tgt does not end its Data-In sequences at MaxBurstLength. */
  const unknownViolations = (session: Session): ReadonlyArray<string> =>
    session.violations.filter((text) => !text.includes("a Data-In sequence of"))

  it("discovers the target", async () => {
    const session = await Session.open({ endpoint: { host: "127.0.0.1", port: tgt.port } })
    const found = await session.text([["SendTargets", "All"]])
    assert.deepStrictEqual(found[0], ["TargetName", tgt.targetName])
    assert.strictEqual(await session.logout(), 0)
  })

  it("is refused when the target does not exist", async () => {
    const refused = await open({ targetName: "iqn.2001-04.org.example:none" }).catch((error: unknown) => error)
    assert(refused instanceof LoginRefused)
    assert.strictEqual(refused.status, LoginStatus.notFound)
  })

  it("logs in through a security stage, reads sizes, pings and resets the unit", async () => {
    const session = await open({ authMethod: "None" })
    await clearUnitAttentions(session, lun)
    assert.deepStrictEqual(await readCapacity(session, lun), { blocks: blockCount, blockBytes: 512 })
    assert.deepStrictEqual(await reportLuns(session), [0, 1])
    const ping = Buffer.from("are you there?")
    assert.deepStrictEqual((await session.nop(ping)).data, ping)
    assert.strictEqual(await session.manageTask(5, lun), 0)
    const refused = await session.command({ lun: 9, cdb: cdb.testUnitReady() })
    assert.strictEqual(outcomeText(refused), "5/25/00")
    assert.strictEqual(await session.logout(), 0)
    assert.deepStrictEqual(session.violations, [])
  })

  it("moves data with every mixture of immediate, unsolicited and solicited data", async () => {
    for (const [initialR2t, immediateData, digest] of [
      ["Yes", "Yes", "None"],
      ["Yes", "No", "CRC32C,None"],
      ["No", "Yes", "CRC32C,None"],
      ["No", "No", "None"]
    ] as const) {
      const keys = {
        HeaderDigest: digest,
        DataDigest: digest,
        InitialR2T: initialR2t,
        ImmediateData: immediateData,
        MaxBurstLength: "16384",
        FirstBurstLength: "8192",
        MaxRecvDataSegmentLength: "4096",
        MaxOutstandingR2T: "1"
      }
      const session = await open({ keys })
      await clearUnitAttentions(session, lun)
      const data = makePattern(0, 200, 7, 512)
      const written = await writeBlocks(session, lun, 0, data)
      assert.isAtLeast(written.r2ts, 5)
      assert(data.equals(await readBlocks(session, lun, 0, 200)))
      assert.strictEqual(await session.logout(), 0)
      assert.deepStrictEqual(unknownViolations(session), [])
    }
  })

  it("runs verified loads in two sessions", async () => {
    const random = makeRandom(1)
    const sessions = await Promise.all([open(), open()])
    for (const session of sessions) await clearUnitAttentions(session, lun)
    const loads = sessions.map((session, index) => ({
      session,
      lun,
      random,
      ioBytes: index === 0 ? 4096 : 1024 * 1024,
      queueDepth: 8,
      reads: 0.5,
      firstBlock: 1024 + index * 16384,
      slots: 16
    }))
    const reports = await runLoads(loads, 50)
    for (const report of reports) {
      assert.deepStrictEqual(report.mismatches, [])
      assert.deepStrictEqual([...report.outcomes.keys()], ["GOOD"])
    }
    for (const session of sessions) assert.deepStrictEqual(unknownViolations(session), [])
    for (const session of sessions) session.drop()
  })
})
