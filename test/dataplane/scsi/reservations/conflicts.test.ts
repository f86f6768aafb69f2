/** Who may send what to a unit that is reserved (SPC-4 table 66, SBC-3 table 13, SPC-2 table 10). */
import { assert, beforeEach, describe, it } from "vitest"
import { commandSet } from "../../../../src/dataplane/scsi/command-set.ts"
import { LogicalUnit } from "../../../../src/dataplane/scsi/LogicalUnit.ts"
import type { Nexus } from "../../../../src/dataplane/scsi/Nexus.ts"
import type { Registrant } from "../../../../src/dataplane/scsi/reservations/ReservationsView.ts"
import { SenseCode } from "../../../../src/dataplane/scsi/sense-codes.ts"
import { ramDisk, run, unitOptions } from "../scsi-fixture.ts"

const conflict = "status 18"
const port = (initiator: string): Registrant => ({
  initiator: `iqn.2024-01.test.lunlog:${initiator}`,
  isid: "800000000001",
  target: "iqn.2016-06.io.spdk:disk1",
  relativePort: 1
})

let unit: LogicalUnit
let holder: Nexus
let registrant: Nexus
let other: Nexus

beforeEach(() => {
  unit = new LogicalUnit(ramDisk(), unitOptions)
  const attach = (who: string): Nexus => {
    const nexus = unit.attach(port(who))
    nexus.take(true)
    return nexus
  }
  ;[holder, registrant, other] = [attach("holder"), attach("registrant"), attach("other")]
})

const reserveAs = (type: number): void =>
  unit.reservations.put({
    generation: 2,
    persistent: false,
    registrations: ["holder", "registrant"].map((who) => ({ ...port(who), key: "0000000000000001" })),
    reservation: { type, ...(type >= 7 ? {} : { holder: port("holder") }) }
  })

/** Names of the commands that conflict, whatever else would become of them. */
const conflicting = (nexus: Nexus): ReadonlyArray<string> =>
  commandSet
    .filter(({ opcode, serviceAction = 0, usage }) => {
      const cdb = Buffer.alloc(Buffer.from(usage.replaceAll(" ", ""), "hex").length)
      cdb[0] = opcode
      cdb[1] = serviceAction
      return run(cdb, nexus).result === conflict
    })
    .map(({ name }) => name)

const reads = /^(READ\(|VERIFY|PRE-FETCH|GET LBA|READ DEFECT|MODE SENSE|RECEIVE DIAGNOSTIC)/u
const writes = /^(WRITE|SYNCHRONIZE|MODE SELECT|LOG SELECT|UNMAP|ORWRITE|COMPARE AND|START STOP|SANITIZE|SEND DIAG)/u
const copies = /^(EXTENDED COPY|RECEIVE COPY)/u
const ofSet = (...patterns: ReadonlyArray<RegExp>): ReadonlyArray<string> =>
  commandSet.map(({ name }) => name).filter((name) => patterns.some((pattern) => pattern.test(name)))

describe("a persistent reservation", () => {
  it.each([
    [1, [], ofSet(writes, copies), ofSet(writes, copies)],
    [3, [], ofSet(reads, writes, copies), ofSet(reads, writes, copies)],
    [5, [], [], ofSet(writes, copies)],
    [6, [], [], ofSet(reads, writes, copies)],
    [7, [], [], ofSet(writes, copies)],
    [8, [], [], ofSet(reads, writes, copies)]
  ])("of type %i keeps each from what SPC-4 and SBC-3 say", (type, ofHolder, ofRegistrant, ofOther) => {
    reserveAs(type)
    assert.deepStrictEqual(conflicting(holder), ofHolder)
    // With CRH, who may not use the unit gets no RESERVE, either.
    const reserve6 = ["RESERVE(6)", "RELEASE(6)", "RESERVE(10)", "RELEASE(10)"]
    const expected = (names: ReadonlyArray<string>) => (names.length === 0 ? [] : [...names, ...reserve6].sort())
    assert.deepStrictEqual([...conflicting(registrant)].sort(), expected(ofRegistrant))
    assert.deepStrictEqual([...conflicting(other)].sort(), expected(ofOther))
  })

  it("leaves everyone to start a disk and to allow its removal", () => {
    reserveAs(3)
    assert.strictEqual(run("1b 00 00 00 01 00", other).result, "good")
    assert.strictEqual(run("1b 00 00 00 00 00", other).result, conflict)
    assert.notStrictEqual(run("1e 00 00 00 00 00", other).result, conflict)
    assert.strictEqual(run("1e 00 00 00 01 00", other).result, conflict)
  })

  it("comes after a unit attention, which is told first", () => {
    reserveAs(3)
    other.establish(SenseCode.reservationsPreempted)
    assert.deepStrictEqual(
      [run("28 00 00000000 00 0001 00", other).result, run("28 00 00000000 00 0001 00", other).result],
      ["6/2a/03", conflict]
    )
  })

  it("meets a nexus that comes later, by its name", () => {
    reserveAs(6)
    const again = unit.attach(port("registrant"))
    const stranger = unit.attach(port("stranger"))
    for (const nexus of [again, stranger]) nexus.take(true)
    const read = "28 00 00000000 00 0001 00"
    assert.deepStrictEqual([run(read, again).result, run(read, stranger).result], ["good", conflict])
  })
})

describe("RESERVE", () => {
  const usable = [
    "REQUEST SENSE",
    "INQUIRY",
    "REPORT LUNS",
    "RELEASE(6)",
    "RELEASE(10)",
    "PREVENT ALLOW MEDIUM REMOVAL"
  ]

  it("leaves others INQUIRY, REQUEST SENSE, REPORT LUNS, and what gives back", () => {
    assert.strictEqual(run("16 00 00 00 00 00", holder).result, "good")
    const left = commandSet.map(({ name }) => name).filter((name) => !conflicting(other).includes(name))
    assert.deepStrictEqual([...left].sort(), [...usable].sort())
    assert.strictEqual(run("17 00 00 00 00 00", other).result, "good", "which releases nothing")
    assert.strictEqual(run("28 00 00000000 00 0001 00", other).result, conflict)
    assert.strictEqual(run("28 00 00000000 00 0001 00", holder).result, "good")
  })

  it.each([
    ["RELEASE(6)", () => void run("17 00 00 00 00 00", holder)],
    ["RELEASE(10)", () => void run("57 00 00 00 00 00 00 00 00 00", holder)],
    ["the end of its nexus", () => holder.detach()],
    ["a reset", () => unit.reset(SenseCode.busDeviceResetFunctionOccurred)]
  ])("ends with %s", (_what, end) => {
    assert.strictEqual(run("56 00 00 00 00 00 00 00 00 00", holder).result, "good")
    end()
    other.take(true)
    assert.strictEqual(run("28 00 00000000 00 0001 00", other).result, "good")
  })

  it.each([
    ["16 10 00 00 00 00", "5/24/00"],
    ["16 01 00 00 00 00", "5/24/00"],
    ["16 00 00 00 08 00", "5/24/00"],
    ["56 10 00 00 00 00 00 00 00 00", "5/24/00"],
    ["56 02 00 00 00 00 00 00 00 00", "5/24/00"],
    ["57 01 00 00 00 00 00 00 00 00", "5/24/00"]
  ])("for third parties and extents is refused: %s", (cdb, result) => {
    assert.strictEqual(run(cdb, holder).result, result)
    assert.strictEqual(run("28 00 00000000 00 0001 00", other).result, "good")
  })
})
