/**
 * Connections of sessions over real sockets: several of one session, and what initiators are told when the target ends
 * in order.
 */
import { assert, describe, it } from "vitest"
import { cdb, clearUnitAttentions, readBlocks } from "../support/initiator/commands.ts"
import { defaultKeys } from "../support/initiator/login.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { Opcode, type Pdu } from "../support/initiator/pdu.ts"
import { answerText, RawSession } from "../support/initiator/RawSession.ts"
import { makeRandom, runSeed } from "../support/initiator/random.ts"
import type { Session } from "../support/initiator/Session.ts"

const targetName = `${nodeBase}:connections`
const start = async (): Promise<Lunlog> => {
  const lunlog = await startLunlog()
  await lunlog.createMalloc("Malloc0", 8)
  await lunlog.createTarget({ name: targetName, luns: { 0: "Malloc0" } })
  return lunlog
}

/** Both connections of one session: the option's default allows two. */
const openBoth = async (lunlog: Lunlog): Promise<readonly [Session, Session]> => {
  const keys = { ...defaultKeys, MaxConnections: "8" }
  const first = await lunlog.open(targetName, { keys }, 0)
  const { isid, tsih } = first.login
  const own = { MaxRecvDataSegmentLength: "8192" }
  const second = await lunlog.open(targetName, { isid, tsih, connectionId: 7, cmdSn: first.cmdSn, keys: own })
  return [first, second]
}

const rowsOf = async (lunlog: Lunlog) => {
  const rows = await lunlog.call("iscsi_get_connections")
  assert(Array.isArray(rows))
  return rows.map(({ cid, tsih }) => [cid, tsih])
}

/** Polls, as a connection that is closed here ends there a moment later. */
const untilRows = async (lunlog: Lunlog, count: number): Promise<void> => {
  for (let rows = await rowsOf(lunlog); rows.length !== count; rows = await rowsOf(lunlog));
}

describe("several connections of one session", () => {
  it("share its commands, are listed each, and end together when one is cut", async () => {
    await using lunlog = await start()
    const [first, second] = await openBoth(lunlog)
    const { tsih } = first.login
    assert.deepStrictEqual(await rowsOf(lunlog), [
      [1, tsih],
      [7, tsih]
    ])
    const startSn = first.cmdSn
    const raws = [new RawSession(first), new RawSession(second)] as const
    const random = makeRandom(runSeed(77))
    const blocks = 60
    // Every block is written twice, by whatever connection; the order of CmdSN decides which stays.
    for (let index = 0; index < 2 * blocks; index += 20) {
      const batch = Array.from({ length: 20 }, (_, at) => index + at)
      for (const number of batch) {
        const block = number % blocks
        const raw = random.pick<RawSession>(raws)
        const version = number < blocks ? 1 : 2
        raw.command({
          cdb: cdb.write10(block, 1),
          expectedBytes: 512,
          data: makePattern(block, 1, version, 512),
          cmdSn: startSn + number
        })
      }
      const answers: Array<Pdu> = []
      for (const raw of raws) answers.push(...(await raw.answers()))
      assert.deepStrictEqual(
        answers.map(answerText),
        batch.map(() => "GOOD")
      )
    }
    const witness = await lunlog.open(targetName, {}, 0)
    assert.isTrue((await readBlocks(witness, 0, 0, blocks)).equals(makePattern(0, blocks, 2, 512)))
    raws[1].wire.destroy()
    await raws[0].wire.closed
    const [message] = await raws[0].answers()
    assert.deepStrictEqual([message?.opcode, message?.header[36]], [Opcode.asyncMessage, 3])
    await untilRows(lunlog, 1)
    await clearUnitAttentions(witness, 0)
    await witness.logout()
  })
})

describe("SIGTERM", () => {
  it("asks initiators to log out, and tells those that do not that they are dropped", async () => {
    await using lunlog = await start()
    const asked = Promise.withResolvers<Pdu>()
    const obeying = await lunlog.open(targetName, { onAsyncMessage: asked.resolve }, 0)
    const deaf = await lunlog.open(targetName, {}, 0)
    const stopped = lunlog.process.stop()
    await asked.promise
    assert.strictEqual(await obeying.logout(), 0)
    await deaf.wire.closed
    const told = deaf.asyncMessages.map(({ header }) => [header[36], header.readUInt16BE(40), header.readUInt16BE(42)])
    assert.deepStrictEqual(told, [
      [1, 0, 1],
      [3, 2, 0]
    ])
    assert.strictEqual((await stopped).code, 0)
  })
})
