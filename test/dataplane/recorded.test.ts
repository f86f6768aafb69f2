/** What the log has of portals, disks and slow IO, with what led to it: the real planes, and a real initiator. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema, type Scope } from "effect"
import { Observation } from "../../src/domain/observation/Observation.ts"
import { findBdev, findPortalGroup } from "../../src/domain/State.ts"
import { cdb, readBlocks } from "../support/initiator/commands.ts"
import { freePort } from "../support/target-process.ts"
import {
  attempt,
  createBdev,
  guideCommands,
  lunOf,
  malloc,
  portalGroup,
  recordsOf,
  startPlane,
  until
} from "./plane.ts"

const live = (name: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) => it.live(name, run)

const listening = (port: number): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer().listen(port, "127.0.0.1", () => resolve(server))
  })

/** As the readers of the log know them. */
const decode = Schema.decodeUnknownOption(Observation)

/** The first record of a type, once it is there; it must be one that the log's readers know. */
const recordOf = (plane: Parameters<typeof recordsOf>[0], type: string, number = 0) =>
  Effect.gen(function* () {
    yield* until(Effect.map(recordsOf(plane, type), ({ length }) => length > number))
    const record = (yield* recordsOf(plane, type))[number]
    if (record === undefined) return yield* Effect.fail(new Error(`no ${type}`))
    assert.isTrue(
      Option.isSome(decode({ ...Object(record.payload), _tag: record.type })),
      JSON.stringify(record.payload)
    )
    return record
  })

describe("the log", () => {
  live("has a portal that cannot be had, that it can after all, and that it is closed", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(() => freePort())
      const server = yield* Effect.promise(() => listening(port))
      const plane = yield* startPlane({ before: () => [portalGroup(7, ["127.0.0.1", port])] })
      const created = findPortalGroup(plane.controlPlane.state(), 7)?.incarnation
      const portal = { host: "127.0.0.1", port, portalGroupTag: 7 }
      const failed = yield* recordOf(plane, "PortalFailed")
      assert.deepInclude(failed.payload, { ...portal, code: "EADDRINUSE" })
      assert.deepStrictEqual([failed.cause.source, failed.cause.correlationId], ["dataplane", created])
      server.close()
      const up = yield* recordOf(plane, "PortalUp")
      assert.deepInclude(up.payload, portal)
      const { records } = yield* plane.run({ _tag: "DeletePortalGroup", tag: 7 })
      const closed = yield* recordOf(plane, "PortalClosed")
      assert.deepStrictEqual(closed.payload, portal)
      assert.strictEqual(closed.cause.correlationId, records[0]?.seq)
      assert.lengthOf(yield* recordsOf(plane, "PortalFailed"), 1)
    })
  )

  live("has a disk that cannot be opened, that it can after all, and its end", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "lunlog-recorded-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true })))
      const filename = join(folder, "missing.img")
      const aio = { _tag: "Aio", filename, blockSize: 512, readOnly: false, blockCount: 2048 } as const
      const plane = yield* startPlane({ before: () => [createBdev("file", aio)] })
      const created = findBdev(plane.controlPlane.state(), "file")?.incarnation
      const failed = yield* recordOf(plane, "BdevFailed")
      assert.deepInclude(failed.payload, { bdev: "file", code: "ENOENT" })
      assert.strictEqual(failed.cause.correlationId, created)
      writeFileSync(filename, Buffer.alloc(2048 * 512))
      const up = yield* recordOf(plane, "BdevUp")
      assert.deepInclude(up.payload, { bdev: "file", blockCount: 2048 })
      assert.isAbove(Number(Object(up.payload).failedAttempts), 0)
      const { records } = yield* plane.run({ _tag: "DeleteBdev", name: "file" })
      const closed = yield* recordOf(plane, "BdevClosed")
      assert.deepStrictEqual(closed.payload, { bdev: "file" })
      assert.include(
        records.map(({ seq }) => seq),
        closed.cause.correlationId
      )
    })
  )

  live("has IO that is as slow as its options say, also after a restart, and drains by what removed the LUN", () =>
    Effect.gen(function* () {
      const slowly = { averageReadMicros: 20_000, p99ReadMicros: 20_000, averageWriteMicros: 0, p99WriteMicros: 0 }
      const plane = yield* startPlane({
        before: (port) => [
          { _tag: "SetLogOptions", options: { slowIoMillis: 10 } },
          malloc("Malloc0"),
          createBdev("slow", { _tag: "Delay", base: "Malloc0", ...slowly }),
          ...guideCommands(port, { 0: "slow" })
        ]
      })
      yield* until(
        Effect.map(plane.dataPlane.status, ({ portals }) => portals.some((one) => one.state === "listening"))
      )
      const session = yield* plane.open()
      // The first command that uses the medium is told that a restart has emptied it.
      yield* attempt(() => session.command({ lun: 0, cdb: cdb.read16(0, 1), readBytes: 512 }))
      yield* attempt(() => readBlocks(session, 0, 8, 4))
      const slow = yield* recordOf(plane, "SlowIo")
      const io = { bdev: "slow", lun: 0, operation: "read", logicalBlockAddress: 8, blocks: 4, repeated: 1 }
      assert.deepInclude(slow.payload, io)
      const { lun, target } = lunOf(plane, 0)
      const { records } = yield* plane.run({ _tag: "RemoveLun", target, lun })
      const [started, ended] = [yield* recordOf(plane, "LunDrainStarted"), yield* recordOf(plane, "LunDrainEnded")]
      assert.deepInclude(started.payload, { targetName: target, lun: 0, bdev: "slow", inFlight: 0 })
      assert.deepInclude(ended.payload, { drained: 0, aborted: 0, late: false })
      assert.deepStrictEqual(
        [started, ended].map(({ cause }) => cause.correlationId),
        [records[0]?.seq, records[0]?.seq]
      )
      assert.strictEqual((yield* plane.dataPlane.status).suppressedObservations, 0)
    })
  )
})
