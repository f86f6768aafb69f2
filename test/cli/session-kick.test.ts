/** `lunlog_kick_session` against real sessions: who is meant, the request to log out, the cut. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { guideTargetName, setUpGuide } from "../support/guide.ts"
import { Session } from "../support/initiator/Session.ts"
import { RpcFailure } from "../support/rpc-client.ts"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../support/target-process.ts"

describe("lunlog_kick_session", () => {
  const directory = makeDirectory("session-kick")
  let target: TargetProcess
  let port = 0
  const open = (initiatorName: string) =>
    Session.open({ endpoint: { host: "127.0.0.1", port }, targetName: guideTargetName, initiatorName })
  const sessions = async (): Promise<ReadonlyArray<Record<string, unknown>>> => {
    const found = await target.rpc.call("lunlog_get_sessions")
    assert(Array.isArray(found))
    return found
  }

  beforeAll(async () => {
    target = await startTarget({ directory, stateMode: "empty" })
    port = await freePort()
    await setUpGuide(target.rpc, port)
  })

  afterAll(async () => {
    await target[Symbol.asyncDispose]()
    removeDirectory(directory)
  })

  it("asks the one that is meant to log out, and leaves the other alone", async () => {
    const [meant, other] = [await open("iqn.2020-01.test:meant"), await open("iqn.2020-01.test:other")]
    const asked = await target.rpc.call("lunlog_kick_session", { initiator: "iqn.2020-01.test:MEANT", target: "disk1" })
    assert(Array.isArray(asked) && asked.length === 1)
    assert.deepInclude(asked[0], {
      initiator_name: "iqn.2020-01.test:meant",
      initiator_addr: "127.0.0.1",
      target_name: guideTargetName,
      portal_group_tag: 1
    })
    while (meant.asyncMessages.length === 0) await meant.nop()
    assert.strictEqual(meant.asyncMessages[0]?.header[36], 1)
    assert.strictEqual(await meant.logout(), 0)
    await other.nop()
    assert.lengthOf(other.asyncMessages, 0)
    const tail = async () => JSON.stringify(await target.rpc.call("eventlog_tail", { count: 20 }))
    // Nobody waits for observations to be written.
    while (!(await tail()).includes("SessionLogoutRequested")) await other.nop()
    assert.match(await tail(), /"SessionLogoutRequested".*iqn\.2020-01\.test:meant.*"limitMillis":30000/)
    other.drop()
  })

  it("cuts one that stays when its time is over", async () => {
    const stubborn = await open("iqn.2020-01.test:stubborn")
    const found = (await sessions()).find(({ initiator_name }) => initiator_name === "iqn.2020-01.test:stubborn")
    await target.rpc.call("lunlog_kick_session", { tsih: found?.["tsih"], id: found?.["id"], timeout: 0 })
    await stubborn.wire.closed
    const left = (await sessions()).filter(({ state }) => state === "running")
    assert.notInclude(JSON.stringify(left), "stubborn")
  })

  it("refuses to guess, and says that nobody fits", async () => {
    const fail = (params: Record<string, unknown>) =>
      target.rpc.call("lunlog_kick_session", params).catch((error: unknown) => error)
    const nothing = await fail({})
    assert(nothing instanceof RpcFailure)
    assert.deepStrictEqual([nothing.code, nothing.reason], [-32602, "Invalid parameters"])
    assert.match(nothing.message, /nothing says which session/)
    const nobody = await fail({ initiator: "iqn.2020-01.test:nobody" })
    assert(nobody instanceof RpcFailure)
    assert.strictEqual(nobody.code, -19)
    assert.match(nobody.message, /there is no such session.*lunlog session list/)
    const forTooLong = await fail({ tsih: 1, timeout: 300_001 })
    assert(forTooLong instanceof RpcFailure)
    assert.strictEqual(forTooLong.code, -32602)
  })
})
