/** What a reactor tells of sessions with several connections, and of PDUs that were damaged on their way. */
import { Schema } from "effect"
import { assert, describe, it } from "vitest"
import type { ReactorFact } from "../../../src/dataplane/reactor/protocol.ts"
import { Observation } from "../../../src/domain/observation/Observation.ts"
import { readBlocks, writeBlocks } from "../../support/initiator/commands.ts"
import { defaultKeys } from "../../support/initiator/login.ts"
import { encodePdu, makeHeader, Opcode, Pdu, reservedTag } from "../../support/initiator/pdu.ts"
import { Harness } from "./harness.ts"

const initiatorName = "iqn.2024-01.test.lunlog:observed"

type FactOf<Tag extends ReactorFact["_tag"]> = Extract<ReactorFact, { readonly _tag: Tag }>
const isOf =
  <Tag extends ReactorFact["_tag"]>(tag: Tag) =>
  (fact: ReactorFact): fact is FactOf<Tag> =>
    fact._tag === tag

const isDigestError =
  (digest: "header" | "data") =>
  (fact: ReactorFact): fact is FactOf<"DigestError"> =>
    fact._tag === "DigestError" && fact.digest === digest

const withDisk = async (): Promise<Harness> => {
  const harness = await Harness.start({ maxConnectionsPerSession: 2 })
  harness.putTarget()
  harness.mapLun(0, await harness.openBdev())
  return harness
}

describe("a session of several connections", () => {
  it("is told once, with what all of them have done", async () => {
    const harness = await withDisk()
    const first = await harness.open({ initiatorName, keys: { ...defaultKeys, MaxConnections: "2" } })
    const { isid, tsih } = first.login
    const second = await harness.open({ initiatorName, isid, tsih, connectionId: 2, cmdSn: first.cmdSn, keys: {} })
    await readBlocks(second, 0, 0, 8)
    first.cmdSn = second.cmdSn
    const logout = { opcode: Opcode.logout, immediate: true, flags: 0x81, initiatorTaskTag: 0x99, word20: 2 << 16 }
    assert.strictEqual((await first.request(new Pdu(makeHeader({ ...logout, cmdSn: first.cmdSn })))).response, 0)
    await writeBlocks(first, 0, 0, Buffer.alloc(1024, 7))
    await first.logout()
    const closed = await harness.fact(isOf("SessionClosed"))
    assert.deepInclude(closed, {
      tsih,
      ending: "logout",
      readBytes: 4096,
      writtenBytes: 1024,
      failedIos: 0,
      inFlight: 0
    })
    assert.strictEqual(harness.facts.filter(isOf("SessionOpened")).length, 1)
    assert.strictEqual(harness.facts.filter(isOf("SessionClosed")).length, 1)
    await harness.shutdown()
  })
})

describe("a digest that is wrong", () => {
  it("is told with who has sent it, and what", async () => {
    const harness = await withDisk()
    const keys = { ...defaultKeys, HeaderDigest: "CRC32C", DataDigest: "CRC32C" }
    for (const [digest, at] of [
      ["header", 20],
      ["data", 53]
    ] as const) {
      // What one initiator does again within seconds is told together.
      const name = `${initiatorName}-${digest}`
      const session = await harness.open({ initiatorName: name, keys })
      const header = makeHeader({
        opcode: Opcode.nopOut,
        initiatorTaskTag: 77,
        word20: reservedTag,
        cmdSn: session.cmdSn
      })
      const bytes = Buffer.concat(encodePdu(new Pdu(header, Buffer.from("ping")), session.wire.digests))
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
      session.wire.sendBytes(bytes)
      await session.wire.untilClosed()
      const told = await harness.fact(isDigestError(digest))
      assert.deepInclude(told, { initiatorName: name, tsih: session.login.tsih, opcode: "NopOut" })
      const { pdu: _, ...observation }: Record<string, unknown> = { ...told }
      Schema.decodeUnknownSync(Observation, { onExcessProperty: "error" })(observation)
      const closed = harness.facts.filter(isOf("SessionClosed")).at(-1)
      assert.deepInclude(closed, { tsih: session.login.tsih, ending: "protocolError" })
    }
    await harness.shutdown()
  })
})
