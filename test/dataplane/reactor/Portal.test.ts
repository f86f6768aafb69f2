/**
 * Portals and the times and numbers that bound connections. The limits are the real ones, made small: what is tested is
 * that they hold.
 */
import { connect, type Socket } from "node:net"
import { networkInterfaces } from "node:os"
import { afterEach, assert, describe, it, vi } from "vitest"
import { cdb } from "../../support/initiator/commands.ts"
import { outcomeText } from "../../support/initiator/ScsiTask.ts"
import { Session } from "../../support/initiator/Session.ts"
import { targetName } from "../iscsi/fixture.ts"
import { Harness } from "./harness.ts"

const { logoutMillis } = vi.hoisted(() => ({ logoutMillis: 200 }))

vi.mock("../../../src/dataplane/limits.ts", async (original) => ({
  ...(await original<typeof import("../../../src/dataplane/limits.ts")>()),
  connectionsDefault: 3,
  heldConnectionsMax: 2,
  logoutRequestTimeoutMillis: logoutMillis,
  housekeepingMillis: 10
}))

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on("error", () => {})
    socket.once("close", () => resolve())
    socket.resume()
  })

const dial = async (port: number, host = "127.0.0.1"): Promise<Socket> => {
  const socket = connect(port, host)
  socket.on("error", () => {})
  await new Promise((resolve) => socket.once("connect", resolve))
  return socket
}

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"))

describe("a portal", () => {
  it("that can't be had says why", async () => {
    await using harness = await Harness.start()
    const open = (host: string, port: number) =>
      harness.request({ _tag: "OpenPortal", portal: harness.takeId(), host, port })
    const taken = await open(harness.portal.host, harness.portal.port)
    assert.deepInclude(taken, { _tag: "Failed", code: "EADDRINUSE" })
    assert.match(taken._tag === "Failed" ? taken.detail : "", /is in use by another process or portal; stop that one/)
    const elsewhere = await open("192.0.2.1", 3260)
    assert.deepInclude(elsewhere, { _tag: "Failed", code: "EADDRNOTAVAIL" })
  })

  it.runIf(hasIpv6)("listens on IPv6, and on any address of both families side by side", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const { port } = await harness.openPortal("*")
    for (const [portal, host] of [
      [await harness.openPortal("[::1]"), "::1"],
      [await harness.openPortal("[*]", port), "::1"]
    ] as const) {
      harness.send({ _tag: "AcceptPortal", portal: portal.id, portalGroupTag: 1 })
      const session = await Session.open({ endpoint: { host, port: portal.port }, targetName })
      const [connection] = (await harness.report()).connections
      assert.strictEqual(connection?.initiatorAddress, "::1")
      session.drop()
      await session.wire.closed
    }
  })

  it("holds connections back until it is accepted, a few at most, and loses nothing of them", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const portal = await harness.openPortal()
    const logins = [0, 1].map(() => Session.open({ endpoint: portal, targetName }))
    // Whoever comes third is turned away, though not by order: the first two may still be on their way.
    const third = closed(await dial(portal.port))
    const held = await Promise.race([third.then(() => "turned away"), Promise.all(logins).then(() => "logged in")])
    assert.strictEqual(held, "turned away")
    assert.lengthOf((await harness.report()).connections, 0)
    harness.send({ _tag: "AcceptPortal", portal: portal.id, portalGroupTag: 1 })
    for (const session of await Promise.all(logins)) session.drop()
  })

  it("leaves its connections alone when it is closed, and frees its address at once", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    harness.mapLun(0, await harness.openBdev())
    const session = await harness.open()
    const { host, id, port } = harness.portal
    for (let round = 0; round < 5; round++) {
      await harness.done({ _tag: "ClosePortal", portal: round === 0 ? id : harness.portal.id })
      harness.portal = await harness.openPortal(host, port)
    }
    assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: cdb.testUnitReady() })), "GOOD")
    assert.deepStrictEqual(await harness.request({ _tag: "ClosePortal", portal: 999 }), { _tag: "Done" })
    session.drop()
  })

  it("turns those away that it held when it is closed", async () => {
    await using harness = await Harness.start()
    const portal = await harness.openPortal()
    const ends = [closed(await dial(portal.port)), closed(await dial(portal.port))]
    await harness.done({ _tag: "ClosePortal", portal: portal.id })
    await Promise.all(ends)
  })
})

describe("connections", () => {
  it("are so many at most, and there is room again when one ends", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const sessions = [await harness.open({}, []), await harness.open({}, []), await harness.open({}, [])]
    await closed(await dial(harness.portal.port))
    assert.lengthOf((await harness.report()).connections, 3)
    await sessions[0]?.logout()
    const another = await harness.open({}, [])
    for (const session of [...sessions, another]) session.drop()
  })

  it("that do not log in in time are closed", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const session = await harness.open({}, [])
    const silent = await dial(harness.portal.port)
    const end = closed(silent)
    while ((await harness.report()).connections.length < 2) await session.nop()
    const now = performance.now()
    vi.spyOn(performance, "now").mockImplementation(() => now + 30_001)
    await end
    await session.nop()
    session.drop()
  })

  it("are pinged when they are silent, and closed when they don't answer", async () => {
    await using harness = await Harness.start({ nopInInterval: 30, nopTimeout: 60 })
    harness.putTarget()
    const dead = await harness.open({ ignorePings: true }, [])
    const alive = await harness.open({}, [])
    const real = performance.now.bind(performance)
    let ahead = 0
    vi.spyOn(performance, "now").mockImplementation(() => real() + ahead)
    // A second passes with every turn of the event loop: many turns for an answer, soon enough for a silent one.
    while (!dead.isClosed) {
      ahead += 1000
      await new Promise((resolve) => setImmediate(resolve))
    }
    const fact = await harness.fact(({ _tag }) => _tag === "SessionClosed")
    assert.deepInclude(fact, { reason: "no answer to a ping in 60 s", tsih: dead.login.tsih })
    assert.strictEqual(dead.pings, 1)
    assert.isAtLeast(alive.pings, 1)
    await alive.nop()
    assert.deepStrictEqual(alive.violations, [])
    alive.drop()
  })
})

describe("the sessions of a target that is deleted", () => {
  it("are asked to log out, and those that do are told from those that are cut", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const willing = await harness.open({}, [])
    const unwilling = await harness.open({}, [])
    // On a busy machine a willing initiator may need longer than the limit: no time passes but what the test lets pass.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    const closing = harness.request({ _tag: "CloseSessions", name: targetName, incarnation: 1 })
    for (const session of [willing, unwilling]) while (session.asyncMessages.length === 0) await session.nop()
    assert.strictEqual(await willing.logout(), 0)
    await unwilling.nop()
    vi.advanceTimersByTime(logoutMillis)
    assert.deepStrictEqual(await closing, { _tag: "SessionsClosed", closed: 1, cut: 1 })
    await unwilling.wire.untilClosed()
    assert.strictEqual((await harness.report()).sessionCount, 0)
  })

  it("are none, where there are none or the target is another", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const none = { _tag: "SessionsClosed", closed: 0, cut: 0 } as const
    const session = await harness.open({}, [])
    for (const [name, incarnation] of [
      ["iqn.none", 1],
      [targetName, 2]
    ] as const) {
      assert.deepStrictEqual(await harness.request({ _tag: "CloseSessions", name, incarnation }), none)
    }
    await session.nop()
    await session.logout()
    assert.deepStrictEqual(await harness.request({ _tag: "CloseSessions", name: targetName, incarnation: 1 }), none)
  })
})
