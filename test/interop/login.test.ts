/**
 * The login phase as RFC 7143 sections 6 and 11.12 want it, and the refusals: each by its status, and nothing behind
 * it.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { cdb, clearUnitAttentions } from "../support/initiator/commands.ts"
import {
  defaultInitiatorName,
  defaultKeys,
  type LoginExchange as Exchange,
  LoginExchange,
  type LoginRequest,
  LoginStatus,
  login,
  Stage
} from "../support/initiator/login.ts"
import { assertAlive, everybody, type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makeHeader, Opcode, Pdu } from "../support/initiator/pdu.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { LoginRefused, Session } from "../support/initiator/Session.ts"
import type { KeyList } from "../support/initiator/text-keys.ts"
import { Wire } from "../support/initiator/Wire.ts"

const plain = `${nodeBase}:plain`
const other = `${nodeBase}:other`
const chapOnly = `${nodeBase}:chap-only`
const headerDigestOnly = `${nodeBase}:header-digest-only`
const dataDigestOnly = `${nodeBase}:data-digest-only`
const privateTarget = `${nodeBase}:private`

let lunlog: Lunlog

const createTargets = async (): Promise<void> => {
  await lunlog.createMalloc("Malloc0", 8)
  const luns = { 0: "Malloc0" }
  await lunlog.createTarget({ name: plain, luns })
  await lunlog.createTarget({ name: other, luns })
  await lunlog.createTarget({ name: chapOnly, luns, extra: { disable_chap: false, require_chap: true } })
  await lunlog.createTarget({ name: headerDigestOnly, luns, extra: { header_digest: true } })
  await lunlog.createTarget({ name: dataDigestOnly, luns, extra: { data_digest: true } })
  const initiators = ["!iqn.2024-01.test.lunlog:denied", "iqn.2024-01.test.lunlog:friend"]
  await lunlog.call("iscsi_create_initiator_group", { tag: 2, initiators, netmasks: ["127.0.0.0/8"] })
  await lunlog.createTarget({
    name: privateTarget,
    luns,
    extra: { pg_ig_maps: [{ pg_tag: everybody.pg_tag, ig_tag: 2 }] }
  })
}

beforeAll(async () => {
  lunlog = await startLunlog()
  await createTargets()
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())

const names = (target: string): KeyList => [
  ["InitiatorName", defaultInitiatorName],
  ["SessionType", "Normal"],
  ["TargetName", target]
]

const withExchange = async <A>(use: (exchange: Exchange) => Promise<A>): Promise<A> => {
  const wire = await Wire.connect(lunlog.endpoint)
  try {
    return await use(new LoginExchange(wire))
  } finally {
    wire.destroy()
  }
}

/** The status of a single request's answer, once the target has closed the connection behind it. */
const refusalOf = (request: LoginRequest): Promise<number> =>
  withExchange(async (exchange) => {
    const { status } = await exchange.exchange(request)
    assert.notStrictEqual(status, LoginStatus.success)
    await exchange.wire.untilClosed()
    return status
  })

const operational: LoginRequest = { currentStage: Stage.operational, transit: true }

const sessionCount = async (): Promise<number> => {
  const connections = await lunlog.call("iscsi_get_connections")
  assert(Array.isArray(connections))
  // One that was refused has no session, and may still be closing.
  return connections.filter(({ tsih }) => tsih !== 0xffff).length
}

