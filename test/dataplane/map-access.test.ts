/**
 * What a map narrows, as its initiators see it: the LUNs in REPORT LUNS, everything at a LUN that is not shown, the WP
 * bit and writes; at the login, and when it changes under a session.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { CommandOf } from "../../src/domain/Command.ts"
import { findBdev } from "../../src/domain/State.ts"
import { cdb, readBlocks, reportLuns, writeBlocks } from "../support/initiator/commands.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import { type Session, TaskFunction } from "../support/initiator/Session.ts"
import {
  attempt,
  createBdev,
  createTarget,
  hang,
  malloc,
  type Plane,
  portalGroup,
  startPlane,
  targetName
} from "./plane.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const reader = "iqn.2020-01.org.ex:reader"
const writer = "iqn.2020-01.org.ex:writer"

type Access = Pick<CommandOf<"SetTargetNodeMapAccess">, "luns" | "readOnly">

/** Initiator group 1 is for the reader, 2 for everybody else; LUNs 0 to 2 are RAM disks. */
const withTwoMaps = (access: Access) =>
  Effect.gen(function* () {
    const plane = yield* startPlane()
    for (const name of ["Malloc0", "Malloc1", "Malloc2"]) yield* plane.run(malloc(name))
    yield* plane.run(portalGroup(1, ["127.0.0.1", plane.port]))
    yield* plane.run({ _tag: "CreateInitiatorGroup", tag: 1, initiators: [reader], netmasks: ["ANY"] })
    yield* plane.run({ _tag: "CreateInitiatorGroup", tag: 2, initiators: ["ANY"], netmasks: ["ANY"] })
    const maps = [
      { portalGroup: 1, initiatorGroup: 1, ...access },
      { portalGroup: 1, initiatorGroup: 2 }
    ]
    yield* plane.run({ ...createTarget({ 0: "Malloc0", 1: "Malloc1", 2: "Malloc2" }), maps })
    return plane
  })

const setAccess = (plane: Plane, access: Access) =>
  plane.run({ _tag: "SetTargetNodeMapAccess", target: targetName, portalGroup: 1, initiatorGroup: 1, ...access })

const outcome = (session: Session, lun: number, command: Buffer, readBytes?: number) =>
  Effect.map(
    attempt(() => session.command({ lun, cdb: command, ...(readBytes === undefined ? {} : { readBytes }) })),
    outcomeText
  )

const ready = (session: Session, lun: number) => outcome(session, lun, cdb.testUnitReady())

/** Peripheral qualifier and device type. */
const peripheral = (session: Session, lun: number) =>
  Effect.map(
    attempt(() => session.command({ lun, cdb: cdb.inquiry(36), readBytes: 36 })),
    ({ data }) => data[0]
  )

/** The DEVICE-SPECIFIC PARAMETER of MODE SENSE(6), as Linux reads it: all pages. */
const modeFlags = (session: Session, lun: number) =>
  Effect.map(
    attempt(() => session.command({ lun, cdb: Buffer.from([0x1a, 0, 0x3f, 0, 192, 0]), readBytes: 192 })),
    ({ data }) => data[2]
  )

const allWrites: ReadonlyArray<readonly [string, Buffer]> = [
  ["WRITE(6)", Buffer.from([0x0a, 0, 0, 0, 1, 0])],
  ["WRITE(10)", cdb.write10(0, 1)],
  ["WRITE(12)", Buffer.from([0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0])],
  ["WRITE(16)", cdb.write16(0, 1)]
]

