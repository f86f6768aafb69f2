/** A disk of a cluster that is pulled out and comes back: who was fenced off stays so. */
import { renameSync } from "node:fs"
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { cdb } from "../../support/initiator/commands.ts"
import { OutAction, ReservationType, readKeys, reserveOut } from "../../support/initiator/reservations.ts"
import { attempt, startPlane, until } from "../plane.ts"
import { aio, outcome, untilBack, untilDetached, withFolder } from "./support.ts"

const mebibyte = 1024 * 1024
const key = 0xa1n
const hosts = {
  a: { initiatorName: "iqn.2020-01.org.ex:a", isid: Buffer.from("800000000001", "hex") },
  b: { initiatorName: "iqn.2020-01.org.ex:b", isid: Buffer.from("800000000002", "hex") }
} as const
const conflict = "status 18h"

describe("a reserved disk whose file goes and comes back", () => {
  withFolder("is reserved from its first command on, if that was to outlive a loss of power", (folder) =>
    Effect.gen(function* () {
      const path = folder.file("a.img", mebibyte)
      const plane = yield* startPlane()
      yield* plane.run(aio("A", path))
      yield* plane.guide({ 0: "A" })
      const a = yield* plane.open([0], hosts.a)
      const b = yield* plane.open([0], hosts.b)
      const reserve = { lun: 0, action: OutAction.reserve, key, type: ReservationType.exclusiveAccess }
      for (const aptpl of [true, false]) {
        const register = { lun: 0, action: OutAction.registerAndIgnore, serviceKey: key, aptpl }
        assert.strictEqual(yield* attempt(() => reserveOut(a, register)), "GOOD")
        assert.strictEqual(yield* attempt(() => reserveOut(a, reserve)), "GOOD")
        assert.strictEqual(yield* outcome(b, 0, cdb.read10(0, 1)), conflict)
        renameSync(path, `${path}.away`)
        yield* untilDetached(plane, "A")
        renameSync(`${path}.away`, path)
        yield* untilBack(plane, "A")
        // What comes first is a conflict or a unit attention, never the disk.
        const seen = new Set<string>()
        const settled = aptpl ? conflict : "GOOD"
        yield* until(
          Effect.map(outcome(b, 0, cdb.read10(0, 1)), (status) => {
            seen.add(status)
            return status === settled
          })
        )
        assert.strictEqual(seen.has("GOOD"), !aptpl)
        yield* until(Effect.map(outcome(a, 0, cdb.read10(0, 1)), (status) => status === "GOOD"))
        assert.deepStrictEqual((yield* attempt(() => readKeys(a, 0))).keys, aptpl ? [key] : [])
      }
    })
  )
})