describe("a login", () => {
  it("ends in full feature phase from the operational stage alone, with one round trip", async () => {
    await withExchange(async (exchange) => {
      const response = await exchange.exchange({ ...operational, keys: names(plain) })
      assert.deepInclude(response, { status: 0, transit: true, nextStage: Stage.fullFeature })
      assert.notStrictEqual(response.pdu.tsih, 0)
      assert.strictEqual(response.pdu.expCmdSn, exchange.cmdSn)
      assert.isAtLeast(response.pdu.maxCmdSn, response.pdu.expCmdSn)
    })
  })

  it("goes through the security stage when asked to, and says which portal group was reached", async () => {
    const wire = await Wire.connect(lunlog.endpoint)
    const outcome = await login(wire, { targetName: plain, authMethod: "CHAP,None" })
    assert.strictEqual(outcome.status, 0)
    assert.deepInclude(outcome.answered, ["AuthMethod", "None"])
    assert.deepInclude(outcome.answered, ["TargetPortalGroupTag", String(everybody.pg_tag)])
    assert.deepStrictEqual(outcome.violations, [])
    wire.destroy()
  })

  it("goes from the security stage straight to full feature phase", async () => {
    await withExchange(async (exchange) => {
      const keys: KeyList = [...names(plain), ["AuthMethod", "None"]]
      const response = await exchange.exchange({ currentStage: Stage.security, transit: true, keys })
      assert.deepInclude(response, { status: 0, transit: true, nextStage: Stage.fullFeature })
    })
  })

  it("takes text that is split over several requests at any byte", async () => {
    const text = Buffer.from(
      `InitiatorName=${defaultInitiatorName}\0SessionType=Normal\0TargetName=${plain}\0MaxBurstLength=4096\0`
    )
    for (const cut of [1, 13, 14, text.length - 1]) {
      await withExchange(async (exchange) => {
        const stage = { currentStage: Stage.operational }
        const first = await exchange.exchange({ ...stage, continues: true, data: text.subarray(0, cut) })
        assert.deepInclude(first, { status: 0, transit: false })
        const last = await exchange.exchange({ ...operational, data: text.subarray(cut) })
        assert.deepInclude(last, { status: 0, transit: true })
        assert.deepInclude(last.keys, ["MaxBurstLength", "4096"])
      })
    }
  })

  it("answers keys that it does not know with NotUnderstood, and goes on", async () => {
    await withExchange(async (exchange) => {
      const unknown: KeyList = [
        ["X-com.example.speed", "11"],
        ["iSCSINoSuchKey", "Yes"]
      ]
      const response = await exchange.exchange({ ...operational, keys: [...names(plain), ...unknown] })
      assert.strictEqual(response.status, 0)
      for (const [key] of unknown) assert.deepInclude(response.keys, [key, "NotUnderstood"])
    })
  })

  it("finds targets and initiators by name whatever their case", async () => {
    const session = await lunlog.open(plain.toUpperCase().replace("IQN.", "iqn."))
    session.drop()
  })

  it("reinstates a session: the same initiator port ends its older connection", async () => {
    const first = await lunlog.open(plain, {}, 0)
    const second = await lunlog.open(plain, { isid: first.login.isid })
    await first.wire.untilClosed()
    assert.strictEqual(first.isClosed, true)
    await clearUnitAttentions(second, 0)
    const elsewhere = await lunlog.open(other, { isid: first.login.isid }, 0)
    assert.strictEqual(outcomeText(await second.command({ lun: 0, cdb: cdb.testUnitReady() })), "GOOD")
    for (const session of [second, elsewhere]) session.drop()
  })
})

describe("a login is refused", () => {
  it("when a name is missing", async () => {
    const [initiator, type, target] = names(plain)
    assert(initiator !== undefined && type !== undefined && target !== undefined)
    assert.strictEqual(await refusalOf({ ...operational, keys: [type, target] }), LoginStatus.missingParameter)
    assert.strictEqual(await refusalOf({ ...operational, keys: [initiator, type] }), LoginStatus.missingParameter)
  })

  it("when the target does not exist", async () => {
    const status = await refusalOf({ ...operational, keys: names(`${nodeBase}:nowhere`) })
    assert.strictEqual(status, LoginStatus.notFound)
  })

  it("when the initiator's name is not on the list, or is denied", async () => {
    for (const name of ["denied", "stranger"]) {
      const options = { initiatorName: `iqn.2024-01.test.lunlog:${name}` }
      const refused = await lunlog.open(privateTarget, options).catch((error: unknown) => error)
      assert(refused instanceof LoginRefused, name)
      assert.strictEqual(refused.status, LoginStatus.authorizationFailure)
    }
    const friend = await lunlog.open(privateTarget, { initiatorName: "iqn.2024-01.test.lunlog:FRIEND" })
    friend.drop()
  })

  it("when it wants a protocol version that does not exist", async () => {
    const request = { ...operational, versionMin: 1, versionMax: 1, keys: names(plain) }
    assert.strictEqual(await refusalOf(request), LoginStatus.unsupportedVersion)
  })

  it("when it joins a session that does not exist", async () => {
    const status = await refusalOf({ ...operational, tsih: 0x7ffe, keys: names(plain) })
    assert.include([LoginStatus.sessionDoesNotExist, LoginStatus.cannotIncludeInSession], status)
  })

  it("when its stages make no sense", async () => {
    const keys = names(plain)
    const requests: ReadonlyArray<LoginRequest> = [
      { currentStage: Stage.operational, nextStage: 2, transit: true, keys },
      { currentStage: Stage.operational, nextStage: Stage.security, transit: true, keys },
      { currentStage: Stage.fullFeature, transit: true, keys },
      { currentStage: 2, transit: true, keys },
      { currentStage: Stage.operational, transit: true, continues: true, keys }
    ]
    for (const request of requests) {
      const status = await refusalOf(request)
      assert.include([LoginStatus.initiatorError, LoginStatus.invalidDuringLogin], status, JSON.stringify(request))
    }
  })

  it("when its text is not text", async () => {
    const good = Buffer.from(`InitiatorName=${defaultInitiatorName}\0SessionType=Normal\0TargetName=${plain}\0`)
    const bad = ["NoEqualsSign\0", "=value\0", `${"K".repeat(64)}=1\0`, "MaxBurstLength=512\0MaxBurstLength=512\0"]
    for (const pair of bad) {
      const status = await refusalOf({ ...operational, data: Buffer.concat([good, Buffer.from(pair)]) })
      assert.strictEqual(status, LoginStatus.initiatorError, pair.slice(0, 40))
    }
  })

  it("when it never ends", async () => {
    await withExchange(async (exchange) => {
      const ended = async () => {
        for (let round = 0; round < 2000; round++) {
          const keys = round === 0 ? names(plain) : []
          const { status } = await exchange.exchange({ currentStage: Stage.operational, keys })
          if (status !== 0) return
        }
        throw new Error("2,000 login requests were answered")
      }
      await ended().catch((error: unknown) => {
        if (!(error instanceof Error) || error.name !== "WireClosed") throw error
      })
      await exchange.wire.untilClosed()
    })
  })
})