describe("a map of some LUNs", () => {
  live("shows only those, and the others do not exist", () =>
    Effect.gen(function* () {
      const plane = yield* withTwoMaps({ luns: [1, 9] })
      const narrowed = yield* plane.open([1], { initiatorName: reader })
      const whole = yield* plane.open([0, 1, 2], { initiatorName: writer })
      // LUN 0 answers REPORT LUNS although it is not among them, as does the well-known unit.
      assert.deepStrictEqual(yield* attempt(() => reportLuns(narrowed, 0)), [1])
      assert.deepStrictEqual(yield* attempt(() => reportLuns(whole, 0)), [0, 1, 2])
      assert.strictEqual(yield* peripheral(narrowed, 0), 0x7f)
      assert.strictEqual(yield* peripheral(narrowed, 1), 0x00)
      for (const lun of [0, 2, 9]) {
        assert.strictEqual(yield* ready(narrowed, lun), "5/25/00")
        assert.strictEqual(yield* outcome(narrowed, lun, cdb.read10(0, 1), 512), "5/25/00")
        const reset = yield* attempt(() => narrowed.manageTask(TaskFunction.logicalUnitReset, lun))
        assert.strictEqual(reset, 2)
      }
      yield* attempt(() => writeBlocks(narrowed, 1, 0, Buffer.alloc(512, 1)))
      assert.deepStrictEqual([...narrowed.violations, ...whole.violations], [])
    })
  )

  live("tells its own sessions of changes, in the LUNs that they see", () =>
    Effect.gen(function* () {
      const plane = yield* withTwoMaps({ luns: [0, 1] })
      const narrowed = yield* plane.open([0, 1], { initiatorName: reader })
      const whole = yield* plane.open([0, 1, 2], { initiatorName: writer })
      yield* plane.run(malloc("Malloc3"))
      yield* plane.run({ _tag: "AddLun", target: targetName, bdev: "Malloc3", lun: 3 })
      assert.strictEqual(yield* ready(narrowed, 0), "GOOD")
      assert.strictEqual(yield* ready(whole, 0), "6/3f/0e")
      yield* attempt(() => reportLuns(whole))
      yield* setAccess(plane, { luns: [0, 3] })
      assert.strictEqual(yield* ready(narrowed, 1), "5/25/00")
      assert.strictEqual(yield* ready(narrowed, 0), "6/3f/0e")
      assert.deepStrictEqual(yield* attempt(() => reportLuns(narrowed)), [0, 3])
      assert.strictEqual(yield* ready(narrowed, 3), "6/29/00")
      assert.strictEqual(yield* ready(whole, 1), "GOOD")
      yield* setAccess(plane, {})
      assert.strictEqual(yield* ready(narrowed, 0), "6/3f/0e")
      assert.deepStrictEqual(yield* attempt(() => reportLuns(narrowed)), [0, 1, 2, 3])
      assert.strictEqual(yield* ready(narrowed, 1), "6/29/00")
      assert.strictEqual(yield* ready(narrowed, 1), "GOOD")
      assert.deepStrictEqual(narrowed.violations, [])
    })
  )

  live("lets commands end that were begun before it was narrowed", () =>
    Effect.gen(function* () {
      const plane = yield* withTwoMaps({})
      yield* plane.run(createBdev("EE_Malloc2", { _tag: "Error", base: "Malloc2" }))
      yield* plane.run({ _tag: "AddLun", target: targetName, bdev: "EE_Malloc2", lun: 4 })
      const session = yield* plane.open([0, 1, 4], { initiatorName: reader })
      yield* hang(plane, "EE_Malloc2")
      const read = session.command({ lun: 4, cdb: cdb.read10(0, 1), readBytes: 512 }).then(outcomeText)
      const asked = Promise.withResolvers<() => void>()
      const written = session.command({
        lun: 1,
        cdb: cdb.write10(0, 128),
        writeData: Buffer.alloc(64 * 1024, 0xab),
        onR2t: (_, answer) => asked.resolve(answer)
      })
      const sendRest = yield* attempt(() => asked.promise)
      yield* setAccess(plane, { luns: [0], readOnly: true })
      sendRest()
      assert.strictEqual(outcomeText(yield* attempt(() => written)), "GOOD")
      const { incarnation, name } = findBdev(plane.controlPlane.state(), "EE_Malloc2") ?? assert.fail()
      yield* plane.dataPlane.resumePendingBdevIo(name, incarnation)
      assert.strictEqual(yield* attempt(() => read), "GOOD")
      assert.strictEqual(yield* ready(session, 4), "5/25/00")
      yield* setAccess(plane, {})
      assert.strictEqual(yield* ready(session, 1), "6/29/00")
      const block = yield* attempt(() => readBlocks(session, 1, 127, 1))
      assert.isTrue(block.equals(Buffer.alloc(512, 0xab)))
      assert.deepStrictEqual(session.violations, [])
    })
  )
})

