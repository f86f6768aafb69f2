/** Peers that connect and say nothing, and disks that never answer, don't use up for ever what others need. */
import { once } from "node:events"
import { connect } from "node:net"
import { assert, describe, it, vi } from "vitest"
import { cdb } from "../../support/initiator/commands.ts"
import { login } from "../../support/initiator/login.ts"
import { makeHeader, Opcode, Pdu, reservedTag } from "../../support/initiator/pdu.ts"
import { outcomeText } from "../../support/initiator/ScsiTask.ts"
import { Wire } from "../../support/initiator/Wire.ts"
import { Harness } from "./harness.ts"

vi.mock("../../../src/dataplane/limits.ts", async (original) => ({
  ...(await original<typeof import("../../../src/dataplane/limits.ts")>()),
  connectionsDefault: 4
}))

describe("connections that do not log in", () => {
  it("give way to those that do, the oldest first, and sessions stay", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const session = await harness.open({}, [])
    const silent = [await harness.plain(), await harness.plain(), await harness.plain()]
    const gone = silent.map((socket) => once(socket.resume(), "close"))
    while ((await harness.report()).connections.length < 4) await session.nop()
    const another = await harness.open({ initiatorName: "iqn.2024-01.test:another" }, [])
    await gone[0]
    assert.deepStrictEqual(
      silent.map((socket) => socket.destroyed),
      [true, false, false]
    )
    const [third, fourth] = [await harness.open({}, []), await harness.open({}, [])]
    await Promise.all(gone)
    // Now all connections are sessions, and the next one is turned away.
    const late = await harness.plain()
    await once(late.resume(), "close")
    for (const each of [session, another, third, fourth]) {
      await each.nop()
      each.drop()
    }
  })
})

describe("connections that are no session", () => {
  const discover = async (harness: Harness): Promise<void> => {
    await login(await Wire.connect(harness.portal), {})
  }
  /** The peer of a login that is refused does not close its side. */
  const beRefused = async (harness: Harness): Promise<void> => {
    const socket = connect({ ...harness.portal, allowHalfOpen: true }).on("error", () => {})
    socket.write(makeHeader({ opcode: Opcode.login, immediate: true, flags: 0x87 }))
    await once(socket, "data")
  }

  it.each([
    ["discovery, which anybody may ask for", discover],
    ["refused logins that are not closed", beRefused]
  ] as const)("give way to those that log in: %s", async (_, make) => {
    await using harness = await Harness.start()
    harness.putTarget()
    const session = await harness.open({}, [])
    for (const _each of [1, 2, 3]) await make(harness)
    const others = [await harness.open({}, []), await harness.open({}, []), await harness.open({}, [])]
    for (const each of [session, ...others]) {
      await each.nop()
      each.drop()
    }
  })
})

describe("connections that come all at once", () => {
  it("are no more than may be, each in the place of another", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const session = await harness.open({}, [])
    const sockets = await Promise.all(Array.from({ length: 64 }, () => harness.plain()))
    const gone = sockets.map((socket) => once(socket.resume(), "close"))
    const counts: Array<number> = []
    for (let closed = 0; closed < 61; closed = sockets.filter(({ destroyed }) => destroyed).length) {
      counts.push((await harness.report()).connections.length)
      await session.nop()
    }
    assert.isAtMost(Math.max(...counts), 4)
    for (const socket of sockets) socket.destroy()
    await Promise.all(gone)
    session.drop()
  })
})

describe("a discovery session that asks much at once", () => {
  it("gets all its answers, although each few of them are more than may wait for it", async () => {
    await using harness = await Harness.start()
    const wire = await Wire.connect(harness.portal)
    await login(wire, {})
    const pings = 1000
    const header = makeHeader({ opcode: Opcode.nopOut, immediate: true, initiatorTaskTag: 1, word20: reservedTag })
    for (let sent = 0; sent < pings; sent++) wire.send(new Pdu(header, Buffer.alloc(8192)))
    for (let got = 0; got < pings; got++) assert.strictEqual((await wire.receive()).data.length, 8192)
    wire.destroy()
  })
})

describe("an error bdev that is closed", () => {
  it("ends what it holds, although nobody waits for it any more, and its buffers are free again", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    for (let round = 0; round < 3; round++) {
      const bdev = await harness.openHanging()
      const incarnation = harness.mapLun(1, bdev)
      const session = await harness.open({}, [1])
      const running = session.command({ lun: 1, cdb: cdb.read10(0, 8), readBytes: 4096 })
      await session.nop()
      assert.deepInclude(await harness.drain(1, incarnation, 20), { drained: 0, aborted: 1 })
      assert.strictEqual(outcomeText(await running), "b/00/00")
      harness.unmap(1, incarnation)
      assert.strictEqual((await harness.report()).taskBufferBytes, 4096)
      await harness.done({ _tag: "CloseBdev", bdev })
      assert.strictEqual((await harness.report()).taskBufferBytes, 0)
      session.drop()
    }
  })
})
