/** PERSISTENT RESERVE OUT between the data path and who decides: it waits, and gets exactly one answer, or none. */
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { reservationsAskedBurst } from "../../../src/dataplane/limits.ts"
import type { BdevId, ReactorFact, ReservationsAsked } from "../../../src/dataplane/reactor/protocol.ts"
import { workerReactor } from "../../../src/dataplane/reactor/worker-reactor.ts"
import type { ReservationAnswer } from "../../../src/dataplane/scsi/reservations/persistent-reserve-out.ts"
import { nobody } from "../../../src/dataplane/scsi/reservations/ReservationsView.ts"
import { cdb } from "../../support/initiator/commands.ts"
import { OutAction, reserveOut } from "../../support/initiator/reservations.ts"
import { outcomeText } from "../../support/initiator/ScsiTask.ts"
import { type Session, TaskFunction } from "../../support/initiator/Session.ts"
import { Harness } from "./harness.ts"

const isAsked = (fact: ReactorFact): fact is ReservationsAsked => fact._tag === "ReservationsAsked"
const register = (session: Session): Promise<string> =>
  reserveOut(session, { lun: 0, action: OutAction.register, serviceKey: 7n })

let harness: Harness
let session: Session
let bdev: BdevId
let lun: number

beforeEach(async () => {
  harness = await Harness.start()
  bdev = await harness.openBdev()
  harness.putTarget()
  lun = harness.mapLun(0, bdev)
  session = await harness.open()
})
afterEach(async () => {
  assert.deepStrictEqual(session.violations, [])
  session.drop()
  await harness[Symbol.asyncDispose]()
})

const asked = async (count = 1): Promise<ReservationsAsked> => {
  await harness.fact(() => harness.facts.filter(isAsked).length >= count)
  return harness.facts.filter(isAsked)[count - 1] ?? assert.fail("nobody has asked")
}

const answer = (to: ReservationsAsked, what: ReservationAnswer): void =>
  harness.send({ _tag: "AnswerReservations", asked: to.asked, answer: what })

describe("a request", () => {
  it("says who asks for what, and ends as it is answered", async () => {
    const answers: ReadonlyArray<readonly [ReservationAnswer, string]> = [
      ["done", "GOOD"],
      ["conflict", "status 18h"],
      ["busy", "status 08h"],
      ["invalid-release", "5/26/04"],
      ["invalid-parameter", "5/26/00"],
      ["invalid-type", "5/24/00"],
      ["no-resources", "5/55/04"],
      ["unavailable", "5/55/04"],
      ["gone", "5/25/00"]
    ]
    for (const [index, [what, outcome]] of answers.entries()) {
      const registered = register(session)
      const request = await asked(index + 1)
      assert.strictEqual(request.bdev, bdev)
      assert.deepInclude(request.request, { action: OutAction.register, serviceKey: "0000000000000007" })
      assert.strictEqual(request.request.by.isid, session.login.isid.toString("hex"))
      assert.match(request.initiatorAddress, /^127\.0\.0\.1/u)
      answer(request, what)
      assert.strictEqual(await registered, outcome)
      answer(request, "done")
    }
  })

  it("keeps nobody else from working meanwhile", async () => {
    const registered = register(session)
    const request = await asked()
    assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: cdb.read10(0, 1), readBytes: 512 })), "GOOD")
    answer(request, "done")
    assert.strictEqual(await registered, "GOOD")
  })

  it("that is aborted, or whose session ends, has no answer", async () => {
    const aborted = register(session)
    aborted.catch(() => undefined)
    const first = await asked()
    const aborting = session.manageTask(TaskFunction.abortTaskSet, 0)
    await session.nop()
    answer(first, "done")
    assert.strictEqual(await aborting, 0)
    const other = await harness.open({ isid: Buffer.from("800000000099", "hex") })
    const lost = register(other).catch(() => "lost")
    const second = await asked(2)
    other.drop()
    assert.strictEqual(await lost, "lost")
    await harness.fact(({ _tag }) => _tag === "SessionClosed")
    answer(second, "done")
    assert.strictEqual((await harness.report()).taskBufferBytes, 0)
  })

  it("is waited for by the removal of its LUN", async () => {
    const registered = register(session)
    const request = await asked()
    const drained = harness.drain(0, lun)
    await session.nop()
    answer(request, "gone")
    assert.strictEqual(await registered, "5/25/00")
    assert.deepInclude(await drained, { drained: 1, aborted: 0 })
  })

  it("is turned away with BUSY when one port asks too often", async () => {
    for (let count = 1; count <= reservationsAskedBurst; count++) {
      const registered = register(session)
      answer(await asked(count), "done")
      assert.strictEqual(await registered, "GOOD")
    }
    // A few more fit while time goes by.
    let outcome = "GOOD"
    for (let count = reservationsAskedBurst + 1; outcome === "GOOD" && count < 1000; count++) {
      const registered = register(session)
      const next = await Promise.race([registered, asked(count)])
      if (typeof next !== "string") answer(next, "done")
      outcome = await registered
    }
    assert.strictEqual(outcome, "status 08h")
  })
})

describe("in a worker", () => {
  it("requests and reservations cross the boundary", async () => {
    await using other = await Harness.start({}, workerReactor)
    const disk = await other.openBdev()
    other.putTarget()
    other.mapLun(0, disk)
    const initiator = await other.open()
    const registered = register(initiator)
    const fact = await other.fact(isAsked)
    if (!isAsked(fact)) assert.fail()
    const registration = { ...nobody, key: "0000000000000007" }
    const reservations = { generation: 1, persistent: false, registrations: [registration], reservation: { type: 8 } }
    other.send({ _tag: "PutReservations", bdev: disk, reservations, news: [] })
    other.send({ _tag: "AnswerReservations", asked: fact.asked, answer: "done" })
    assert.strictEqual(await registered, "GOOD")
    const read = await initiator.command({ lun: 0, cdb: cdb.read10(0, 1), readBytes: 512 })
    assert.strictEqual(outcomeText(read), "status 18h", "others hold it")
    initiator.drop()
  })
})
