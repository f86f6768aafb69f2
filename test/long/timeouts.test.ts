/** Limits in time that take too long for CI: a login that never ends, a logout whose initiator stays. */
import { assert, describe, it } from "vitest"
import { LoginExchange, Stage } from "../support/initiator/login.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makeHeader, Opcode, Pdu } from "../support/initiator/pdu.ts"
import { Wire } from "../support/initiator/Wire.ts"

const targetName = `${nodeBase}:timeouts`
/** The target's limits of 30 s and 5 s, with time to spare. */
const loginMillisMax = 45_000
const logoutMillisMax = 15_000

const startWithTarget = async (): Promise<Lunlog> => {
  const lunlog = await startLunlog()
  await lunlog.createMalloc("Malloc0", 1)
  await lunlog.createTarget({ name: targetName, luns: { 0: "Malloc0" } })
  return lunlog
}

describe("the target closes a connection", () => {
  it("that does not log in, whatever it has sent", async () => {
    await using lunlog = await startWithTarget()
    const silent = await Wire.connect(lunlog.endpoint)
    const half = await Wire.connect(lunlog.endpoint)
    half.sendBytes(Buffer.alloc(47, 0x43))
    const begun = await Wire.connect(lunlog.endpoint)
    const keys = [
      ["InitiatorName", "iqn.2024-01.test.lunlog:slow"],
      ["SessionType", "Discovery"]
    ] as const
    await new LoginExchange(begun).exchange({ currentStage: Stage.operational, keys })
    const session = await lunlog.open(targetName, {}, 0)
    await Promise.all([silent, half, begun].map((wire) => wire.untilClosed(loginMillisMax)))
    assert.isFalse(session.isClosed, "who has logged in stays")
    assert.strictEqual(await session.logout(), 0)
  })

  it("that stays after its logout", async () => {
    await using lunlog = await startWithTarget()
    const session = await lunlog.open(targetName, {}, 0)
    const header = makeHeader({
      opcode: Opcode.logout,
      immediate: true,
      initiatorTaskTag: session.nextTag(),
      word20: 1 << 16,
      cmdSn: session.cmdSn,
      expStatSn: session.expStatSn
    })
    assert.strictEqual((await session.request(new Pdu(header))).response, 0)
    await session.wire.untilClosed(logoutMillisMax)
  })
})
