/** A reactor over real sockets: sessions, IO on every kind of bdev, what it tells of itself, and its end. */
import { assert, describe, it } from "vitest"
import type { NodeOptions } from "../../../src/dataplane/iscsi/IscsiNode.ts"
import { mainThreadReactor } from "../../../src/dataplane/reactor/main-thread-reactor.ts"
import { workerReactor } from "../../../src/dataplane/reactor/worker-reactor.ts"
import { cdb, inquiry, readBlocks, reportLuns, writeBlocks } from "../../support/initiator/commands.ts"
import { randomIsid } from "../../support/initiator/login.ts"
import { makePattern } from "../../support/initiator/pattern.ts"
import { outcomeText } from "../../support/initiator/ScsiTask.ts"
import { LoginRefused, Session } from "../../support/initiator/Session.ts"
import { targetName } from "../iscsi/fixture.ts"
import { anyBase, delayed, Harness, pendingFault, pool } from "./harness.ts"

const refusal = async (login: Promise<Session>): Promise<number> => {
  const error = await login.then(
    (session) => session.drop(),
    (reason: unknown) => reason
  )
  assert(error instanceof LoginRefused, String(error))
  return error.status
}

describe.each([
  ["in the main thread", mainThreadReactor],
  ["in a worker", workerReactor],
  ["that is a pool of two", (options: NodeOptions) => pool(options)]
] as const)("a reactor %s", (_where, make) => {
  it("serves disks of every kind from login to logout, and tells what happened", async () => {
    await using harness = await Harness.start({}, make)
    const base = await harness.openBdev()
    const disks = [
      base,
      await harness.openBdev({ _tag: "Null", blockCount: 4096, blockSize: 512, physicalBlockSize: 0 }),
      await harness.openBdev(delayed(1000), await harness.openBdev()),
      await harness.openBdev({ _tag: "Error", base: anyBase }, await harness.openBdev())
    ]
    harness.putTarget()
    const incarnations = disks.map((bdev, lun) => harness.mapLun(lun, bdev))
    const session = await harness.open({}, [0, 1, 2, 3])
    assert.deepStrictEqual(await reportLuns(session), [0, 1, 2, 3])
    const data = makePattern(0, 600, 3, 512)
    for (const lun of disks.keys()) {
      await writeBlocks(session, lun, 10, data)
      const back = await readBlocks(session, lun, 10, 600)
      assert.isTrue(back.equals(lun === 1 ? Buffer.alloc(data.length) : data), `LUN ${lun}`)
    }
    const { connections, sessionCount, taskBufferBytes } = await harness.report()
    assert.deepStrictEqual([connections.length, sessionCount, taskBufferBytes], [1, 1, 0])
    assert.deepInclude(connections[0], { state: "full-feature", targetName, discovery: false, portalGroupTag: 1 })
    assert.deepInclude(await harness.drain(2, incarnations[2] ?? 0), { drained: 0, aborted: 0 })
    assert.strictEqual(await session.logout(), 0)
    assert.deepStrictEqual(session.violations, [])
    const opened = await harness.fact(({ _tag }) => _tag === "SessionOpened")
    assert.deepInclude(opened, { targetName, initiatorAddress: "127.0.0.1", tsih: session.login.tsih })
    assert.deepInclude(await harness.fact(({ _tag }) => _tag === "SessionClosed"), { reason: "logout" })
  })
})

