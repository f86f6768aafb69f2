/** Reservations from an initiator through the log and back: durable before they are answered, gone with their LUN. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Scope, Stream } from "effect"
import { BdevName, Incarnation, IscsiName, RelativePortId } from "../../src/domain/ids.ts"
import { findLun, findReservations, findTarget } from "../../src/domain/State.ts"
import { cdb, clearUnitAttentions } from "../support/initiator/commands.ts"
import { OutAction, type OutRequest, ReservationType, readKeys, reserveOut } from "../support/initiator/reservations.ts"
import { outcomeText } from "../support/initiator/ScsiTask.ts"
import type { Session } from "../support/initiator/Session.ts"
import { attempt, createTarget, guideCommands, malloc, type Plane, startPlane, targetName, until } from "./plane.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const key = 0xa1n
const conflict = "status 18h"
const hosts = {
  a: { initiatorName: "iqn.2020-01.org.ex:a", isid: Buffer.from("800000000001", "hex") },
  b: { initiatorName: "iqn.2020-01.org.ex:b", isid: Buffer.from("800000000002", "hex") }
} as const
const elsewhere = `${targetName}-b`

const withDisk = Effect.gen(function* () {
  const plane = yield* startPlane()
  yield* plane.run(malloc("Malloc0"))
  yield* plane.guide({ 0: "Malloc0" })
  return plane
})

const out = (session: Session, action: number, rest: Partial<OutRequest> = {}) =>
  attempt(() => reserveOut(session, { lun: 0, action, ...rest }))

const register = (session: Session, rest: Partial<OutRequest> = {}) =>
  out(session, OutAction.register, { serviceKey: key, ...rest })

const reserve = (session: Session) => out(session, OutAction.reserve, { key, type: ReservationType.exclusiveAccess })

const read = (session: Session) =>
  attempt(async () => outcomeText(await session.command({ lun: 0, cdb: cdb.read10(0, 1), readBytes: 512 })))

const registrations = (plane: Plane) => findReservations(plane.controlPlane.state(), "Malloc0")?.registrations ?? []

describe("a reservation", () => {
  live("is in the log, with who has asked for it, before it is answered", () =>
    Effect.gen(function* () {
      const plane = yield* withDisk
      const a = yield* plane.open([0], hosts.a)
      assert.strictEqual(yield* register(a), "GOOD")
      assert.strictEqual(registrations(plane).length, 1)
      const { seq } = plane.log.durable()
      const [record] = yield* plane.log.read({ from: seq }).pipe(Stream.runCollect)
      assert.strictEqual(record?.type, "ReservationsChanged")
      assert.deepInclude(record?.cause, { source: "initiator", method: "PERSISTENT RESERVE OUT" })
      assert.match(record?.cause.actor ?? "", /^127\.0\.0\.1/u)
    })
  )

  live("that the log does not take is refused, and the disk goes on as it was", () =>
    Effect.gen(function* () {
      const plane = yield* withDisk
      const a = yield* plane.open([0], hosts.a)
      plane.faults.next = (sync) => (sync ? "refuse" : "none")
      // What became of the first is known when the log is back; the second is not taken.
      const first = yield* Effect.forkChild(register(a), { startImmediately: true })
      yield* until(Effect.sync(() => plane.log.unavailable() !== undefined))
      assert.strictEqual(yield* register(a), "5/55/04")
      assert.strictEqual(yield* read(a), "GOOD")
      assert.deepStrictEqual((yield* attempt(() => readKeys(a, 0))).keys, [])
      plane.faults.next = () => "none"
      assert.strictEqual(yield* Fiber.join(first), "5/55/04")
      assert.strictEqual(yield* register(a), "GOOD")
      assert.strictEqual(registrations(plane).length, 1)
    })
  )

  live("is met by sessions of another target, and goes with the LUN that it came by", () =>
    Effect.gen(function* () {
      const plane = yield* withDisk
      yield* plane.run(createTarget({ 0: "Malloc0" }, elsewhere))
      const a = yield* plane.open([0], hosts.a)
      const b = yield* plane.open([], { ...hosts.b, targetName: elsewhere })
      yield* attempt(() => clearUnitAttentions(b, 0))
      assert.deepStrictEqual([yield* register(a), yield* reserve(a), yield* read(b)], ["GOOD", "GOOD", conflict])
      const mapping = findLun(findTarget(plane.controlPlane.state(), targetName) ?? assert.fail(), 0)
      yield* plane.run({ _tag: "RemoveLun", target: targetName, lun: 0 })
      const { incarnation, lun } = mapping ?? assert.fail("no LUN 0")
      const target = findTarget(plane.controlPlane.state(), targetName)?.name ?? assert.fail()
      yield* plane.dataPlane.awaitLunGone(target, lun, incarnation)
      yield* plane.dataPlane.awaitApplied(plane.log.durable().controlSeq)
      assert.strictEqual(yield* read(b), "GOOD")
      assert.deepStrictEqual(registrations(plane), [])
    })
  )

  live("goes when an administrator clears it, and those who had it are told", () =>
    Effect.gen(function* () {
      const plane = yield* withDisk
      const a = yield* plane.open([0], hosts.a)
      const b = yield* plane.open([0], hosts.b)
      assert.deepStrictEqual([yield* register(a), yield* reserve(a), yield* read(b)], ["GOOD", "GOOD", conflict])
      yield* plane.run({ _tag: "ClearReservations", bdev: "Malloc0" })
      assert.deepStrictEqual([yield* read(b), yield* read(a), yield* read(a)], ["GOOD", "6/2a/03", "GOOD"])
    })
  )

  live("from before a start is there when the first initiator comes, if it was to outlive it", () =>
    Effect.gen(function* () {
      const by = {
        initiator: hosts.a.initiatorName,
        isid: hosts.a.isid.toString("hex"),
        target: IscsiName.make(targetName),
        relativePort: RelativePortId.make(1)
      }
      // The epoch is record 1, the disk record 2.
      const disk = { name: BdevName.make("Malloc0"), incarnation: Incarnation.make(2) }
      const none = "0".repeat(16)
      const held = "1".repeat(16)
      const request = { _tag: "ChangeReservations", bdev: disk, by, scope: 0, allTargetPorts: false } as const
      const plane = yield* startPlane({
        before: (port) => [
          malloc("Malloc0"),
          ...guideCommands(port, { 0: "Malloc0" }),
          { ...request, action: "register", key: none, serviceKey: held, type: 0, persistent: true },
          { ...request, action: "reserve", key: held, serviceKey: none, type: 3, persistent: true }
        ]
      })
      yield* until(Effect.map(plane.dataPlane.status, ({ portals }) => portals[0]?.state === "listening"))
      const b = yield* plane.open([0], hosts.b)
      assert.strictEqual(yield* read(b), "6/28/00", "the RAM disk is empty")
      assert.strictEqual(yield* read(b), conflict)
      const a = yield* plane.open([0], hosts.a)
      assert.deepStrictEqual([yield* read(a), yield* read(a)], ["6/28/00", "GOOD"])
    })
  )
})
