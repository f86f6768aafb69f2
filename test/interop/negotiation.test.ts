/**
 * Whatever the two sides agree on, data arrives whole and the target keeps to the agreement: mixtures of immediate,
 * unsolicited and solicited data with bursts and segments of awkward lengths, and each key's result function.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { clearUnitAttentions, readBlocks, writeBlocks } from "../support/initiator/commands.ts"
import { defaultKeys } from "../support/initiator/login.ts"
import { type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import { makePattern, versionsOf } from "../support/initiator/pattern.ts"
import { LoginRefused, Session } from "../support/initiator/Session.ts"

const targetName = `${nodeBase}:negotiation`
let lunlog: Lunlog
let version = 0

beforeAll(async () => {
  lunlog = await startLunlog()
  await lunlog.createMalloc("Malloc0", 16)
  await lunlog.createTarget({ name: targetName, luns: { 0: "Malloc0" } })
})
afterAll(() => lunlog?.[Symbol.asyncDispose]())

const openWith = (keys: Readonly<Record<string, string>>): Promise<Session> => lunlog.open(targetName, { keys })

/** Transfers of one block, odd counts of blocks, more than any burst, and more than all bursts together. */
const transferBlocks = [1, 3, 17, 129, 1024]

const roundTrip = async (session: Session, what: string): Promise<void> => {
  await clearUnitAttentions(session, 0)
  for (const blocks of transferBlocks) {
    const address = 7 * blocks
    const data = makePattern(address, blocks, ++version, 512)
    await writeBlocks(session, 0, address, data)
    const found = versionsOf(await readBlocks(session, 0, address, blocks), address, [version], 512)
    assert.deepStrictEqual(new Set(found), new Set([version]), `${what}: ${blocks} blocks`)
  }
  assert.deepStrictEqual(session.violations, [], what)
  assert.deepStrictEqual(session.rejects, [], what)
  assert.strictEqual(await session.logout(), 0, what)
}

const yesOrNo = ["Yes", "No"] as const

describe("data moves whole", () => {
  for (const InitialR2T of yesOrNo) {
    for (const ImmediateData of yesOrNo) {
      it(`with InitialR2T=${InitialR2T} and ImmediateData=${ImmediateData}, whatever the lengths`, async () => {
        for (const [burst, firstBurst, segment] of [
          [512, 512, 512],
          [4096, 512, 8192],
          [16384, 8192, 4096],
          [65536, 65536, 16384],
          [262144, 65536, 262144],
          [1000, 999, 777],
          [70000, 1000, 65537],
          [16777215, 16777215, 16777215]
        ] as const) {
          const keys = {
            ...defaultKeys,
            InitialR2T,
            ImmediateData,
            MaxBurstLength: String(burst),
            FirstBurstLength: String(firstBurst),
            MaxRecvDataSegmentLength: String(segment)
          }
          await roundTrip(await openWith(keys), `MaxBurst ${burst}, FirstBurst ${firstBurst}, segment ${segment}`)
        }
      })
    }
  }

  it("with one R2T at a time and with as many as allowed", async () => {
    for (const MaxOutstandingR2T of ["1", "2", "65535"]) {
      const keys = { ...defaultKeys, MaxOutstandingR2T, MaxBurstLength: "8192", FirstBurstLength: "512" }
      await roundTrip(await openWith(keys), `MaxOutstandingR2T ${MaxOutstandingR2T}`)
    }
  })

  it("with every default of the RFC, when nothing is offered", async () => {
    await roundTrip(await openWith({}), "no keys")
  })

  it("when an initiator with immediate data sends less of it than it could, or none", async () => {
    const session = await openWith(defaultKeys)
    await clearUnitAttentions(session, 0)
    for (const immediateBytes of [0, 4, 512, 1024, 4096]) {
      for (const unsolicited of [true, false]) {
        const writeData = makePattern(0, 64, ++version, 512)
        const cdbBytes = Buffer.from([0x2a, 0, 0, 0, 0, 0, 0, 0, 64, 0])
        const result = await session.command({ lun: 0, cdb: cdbBytes, writeData, immediateBytes, unsolicited })
        assert.strictEqual(result.status, 0)
        const found = versionsOf(await readBlocks(session, 0, 0, 64), 0, [version], 512)
        assert.deepStrictEqual(new Set(found), new Set([version]))
      }
    }
    assert.deepStrictEqual(session.violations, [])
    session.drop()
  })
})

describe("each key is answered by its result function", () => {
  const cases: ReadonlyArray<readonly [key: string, offers: ReadonlyArray<string>]> = [
    ["InitialR2T", yesOrNo],
    ["ImmediateData", yesOrNo],
    ["DataPDUInOrder", yesOrNo],
    ["DataSequenceInOrder", yesOrNo],
    ["MaxBurstLength", ["512", "1000", "262144", "16777215"]],
    ["FirstBurstLength", ["512", "1000", "262144"]],
    ["MaxOutstandingR2T", ["1", "65535"]],
    ["MaxConnections", ["1", "8", "65535"]],
    ["ErrorRecoveryLevel", ["0", "1", "2"]],
    ["DefaultTime2Wait", ["0", "2", "3600"]],
    ["DefaultTime2Retain", ["0", "20", "3600"]],
    ["HeaderDigest", ["None", "None,CRC32C"]],
    ["DataDigest", ["None", "None,CRC32C"]]
  ]
  for (const [key, offers] of cases) {
    it(`${key}: ${offers.join(", ")}`, async () => {
      for (const offer of offers) {
        const session = await openWith({ [key]: offer })
        assert.deepStrictEqual(session.violations, [], offer)
        session.drop()
      }
    })
  }

  it("numbers may come as hexadecimal constants", async () => {
    const session = await openWith({ MaxBurstLength: "0x2000" })
    const answer = session.login.answered.find(([key]) => key === "MaxBurstLength")?.[1]
    assert.strictEqual(Number(answer), 0x2000)
    session.drop()
  })

  it("values out of range are refused or answered with Reject, never taken", async () => {
    const bad: ReadonlyArray<readonly [string, string]> = [
      ["MaxBurstLength", "511"],
      ["MaxBurstLength", "16777216"],
      ["MaxBurstLength", "-1"],
      ["MaxBurstLength", "1e3"],
      ["MaxRecvDataSegmentLength", "0"],
      ["MaxOutstandingR2T", "65536"],
      ["ErrorRecoveryLevel", "3"],
      ["InitialR2T", "Maybe"],
      ["HeaderDigest", "MD5"]
    ]
    for (const [key, value] of bad) {
      const opened = await openWith({ [key]: value }).catch((error: unknown) => error)
      if (opened instanceof Session) {
        const answer = opened.login.answered.find(([name]) => name === key)?.[1]
        assert.strictEqual(answer, "Reject", `${key}=${value}`)
        opened.drop()
      } else {
        assert(opened instanceof LoginRefused, `${key}=${value}: ${String(opened)}`)
        assert.strictEqual(opened.status >> 8, 2)
      }
    }
  })

  it("keys without meaning in a discovery session are Irrelevant there", async () => {
    const keys = { InitialR2T: "No", MaxBurstLength: "4096", MaxRecvDataSegmentLength: "8192" }
    const session = await Session.open({ endpoint: lunlog.endpoint, keys })
    for (const key of ["InitialR2T", "MaxBurstLength"]) {
      assert.deepInclude(session.login.answered, [key, "Irrelevant"])
    }
    await session.logout()
  })
})
