/**
 * Persistent reservations of a real server by two initiators of the script: what the tests of libiscsi do not do.
 * Two targets export one disk, so that it is one unit with several ports.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, beforeEach, describe, it } from "vitest"
import { lunlogHere } from "../cli/in-process.ts"
import { cdb, clearUnitAttentions } from "../support/initiator/commands.ts"
import { asLunlog, type Lunlog, nodeBase, startLunlog } from "../support/initiator/lunlog.ts"
import {
  OutAction,
  type OutRequest,
  ReservationType,
  readFullStatus,
  readKeys,
  readReservation,
  reserveIn,
  reserveOut,
  transportId
} from "../support/initiator/reservations.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { type Session, TaskFunction } from "../support/initiator/Session.ts"
import { startTarget } from "../support/target-process.ts"

const targetA = `${nodeBase}:shared-a`
const targetB = `${nodeBase}:shared-b`
const hostA = { name: "iqn.2024-01.test.lunlog:a", isid: "800000000001" }
const hostB = { name: "iqn.2024-01.test.lunlog:b", isid: "800000000002" }
type Host = typeof hostA
const keyA = 0xa1n
const keyB = 0xb2n
const conflict = "status 18h"
const { register, reserve } = OutAction

let lunlog: Lunlog
let a: Session
let b: Session

const open = (host: Host, target = targetA): Promise<Session> =>
  lunlog.open(target, { initiatorName: host.name, isid: Buffer.from(host.isid, "hex") }, 0)

const out = (session: Session, action: number, rest: Partial<OutRequest> = {}): Promise<string> =>
  reserveOut(session, { lun: 0, action, ...rest })

const goods = async (...requests: ReadonlyArray<Promise<string>>): Promise<void> =>
  assert.deepStrictEqual(
    await Promise.all(requests),
    requests.map(() => "GOOD")
  )

const read = async (session: Session): Promise<string> =>
  outcomeText(await session.command({ lun: 0, cdb: cdb.read10(0, 1), readBytes: 512 }))
const write = async (session: Session): Promise<string> =>
  outcomeText(await session.command({ lun: 0, cdb: cdb.write10(0, 1), writeData: Buffer.alloc(512) }))

const port = (host: Host): string => `${host.name},i,0x${host.isid}`

const directory = mkdtempSync(join(tmpdir(), "lunlog-reservations-"))

beforeAll(async () => {
  lunlog = await startLunlog({ directory })
  await lunlog.createMalloc("Shared", 4)
  for (const name of [targetA, targetB]) await lunlog.createTarget({ name, luns: { 0: "Shared" } })
})
afterAll(async () => {
  await lunlog[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

beforeEach(async () => {
  await lunlog.call("lunlog_reservations_clear", { name: "Shared" })
  a?.drop()
  b?.drop()
  a = await open(hostA)
  b = await open(hostB)
  return () => assert.deepStrictEqual([...a.violations, ...b.violations], [])
})

describe("a registration", () => {
  it("belongs to the initiator port: it outlives logout, reinstatement and resets", async () => {
    await goods(out(a, register, { serviceKey: keyA }))
    await goods(out(a, reserve, { key: keyA, type: ReservationType.writeExclusive }))
    await a.logout()
    assert.strictEqual(await write(b), conflict)
    a = await open(hostA)
    assert.strictEqual(await write(a), "GOOD")
    const before = a
    a = await open(hostA)
    assert.strictEqual(await write(a), "GOOD")
    before.drop()
    assert.strictEqual(await b.manageTask(TaskFunction.logicalUnitReset, 0), 0)
    await clearUnitAttentions(a, 0)
    await clearUnitAttentions(b, 0)
    assert.strictEqual(await write(b), conflict)
    assert.deepStrictEqual(await readReservation(b, 0), { key: keyA, type: ReservationType.writeExclusive })
  })

  it("is of one port: another ISID, and another target, are others", async () => {
    await goods(out(a, register, { serviceKey: keyA }))
    await goods(out(a, reserve, { key: keyA, type: ReservationType.exclusiveAccess }))
    const otherIsid = await open({ ...hostA, isid: "800000000009" })
    const otherTarget = await open(hostA, targetB)
    for (const other of [otherIsid, otherTarget]) {
      assert.strictEqual(await read(other), conflict)
      assert.strictEqual(outcomeText(await other.command({ lun: 0, cdb: cdb.testUnitReady() })), "GOOD")
      assert.strictEqual(await out(other, reserve, { key: keyA, type: 1 }), conflict)
      other.drop()
    }
  })

  it("of other ports comes by TransportID, with an ISID or for every port that is known", async () => {
    const ids = [transportId(hostB.name), transportId("iqn.2024-01.test.lunlog:c", "00023D000007")]
    await goods(out(a, register, { serviceKey: keyA, transportIds: ids }))
    assert.deepStrictEqual(await readFullStatus(b, 0), [
      `${port(hostA)} 1 ${keyA}`,
      `${port(hostB)} 1 ${keyA}`,
      `iqn.2024-01.test.lunlog:c,i,0x00023d000007 1 ${keyA}`
    ])
    assert.strictEqual(await out(a, register, { key: keyA, serviceKey: keyB, transportIds: ids }), "5/26/00")
    assert.strictEqual(await out(b, OutAction.registerAndIgnore, { serviceKey: keyB, transportIds: ids }), "5/26/00")
  })
})

describe("REGISTER AND MOVE", () => {
  const to = (host: Host, relativePort = 1, unregister = false) => ({
    moveTo: { transportId: transportId(host.name, host.isid), relativePort, unregister }
  })

  it("hands the reservation on", async () => {
    await goods(out(a, register, { serviceKey: keyA }))
    await goods(out(a, reserve, { key: keyA, type: ReservationType.exclusiveAccess }))
    assert.strictEqual(await read(b), conflict)
    await goods(out(a, OutAction.registerAndMove, { key: keyA, serviceKey: keyB, ...to(hostB, 1, true) }))
    assert.deepStrictEqual(await readFullStatus(b, 0), [`${port(hostB)} 1 ${keyB} holds 3`])
    assert.strictEqual(await read(b), "GOOD")
    assert.strictEqual(await read(a), conflict)
  })

  it("is refused for oneself, for ports that are not there, and without a reservation", async () => {
    await goods(out(a, register, { serviceKey: keyA }))
    const move = (rest: Partial<OutRequest>) =>
      out(a, OutAction.registerAndMove, { key: keyA, serviceKey: keyB, ...rest })
    assert.strictEqual(await move(to(hostB)), conflict)
    await goods(out(a, reserve, { key: keyA, type: ReservationType.writeExclusive }))
    assert.strictEqual(await move(to(hostA)), "5/26/00")
    assert.strictEqual(await move(to(hostB, 77)), "5/26/00")
    assert.strictEqual(await move({ ...to(hostB), serviceKey: 0n }), "5/26/00")
    assert.strictEqual(
      await move({ moveTo: { transportId: transportId(hostB.name), relativePort: 1 } }),
      "5/26/00",
      "a name without an ISID names no one port"
    )
    assert.deepStrictEqual(await readKeys(a, 0).then(({ keys }) => keys), [keyA])
  })
})

describe("unit attentions", () => {
  const news = async (session: Session): Promise<ReadonlyArray<string>> => clearUnitAttentions(session, 0)

  it("tell of CLEAR, of a preempted registration, and of a release, whom they concern", async () => {
    await goods(out(a, register, { serviceKey: keyA }))
    await goods(out(b, register, { serviceKey: keyB }))
    await goods(out(a, reserve, { key: keyA, type: ReservationType.writeExclusiveRegistrants }))
    await goods(out(a, OutAction.release, { key: keyA, type: ReservationType.writeExclusiveRegistrants }))
    assert.deepStrictEqual([await news(a), await news(b)], [[], ["6/2a/04"]])
    await goods(out(a, OutAction.preempt, { key: keyA, serviceKey: keyB, type: 1 }))
    assert.deepStrictEqual([await news(a), await news(b)], [[], ["6/2a/05"]])
    await goods(out(b, register, { serviceKey: keyB }))
    await goods(out(b, OutAction.clear, { key: keyB }))
    assert.deepStrictEqual([await news(a), await news(b)], [["6/2a/03"], []])
    await goods(out(a, register, { serviceKey: keyA }))
    await lunlog.call("lunlog_reservations_clear", { name: "Shared" })
    assert.deepStrictEqual([await news(a), await news(b)], [["6/2a/03"], []])
  })
})

describe("all registrants", () => {
  it("hold it until the last one is gone; key 0 preempts all of them", async () => {
    const type = ReservationType.exclusiveAccessAll
    await goods(out(a, register, { serviceKey: keyA }))
    await goods(out(b, register, { serviceKey: keyB }))
    await goods(out(a, reserve, { key: keyA, type }), out(b, reserve, { key: keyB, type }))
    assert.deepStrictEqual(await readReservation(a, 0), { key: 0n, type })
    await goods(out(a, register, { key: keyA }))
    assert.strictEqual(await read(a), conflict)
    assert.strictEqual(await read(b), "GOOD")
    await goods(out(a, register, { serviceKey: keyA }))
    await goods(out(a, OutAction.preempt, { key: keyA, type: ReservationType.writeExclusive }))
    assert.deepStrictEqual(await readFullStatus(a, 0), [`${port(hostA)} 1 ${keyA} holds 1`])
    await clearUnitAttentions(b, 0)
    assert.deepStrictEqual([await read(b), await write(b)], ["GOOD", conflict])
  })
})

describe("PREEMPT AND ABORT", () => {
  it("aborts what the preempted have under way, and nothing of others", async () => {
    await lunlog.createMalloc("HungBase", 4)
    await lunlog.call("bdev_error_create", { base_name: "HungBase" })
    await lunlog.call("iscsi_target_node_add_lun", { name: targetA, bdev_name: "EE_HungBase", lun_id: 5 })
    await clearUnitAttentions(a, 5)
    await clearUnitAttentions(b, 5)
    const at5 = { lun: 5 }
    await goods(out(a, register, { ...at5, serviceKey: keyA }), out(b, register, { ...at5, serviceKey: keyB }))
    const injection = { name: "EE_HungBase", io_type: "all", error_type: "pending", num: 2 }
    await lunlog.call("bdev_error_inject_error", injection)
    const ownRead = a.command({ lun: 5, cdb: cdb.read10(0, 1), readBytes: 512 })
    const lost = b.command({ lun: 5, cdb: cdb.read10(8, 1), readBytes: 512, waitMillis: 60_000 })
    const isLost = lost.then(
      () => false,
      () => true
    )
    // Each is behind a read of its connection: these are at the disk.
    for (const session of [a, b]) assert.deepStrictEqual(await clearUnitAttentions(session, 5), [])
    const preempting = out(a, OutAction.preemptAndAbort, { ...at5, key: keyA, serviceKey: keyB, type: 1 })
    let told: ReadonlyArray<string> = []
    while (told.length === 0) told = await clearUnitAttentions(b, 5)
    assert.deepStrictEqual([...told].sort(), ["6/2a/05", "6/2f/00"])
    await lunlog.call("bdev_error_resume_pending", { name: "EE_HungBase" })
    assert.strictEqual(await preempting, "GOOD")
    assert.strictEqual(outcomeText(await ownRead), "GOOD")
    assert.deepStrictEqual((await readKeys(a, 5)).keys, [keyA])
    b.drop()
    assert.isTrue(await isLost)
  })
})

describe("a parameter list that is wrong", () => {
  it("is refused before anything is done", async () => {
    assert.strictEqual(await out(a, register, { serviceKey: keyA, listLength: 20 }), "5/1a/00")
    assert.strictEqual(await out(a, register, { serviceKey: keyA, listLength: 4096 }), "5/1a/00")
    assert.strictEqual(await out(a, register, { serviceKey: keyA, transportIds: [Buffer.alloc(24)] }), "5/26/00")
    assert.strictEqual(await out(a, reserve, { scope: 1, type: 1 }), conflict)
    await goods(out(a, register, { serviceKey: keyA }))
    assert.strictEqual(await out(a, reserve, { key: keyA, type: 2 }), "5/24/00")
    assert.strictEqual(await out(a, reserve, { key: keyA, scope: 1, type: 1 }), "5/24/00")
    assert.strictEqual(await out(a, 8, {}), "5/24/00")
    await goods(out(a, reserve, { key: keyA, type: 1 }))
    assert.strictEqual(await out(a, OutAction.release, { key: keyA, type: 3 }), "5/26/04")
    assert.deepStrictEqual((await readKeys(b, 0)).keys, [keyA])
  })

  it("shows its length whole where there is no room for the data", async () => {
    await goods(out(a, register, { serviceKey: keyA }))
    const cut = await reserveIn(a, 0, 3, 12)
    assert.strictEqual(cut.length, 12)
    assert.isAbove(cut.readUInt32BE(4), 24)
  })
})

describe("RESERVE(6)", () => {
  const six = async (session: Session, opcode: number): Promise<string> =>
    outcomeText(await session.command({ lun: 0, cdb: Buffer.from([opcode, 0, 0, 0, 0, 0]) }))
  const [reserve6, release6] = [0x16, 0x17]

  it("is a session's own, and ends with it", async () => {
    await goods(six(a, reserve6))
    assert.deepStrictEqual(
      [await read(b), await six(b, reserve6), await six(b, release6)],
      [conflict, conflict, "GOOD"]
    )
    assert.strictEqual(await out(a, register, { serviceKey: keyA }), conflict)
    await a.logout()
    assert.strictEqual(await read(b), "GOOD")
  })

  it("does nothing beside persistent reservations, and says so to those who may not use the disk", async () => {
    await goods(out(a, register, { serviceKey: keyA }))
    assert.strictEqual(await six(a, reserve6), conflict)
    await goods(out(a, reserve, { key: keyA, type: ReservationType.exclusiveAccess }))
    assert.deepStrictEqual([await six(a, reserve6), await six(b, reserve6)], ["GOOD", conflict])
    await goods(out(a, OutAction.clear, { key: keyA }))
    assert.strictEqual(await read(b), "GOOD", "the RESERVE of before has reserved nothing")
  })
})

describe("people", () => {
  const run = (...args: ReadonlyArray<string>) => lunlogHere(...args, "-r", lunlog.process.socketPath)

  it("see who has reserved a disk, and why a LUN is as it is", async () => {
    assert.match((await run("reservation", "list", "Shared")).stdout, /nobody is registered/u)
    await goods(out(a, register, { serviceKey: keyA, aptpl: true }))
    await goods(out(a, reserve, { key: keyA, type: ReservationType.writeExclusive }))
    const { stdout } = await run("reservation", "list", "Shared")
    const row = [`Shared`, hostA.name, hostA.isid, targetA, "1", "0xa1", "write exclusive", "yes"].join(" +")
    assert.match(stdout, new RegExp(row, "u"))
    assert.include((await run("log", "why", `${targetA}:0`)).stdout, `${hostA.name} has reserved it: write exclusive`)
    assert.match((await run("reservation", "list", "Nothing")).failure ?? "", /does not exist/u)
  })

  it("clear it knowingly", async () => {
    await goods(out(a, register, { serviceKey: keyA }))
    const { failure = "" } = await run("reservation", "clear", "Shared")
    assert.match(failure, /every initiator write to Shared again/u)
    assert.include(failure, hostA.name)
    assert.deepStrictEqual((await readKeys(b, 0)).keys, [keyA])
    assert.match((await run("reservation", "clear", "Shared", "--force")).stdout, /1 registration of Shared cleared/u)
    assert.deepStrictEqual((await readKeys(b, 0)).keys, [])
  })
})

describe("the end of the server", () => {
  it("by SIGKILL leaves what APTPL was asked for, and nothing else", async () => {
    const { process } = lunlog
    await goods(out(a, register, { serviceKey: keyA, aptpl: true }))
    await goods(out(a, reserve, { key: keyA, type: ReservationType.exclusiveAccess }))
    await lunlog.createMalloc("Other", 4)
    await lunlog.call("iscsi_target_node_add_lun", { name: targetA, bdev_name: "Other", lun_id: 6 })
    await clearUnitAttentions(b, 6)
    await goods(out(b, register, { lun: 6, serviceKey: keyB }))
    await process.kill()
    a.drop()
    b.drop()
    lunlog = asLunlog(await startTarget({ directory, stateMode: "resume" }), lunlog.endpoint)
    b = await open(hostB)
    a = await open(hostA)
    assert.deepStrictEqual(await readFullStatus(b, 0), [`${port(hostA)} 1 ${keyA} holds 3`])
    assert.strictEqual((await readKeys(b, 0)).generation, 0)
    // The content of the RAM disk is gone, which every command that uses it is told first.
    for (const session of [a, b]) assert.strictEqual(await read(session), "6/28/00")
    assert.deepStrictEqual([await read(b), await write(a)], [conflict, "GOOD"])
    await clearUnitAttentions(b, 6)
    assert.deepStrictEqual((await readKeys(b, 6)).keys, [])
  })
})