describe("a target that requires CHAP or digests stays closed to who does without", () => {
  const tries = (target: string): ReadonlyArray<readonly [what: string, request: LoginRequest]> => [
    ["no security stage", { ...operational, keys: names(target) }],
    ["None", { currentStage: Stage.security, transit: true, keys: [...names(target), ["AuthMethod", "None"]] }],
    ["no method", { currentStage: Stage.security, nextStage: Stage.operational, transit: true, keys: names(target) }]
  ]

  it("CHAP", async () => {
    const before = await sessionCount()
    for (const [what, request] of tries(chapOnly)) {
      const status = await refusalOf(request)
      assert.strictEqual(status, LoginStatus.authenticationFailure, what)
    }
    // Without a group nobody can prove anything: that shows at the end alone.
    const chap = { user: "anna", secret: "0123456789ab" }
    const refused = await lunlog.open(chapOnly, { authMethod: "CHAP,None", chap }).catch((error: unknown) => error)
    assert(refused instanceof LoginRefused)
    assert.strictEqual(refused.status, LoginStatus.authenticationFailure)
    assert.strictEqual(await sessionCount(), before)
  })

  it("a header digest or a data digest", async () => {
    for (const target of [headerDigestOnly, dataDigestOnly]) {
      for (const digest of ["None", "crc32c", undefined]) {
        const offered: KeyList =
          digest === undefined
            ? []
            : [
                ["HeaderDigest", digest],
                ["DataDigest", digest]
              ]
        const status = await refusalOf({ ...operational, keys: [...names(target), ...offered] })
        assert.strictEqual(status >> 8, 2, `${target} with ${digest}`)
      }
      const keys = { ...defaultKeys, HeaderDigest: "None,CRC32C", DataDigest: "None,CRC32C" }
      const session = await lunlog.open(target, { keys })
      const { dataDigest, headerDigest } = session.parameters
      assert.deepStrictEqual([headerDigest, dataDigest], [target === headerDigestOnly, target === dataDigestOnly])
      await session.logout()
    }
  })

  it("lets no command through behind a refused login", async () => {
    await withExchange(async (exchange) => {
      exchange.send({ ...operational, keys: names(chapOnly) })
      const header = makeHeader({ opcode: Opcode.scsiCommand, flags: 0xc1, initiatorTaskTag: 7, word20: 36, cmdSn: 1 })
      cdb.inquiry(36).copy(header, 32)
      exchange.wire.send(new Pdu(header))
      assert.notStrictEqual((await exchange.receive()).loginStatus, 0)
      const next = await exchange.wire.receive().catch((error: unknown) => error)
      assert(next instanceof Error, "no PDU follows a refusal")
    })
  })
})

describe("a connection that is not logged in", () => {
  it("cannot send anything but login requests", async () => {
    for (const opcode of [Opcode.nopOut, Opcode.scsiCommand, Opcode.text, Opcode.taskManagement, Opcode.logout, 0x3c]) {
      const wire = await Wire.connect(lunlog.endpoint)
      wire.send(new Pdu(makeHeader({ opcode, initiatorTaskTag: 5, word20: 0xffffffff })))
      const answer = await wire.receive().catch((error: unknown) => error)
      if (answer instanceof Pdu) assert.strictEqual(answer.loginStatus, LoginStatus.invalidDuringLogin)
      else assert.strictEqual(answer instanceof Error && answer.name, "WireClosed")
      await wire.untilClosed()
    }
  })

  it("sees the same targets in discovery as its names may log in to", async () => {
    const seenBy = async (initiatorName: string): Promise<ReadonlyArray<string>> => {
      const session = await Session.open({ endpoint: lunlog.endpoint, initiatorName })
      const found = await session.text([["SendTargets", "All"]])
      await session.logout()
      return found.filter(([key]) => key === "TargetName").map(([, value]) => value)
    }
    assert.include(await seenBy("iqn.2024-01.test.lunlog:friend"), privateTarget)
    const seen = await seenBy("iqn.2024-01.test.lunlog:stranger")
    assert.include(seen, plain)
    assert.notInclude(seen, privateTarget)
    assertAlive(lunlog.process)
  })
})