describe("a reactor", () => {
  it("opens no bdev without its base, or one that can't be had, and says why", async () => {
    await using harness = await Harness.start()
    const bdev = harness.takeId()
    const open = (definition: Parameters<Harness["openBdev"]>[0]) =>
      harness.request({
        _tag: "OpenBdev",
        bdev,
        definition: { name: "b", spec: definition ?? { _tag: "Error", base: anyBase } },
        base: undefined
      })
    assert.deepInclude(await open({ _tag: "Error", base: anyBase }), { _tag: "Failed", code: "ENODEV" })
    const huge = { _tag: "Null", blockCount: 0, blockSize: 512, physicalBlockSize: 0 } as const
    assert.deepInclude(await open(huge), { _tag: "Failed", code: "EINVAL" })
    // The numbers of what failed mean nothing afterwards.
    harness.putTarget()
    harness.send({ _tag: "InjectFault", bdev, fault: pendingFault })
    harness.mapLun(0, bdev)
    const session = await harness.open({}, [])
    assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: cdb.testUnitReady() })), "5/25/00")
    session.drop()
  })

  it("maps LUNs to running sessions, which learn of it by their other LUNs", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    harness.mapLun(0, await harness.openBdev())
    const session = await harness.open()
    harness.mapLun(4, await harness.openBdev())
    assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: cdb.testUnitReady() })), "6/3f/0e")
    assert.deepStrictEqual(await reportLuns(session), [0, 4])
    assert.strictEqual(outcomeText(await session.command({ lun: 4, cdb: cdb.testUnitReady() })), "6/29/00")
    assert.strictEqual((await inquiry(session, 4))[0], 0)
    session.drop()
  })

  it("exports one bdev by two targets as one disk", async () => {
    await using harness = await Harness.start()
    const bdev = await harness.openBdev()
    harness.putTarget()
    harness.putTarget({ name: "iqn.second", incarnation: 2 })
    harness.mapLun(0, bdev)
    harness.mapLun(7, bdev, "iqn.second")
    const first = await harness.open()
    const second = await harness.open({ targetName: "iqn.second" }, [7])
    const data = makePattern(0, 8, 1, 512)
    await writeBlocks(first, 0, 0, data)
    assert.isTrue(data.equals(await readBlocks(second, 7, 0, 8)))
    const designators = await Promise.all(
      [first.command({ lun: 0, cdb: cdb.inquiryPage(0x83, 255), readBytes: 255 })].concat(
        second.command({ lun: 7, cdb: cdb.inquiryPage(0x83, 255), readBytes: 255 })
      )
    )
    // The logical unit's own designator comes first, and is the same.
    const [one, other] = designators.map(({ data: page }) => page.subarray(4, 8 + (page[7] ?? 0)).toString("hex"))
    assert.strictEqual(one, other)
    first.drop()
    second.drop()
  })

  it("changes what is known of a target without a word to its sessions, and knows incarnations", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    harness.mapLun(0, await harness.openBdev())
    const session = await harness.open()
    harness.putTarget({ ports: [] })
    assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: cdb.testUnitReady() })), "GOOD")
    assert.strictEqual(await refusal(harness.open({ isid: randomIsid() })), 0x0202)
    // A stale deletion is of another incarnation.
    harness.send({ _tag: "DeleteTarget", name: targetName, incarnation: 99 })
    harness.putTarget()
    const again = await harness.open({ isid: randomIsid() })
    again.drop()
    harness.send({ _tag: "DeleteTarget", name: targetName.toUpperCase(), incarnation: 1 })
    assert.strictEqual(await refusal(harness.open()), 0x0203)
    session.drop()
  })

  it("refuses initiators as its groups say, as they are now", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const group = { tag: 1, initiators: ["iqn.friend"], netmasks: ["127.0.0.0/8"] }
    harness.send({ _tag: "PutInitiatorGroup", group })
    assert.strictEqual(await refusal(harness.open({ initiatorName: "iqn.Stranger" }, [])), 0x0202)
    const friend = await harness.open({ initiatorName: "iqn.friend" }, [])
    friend.drop()
    harness.send({ _tag: "DeleteInitiatorGroup", tag: 1 })
    assert.strictEqual(await refusal(harness.open({ initiatorName: "iqn.friend" }, [])), 0x0202)
    const refused = await harness.fact(({ _tag }) => _tag === "LoginRefused")
    const who = { initiatorAddress: "127.0.0.1", initiatorName: "iqn.stranger", targetName }
    assert.deepInclude(refused, { status: 0x0202, ...who })
  })

  it("reinstates a session: the older connection is closed, its commands are gone", async () => {
    await using harness = await Harness.start()
    harness.putTarget()
    const slow = await harness.openHanging()
    harness.mapLun(0, slow)
    const isid = randomIsid()
    const first = await harness.open({ isid }, [0])
    const lost = first.command({ lun: 0, cdb: cdb.read10(0, 8), readBytes: 4096 }).catch((error: Error) => error.name)
    await first.nop()
    const second = await harness.open({ isid }, [])
    assert.strictEqual(await lost, "WireClosed")
    assert.strictEqual((await harness.report()).sessionCount, 1)
    assert.notStrictEqual(second.login.tsih, first.login.tsih)
    harness.send({ _tag: "ResumePending", bdev: slow })
    assert.strictEqual((await harness.report()).taskBufferBytes, 0)
    second.drop()
  })

  it("heeds its options for the logins that follow", async () => {
    await using harness = await Harness.start({ maxSessions: 2 })
    harness.putTarget()
    const sessions = [await harness.open({}, []), await harness.open({}, [])]
    assert.strictEqual(await refusal(harness.open({}, [])), 0x0302)
    const { nodeOptions } = await import("../iscsi/fixture.ts")
    harness.send({ _tag: "SetOptions", options: { ...nodeOptions, maxSessions: 3, immediateData: false } })
    const third = await harness.open({}, [])
    assert.isFalse(third.parameters.immediateData)
    for (const session of [...sessions, third]) session.drop()
  })
})

describe("the end of a reactor", () => {
  it("asks everybody to log out, and does not wait longer than they need", async () => {
    const harness = await Harness.start()
    harness.putTarget()
    harness.mapLun(0, await harness.openBdev())
    const session = await harness.open()
    const ended = harness.shutdown(60_000)
    while (session.asyncMessages.length === 0) await session.nop()
    assert.strictEqual(session.asyncMessages[0]?.header[36], 1)
    assert.strictEqual(await session.logout(), 0)
    await ended
  })

  it("cuts those who stay, hung commands and all, and leaves nothing open", async () => {
    const harness = await Harness.start()
    harness.putTarget()
    harness.mapLun(0, await harness.openHanging())
    harness.mapLun(1, await harness.openBdev(delayed(30_000_000), await harness.openBdev()))
    const session = await harness.open({}, [0, 1])
    const outcomes = [0, 1].map((lun) =>
      session.command({ lun, cdb: cdb.read10(0, 8), readBytes: 4096 }).catch((error: Error) => error.name)
    )
    await session.nop()
    const silent = await harness.plain()
    const silentClosed = new Promise((resolve) => silent.once("close", resolve))
    silent.resume()
    void harness.drain(1, 0)
    await harness.shutdown(50)
    assert.deepStrictEqual(await Promise.all(outcomes), ["WireClosed", "WireClosed"])
    await silentClosed
    const refused = await Session.open({ endpoint: harness.portal, targetName }).catch((error: Error) => error.message)
    assert.match(String(refused), /ECONNREFUSED/)
  })
})
