/**
 * Header and data digests over real connections: a load with every combination, cut into small segments; and bits that
 * flip on the way.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { cdb, clearUnitAttentions, readBlocks } from "../support/initiator/commands.ts"
import { startLoad } from "../support/initiator/load.ts"
import { defaultKeys } from "../support/initiator/login.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { encodePdu, makeHeader, Opcode, Pdu } from "../support/initiator/pdu.ts"
import { makeRandom, runSeed } from "../support/initiator/random.ts"
import { lunField } from "../support/initiator/ScsiTask.ts"
import type { Session } from "../support/initiator/Session.ts"

const targetName = `${nodeBase}:digests`
let lunlog: Lunlog

beforeAll(async () => {
  lunlog = await startLunlog()
  await lunlog.createMalloc("Malloc0", 8)
  await lunlog.createMalloc("Base", 8)
  const latency = { avg_read_latency: 1, p99_read_latency: 1, avg_write_latency: 1, p99_write_latency: 1 }
  await lunlog.call("bdev_delay_create", { base_bdev_name: "Base", name: "Staged", ...latency })
  await lunlog.createTarget({ name: targetName, luns: { 0: "Malloc0", 1: "Staged" } })
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())

const open = async (header: string, data: string, more: Readonly<Record<string, string>> = {}): Promise<Session> => {
  const keys = { ...defaultKeys, HeaderDigest: header, DataDigest: data, ...more }
  const session = await lunlog.open(targetName, { keys }, 0)
  await clearUnitAttentions(session, 1)
  return session
}

const combinations = [
  ["CRC32C", "None"],
  ["None", "CRC32C"],
  ["CRC32C", "CRC32C"]
] as const

describe("digests", () => {
  for (const [header, data] of combinations) {
    it(`HeaderDigest=${header}, DataDigest=${data}: a load reads what it wrote`, async () => {
      // Odd segments pad every Data-In; bursts of two blocks need many R2Ts.
      const session = await open(header, data, { MaxRecvDataSegmentLength: "4097", MaxBurstLength: "8192" })
      const { parameters } = session
      assert.deepStrictEqual([parameters.headerDigest, parameters.dataDigest], [header !== "None", data !== "None"])
      const shape = { session, ioBytes: 16_384, queueDepth: 8, reads: 0.5, slots: 64, contents: "unknown" } as const
      for (const lun of [0, 1]) {
        const load = startLoad({ ...shape, lun, random: makeRandom(runSeed(lun)) })
        await load.more(300)
        load.stop()
        const report = await load.done
        assert.deepStrictEqual([...report.outcomes.keys()], ["GOOD"])
        assert.deepStrictEqual(report.mismatches, [])
      }
      assert.deepStrictEqual(session.violations, [])
      await session.logout()
    })
  }

  it("keep what was changed on its way off the disk, whatever byte it is and however it is cut", async () => {
    const random = makeRandom(runSeed(9))
    const witness = await lunlog.open(targetName, {}, 0)
    await clearUnitAttentions(witness, 1)
    for (let round = 0; round < 60; round++) {
      const lun = round % 2
      const before = await readBlocks(witness, lun, 0, 8)
      const session = await open("CRC32C", "CRC32C")
      const command = makeHeader({
        opcode: Opcode.scsiCommand,
        flags: 0xa1,
        lun: lunField(lun),
        initiatorTaskTag: session.nextTag(),
        word20: 4096,
        cmdSn: session.takeCmdSn(false),
        expStatSn: session.expStatSn
      })
      cdb.write10(0, 8).copy(command, 32)
      const bytes = Buffer.concat(encodePdu(new Pdu(command, Buffer.alloc(4096, round + 1)), session.wire.digests))
      const bit = random.below(bytes.length * 8)
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      for (let at = 0; at < bytes.length; at += 700) session.wire.sendBytes(bytes.subarray(at, at + 700))
      // Lengths that a flip has made larger are never served: the end of the stream ends it as well.
      session.wire.socket.end()
      await session.wire.untilClosed()
      const rejected = session.rejects.map(({ response }) => response)
      assert.deepStrictEqual(rejected, bit < 52 * 8 ? [] : [2], `bit ${bit}`)
      assert.isTrue((await readBlocks(witness, lun, 0, 8)).equals(before), `bit ${bit}`)
    }
    witness.drop()
  })
})
