/** One address that takes all it can get: the others still get in, and are told nothing of it. */
import { once } from "node:events"
import { connect } from "node:net"
import { assert, describe, it } from "vitest"
import type { PeerLimitSettings } from "../../../src/dataplane/iscsi/Peers.ts"
import { chapFailuresBurst, connectionsDefault, connectionsPerAddressDefault } from "../../../src/dataplane/limits.ts"
import { mainThreadReactor } from "../../../src/dataplane/reactor/main-thread-reactor.ts"
import type { ReactorFact } from "../../../src/dataplane/reactor/protocol.ts"
import type { Credentials } from "../../support/initiator/chap.ts"
import { LoginRefused, type SessionOptions } from "../../support/initiator/Session.ts"
import { Harness } from "./harness.ts"

const outOfResources = 0x0302
const authenticationFailure = 0x0201

const start = async (peerLimits: PeerLimitSettings): Promise<Harness> => {
  const harness = await Harness.start({ maxSessions: 2000 }, (options) => mainThreadReactor(options, { peerLimits }))
  harness.putTarget()
  return harness
}

const openFrom = (harness: Harness, localAddress: string, options: Partial<SessionOptions> = {}) =>
  harness.open({ ...options, endpoint: { ...harness.portal, localAddress } }, [])

/** The status with which a login is refused; 0 if it is not. */
const statusOf = async (harness: Harness, localAddress: string, options: Partial<SessionOptions> = {}) => {
  try {
    const session = await openFrom(harness, localAddress, options)
    await session.logout()
    return 0
  } catch (error) {
    if (error instanceof LoginRefused) return error.status
    throw error
  }
}

const isRefusedConnection = (fact: ReactorFact): boolean => fact._tag === "ConnectionRefused"

it("by default one address has no more than half of all connections", () => {
  assert.isAtMost(connectionsPerAddressDefault * 2, connectionsDefault)
})

describe("connections of one address", () => {
  it("are turned away when it has as many sessions as it may have connections; another address gets in", async () => {
    await using harness = await start({ connectionsPerAddress: 3 })
    const sessions = [await harness.open({}, []), await harness.open({}, []), await harness.open({}, [])]
    const late = await harness.plain()
    await once(late.resume(), "close")
    const fact = await harness.fact(isRefusedConnection)
    assert.deepInclude(fact, { initiatorAddress: "127.0.0.1", portalGroupTag: 1 })
    assert.include(JSON.stringify(fact), "3 connections, which is the limit of one address")
    const other = await openFrom(harness, "127.0.0.2")
    await sessions[0]?.logout()
    const again = await harness.open({}, [])
    for (const each of [...sessions.slice(1), other, again]) {
      await each.nop()
      each.drop()
    }
  })

  it("without a session give way to the same address's, and not to others'", async () => {
    await using harness = await start({ connectionsPerAddress: 2 })
    const stranger = connect({ ...harness.portal, localAddress: "127.0.0.2" })
    await once(stranger, "connect")
    const silent = [await harness.plain(), await harness.plain()]
    const gone = silent.map((socket) => once(socket.resume(), "close"))
    while ((await harness.report()).connections.length < 3) await new Promise(setImmediate)
    const session = await harness.open({}, [])
    await gone[0]
    assert.isFalse(silent[1]?.destroyed)
    assert.isFalse(stranger.destroyed)
    session.drop()
    stranger.destroy()
  })
})

describe("sessions of one address", () => {
  it("are refused beyond their limit, with the status for it, and count no longer once they have ended", async () => {
    await using harness = await start({ sessionsPerAddress: 2 })
    const first = await harness.open({}, [])
    const second = await harness.open({}, [])
    assert.strictEqual(await statusOf(harness, "127.0.0.1"), outOfResources)
    assert.strictEqual(await statusOf(harness, "127.0.0.2"), 0)
    await first.logout()
    assert.strictEqual(await statusOf(harness, "127.0.0.1"), 0)
    second.drop()
    await harness.fact((fact) => fact._tag === "SessionClosed" && fact.ending === "connectionLost")
    const both = [await harness.open({}, []), await harness.open({}, [])]
    for (const each of both) each.drop()
  })

  it("that take the place of another are no more than before", async () => {
    await using harness = await start({ sessionsPerAddress: 1 })
    const first = await harness.open({ initiatorName: "iqn.2024-01.test:one" }, [])
    const again = await harness.open({ initiatorName: "iqn.2024-01.test:one", isid: first.login.isid }, [])
    await again.nop()
    again.drop()
  })
})

describe("logins of one address", () => {
  it("are refused when there are too many in too short a time", async () => {
    await using harness = await start({ loginsPerSecond: 1 })
    const statuses: Array<number> = []
    for (let login = 0; login < 30; login++) statuses.push(await statusOf(harness, "127.0.0.1"))
    assert.deepStrictEqual(new Set(statuses), new Set([0, outOfResources]))
    assert.deepStrictEqual(new Set(statuses.slice(0, 10)), new Set([0]))
    assert.strictEqual(await statusOf(harness, "127.0.0.2"), 0)
  })
})

describe("guessing a CHAP secret", () => {
  const right: Credentials = { user: "anna", secret: "anna-has-a-secret" }

  it("is slowed down for its address, and nobody is locked out for it by name", async () => {
    await using harness = await start({})
    const auth = { disableChap: false, requireChap: true, mutualChap: false, chapGroup: 1 }
    harness.putTarget({ auth })
    const users = [{ user: right.user, secret: right.secret }]
    harness.send({ _tag: "PutAuthGroup", group: { tag: 1, users } })
    const guess = (each: number) =>
      statusOf(harness, "127.0.0.1", { authMethod: "CHAP", chap: { ...right, secret: `guessed-secret-${each}` } })
    let looked = 0
    for (; (await guess(looked)) === authenticationFailure; looked++) assert.isBelow(looked, 2 * chapFailuresBurst)
    assert.isAtLeast(looked, chapFailuresBurst)
    const statuses = [await guess(1), await guess(2), await guess(3)]
    assert.include(statuses, outOfResources)
    assert.strictEqual(await statusOf(harness, "127.0.0.2", { authMethod: "CHAP", chap: right }), 0)
  })
})
