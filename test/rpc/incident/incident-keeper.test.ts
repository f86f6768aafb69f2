/** What a target keeps of an incident while time goes by: at once, when something joins it, and a minute later. */

import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { EventLog } from "../../../eventlog/EventLog.ts"
import { MemoryEventLog } from "../../../eventlog/MemoryEventLog.ts"
import { ControlPlane } from "../../../src/domain/ControlPlane.ts"
import type { ConnectionCapture } from "../../../src/domain/capture/ConnectionCapture.ts"
import { captureEntryBytes } from "../../../src/domain/capture/capture-entry.ts"
import { encodeObservation } from "../../../src/domain/observation/Observation.ts"
import { incidentKeeper } from "../../../src/rpc/incident/IncidentKeeper.ts"
import { MetricsHistory } from "../../../src/rpc/metrics/MetricsHistory.ts"
import { makeDirectory, removeDirectory } from "../../support/target-process.ts"
import { until } from "../../support/until.ts"
import { fakeDataPlane, newFake } from "../fake-data-plane.ts"

const cause = { source: "dataplane", actor: "local" } as const
const bounds = { count: 8, bytes: 1024 * 1024 }

/** A connection that has had one PDU without data. */
const connection: ConnectionCapture = {
  connection: 1,
  initiatorName: "iqn.2020-01.org.example:host1",
  targetName: "iqn.2016-06.io.spdk:disk1",
  tsih: 3,
  cid: 1,
  portalGroupTag: 1,
  initiatorAddress: "192.0.2.1",
  initiatorPort: 40_000,
  targetAddress: "192.0.2.2",
  targetPort: 3260,
  openedAt: 0,
  pduCount: 1,
  entries: new Uint8Array(captureEntryBytes(0)),
  records: []
}

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => makeDirectory("incidents")),
  (directory) => Effect.sync(() => removeDirectory(directory))
)

/** Real time: files are written while the clock of the test stands. */
const untilThere = (what: string, holds: () => boolean) => Effect.promise(() => until(what, holds))

/** Lets the clock of the test go on, too: what waits for it begins to wait anew when files are written. */
const untilLater = (what: string, holds: () => boolean) =>
  Effect.flatMap(Effect.context<never>(), (context) => {
    const look = Effect.andThen(TestClock.adjust("2 seconds"), Effect.sync(holds))
    return Effect.promise(() => until(what, () => Effect.runPromiseWith(context)(look)))
  })

it.effect("what comes after an incident is kept a minute later, of each of them", () =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const base = Layer.provideMerge(ControlPlane.layer, MemoryEventLog.layer())
    const services = Layer.provideMerge(
      MetricsHistory.layer,
      Layer.provideMerge(fakeDataPlane({ ...newFake(), captures: [connection] }), base)
    )
    const keeper = incidentKeeper({ directory, version: "1.2.3", from: 1, bounds })
    const log = Context.get(yield* Layer.build(Layer.provideMerge(keeper, services)), EventLog)
    const crash = (reactor: number) =>
      log.observe(encodeObservation({ _tag: "ReactorCrashed", reactor, detail: "out of luck" }, cause)) ?? 0
    const fileOf = (seq: number, name: string) => join(directory, String(seq), name)
    const textOf = (seq: number, name: string) => readFileSync(fileOf(seq, name), "utf8")

    const first = crash(1)
    yield* untilThere("it has a folder", () => existsSync(fileOf(first, "incident.json")))
    const numbers = textOf(first, "metrics.json")
    yield* TestClock.adjust("5 seconds")
    crash(2)
    yield* untilLater("what joins it is written", () => textOf(first, "incident.json").includes("reactor 2"))
    yield* TestClock.adjust("10 seconds")
    const second = crash(3)
    yield* untilThere("the other has a folder", () => existsSync(fileOf(second, "incident.json")))
    assert.strictEqual(textOf(first, "metrics.json"), numbers)
    assert.isFalse(existsSync(fileOf(first, "capture-later.pcapng")))

    yield* untilLater("the PDUs after it are kept", () => existsSync(fileOf(first, "capture-later.pcapng")))
    assert.isAbove(textOf(first, "metrics.json").length, numbers.length)
    const numbersOfSecond = textOf(second, "metrics.json")
    yield* untilLater("the numbers after the other", () => textOf(second, "metrics.json") !== numbersOfSecond)
    assert.isFalse(existsSync(fileOf(second, "capture-later.pcapng")), "nothing has joined the other")
  })
)