describe("a map without the right to write", () => {
  live("shows write protection, and refuses every write", () =>
    Effect.gen(function* () {
      const plane = yield* withTwoMaps({ readOnly: true })
      const session = yield* plane.open([0, 1], { initiatorName: reader })
      const other = yield* plane.open([0, 1], { initiatorName: writer })
      assert.strictEqual(((yield* modeFlags(session, 0)) ?? 0) & 0x80, 0x80)
      assert.strictEqual(((yield* modeFlags(other, 0)) ?? 0) & 0x80, 0)
      yield* attempt(() => writeBlocks(other, 0, 0, Buffer.alloc(512, 7)))
      for (const [name, command] of allWrites) {
        const writeData = Buffer.alloc(512, 1)
        const result = yield* attempt(() => session.command({ lun: 0, cdb: command, writeData }))
        assert.strictEqual(outcomeText(result), "7/27/00", name)
      }
      assert.strictEqual((yield* attempt(() => readBlocks(session, 0, 0, 1)))[0], 7)
      assert.strictEqual(yield* outcome(session, 0, Buffer.from([0x35, ...new Array<number>(9).fill(0)])), "GOOD")
      assert.deepStrictEqual([...session.violations, ...other.violations], [])
    })
  )

  live("is taken back and given again under a session, which is told", () =>
    Effect.gen(function* () {
      const plane = yield* withTwoMaps({})
      const session = yield* plane.open([0], { initiatorName: reader })
      yield* setAccess(plane, { readOnly: true })
      assert.strictEqual(yield* ready(session, 0), "6/2a/01")
      assert.strictEqual(((yield* modeFlags(session, 0)) ?? 0) & 0x80, 0x80)
      // A path that is opened from now on is protected too.
      assert.strictEqual(yield* ready(session, 1), "6/29/00")
      const write = () => session.command({ lun: 1, cdb: cdb.write10(0, 1), writeData: Buffer.alloc(512) })
      assert.strictEqual(outcomeText(yield* attempt(write)), "7/27/00")
      yield* setAccess(plane, {})
      assert.strictEqual(yield* ready(session, 1), "6/2a/01")
      assert.strictEqual(outcomeText(yield* attempt(write)), "GOOD")
    })
  )
})

describe("a session", () => {
  live("keeps what it has when its map goes, and has the new one's when it comes back", () =>
    Effect.gen(function* () {
      const plane = yield* withTwoMaps({ luns: [1] })
      const session = yield* plane.open([1], { initiatorName: reader })
      const maps = [{ portalGroup: 1, initiatorGroup: 1 }]
      yield* plane.run({ _tag: "RemovePgIgMaps", target: targetName, maps })
      assert.deepStrictEqual(yield* attempt(() => reportLuns(session)), [1])
      const later = yield* plane.open([0], { initiatorName: reader })
      assert.deepStrictEqual(yield* attempt(() => reportLuns(later)), [0, 1, 2], "group 2 lets it in now")
      yield* plane.run({
        _tag: "AddPgIgMaps",
        target: targetName,
        maps: [{ portalGroup: 1, initiatorGroup: 1, luns: [2] }]
      })
      assert.deepStrictEqual(yield* attempt(() => reportLuns(session)), [2])
      assert.deepStrictEqual(yield* attempt(() => reportLuns(later)), [0, 1, 2])
    })
  )
})
