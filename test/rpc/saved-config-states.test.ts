/**
 * Random states, saved as SPDK's configuration file: each loads, and the state that it leads to is saved the same. So
 * does what is exported for SPDK itself.
 */
import { it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { assert } from "vitest"
import { MemoryEventLog } from "../../eventlog/MemoryEventLog.ts"
import { ConfigApplier } from "../../src/config/plan/ConfigApplier.ts"
import { ControlPlane } from "../../src/domain/ControlPlane.ts"
import { Uuid } from "../../src/domain/ids.ts"
import { Secrets } from "../../src/domain/Secrets.ts"
import type { State } from "../../src/domain/State.ts"
import { Replayer } from "../../src/history/replay/Replayer.ts"
import { applySpdkConfig, checkSpdkConfig } from "../../src/rpc/apply-spdk-config.ts"
import { exportSpdk } from "../../src/rpc/export-spdk.ts"
import { IncidentStore } from "../../src/rpc/incident/IncidentStore.ts"
import { printJson } from "../../src/rpc/json-print.ts"
import { MetricsHistory } from "../../src/rpc/metrics/MetricsHistory.ts"
import { Notifications } from "../../src/rpc/Notifications.ts"
import { readSpdkConfig } from "../../src/rpc/SpdkConfigFile.ts"
import { savedConfig, subsystemList } from "../../src/rpc/saved-config.ts"
import { fakeDataPlane, newFake } from "./fake-data-plane.ts"
import { openSecrets, randomState } from "./random-state.ts"
import { instanceLayer, testInfo } from "./server-support.ts"

const statesMax = 100
const exportsMax = 15

const save = (state: State) =>
  Effect.map(
    Effect.forEach(subsystemList, ({ subsystem }) =>
      Effect.map(savedConfig(state, subsystem), (config) => ({ subsystem, config }))
    ),
    (subsystems) => printJson({ subsystems })
  )

const services = Layer.suspend(() => {
  const controlPlane = ControlPlane.layer.pipe(Layer.provideMerge(MemoryEventLog.layer()))
  return Layer.mergeAll(
    ConfigApplier.layer,
    Notifications.layer,
    Replayer.none,
    MetricsHistory.none,
    IncidentStore.none
  ).pipe(
    Layer.provideMerge(fakeDataPlane(newFake())),
    Layer.provideMerge(controlPlane),
    Layer.provideMerge(Layer.succeed(Secrets, openSecrets)),
    Layer.merge(instanceLayer())
  )
})

const options = { strict: true, ignoreErrors: false }

/** The state that a file leads to. */
const loadState = (text: string) =>
  Effect.gen(function* () {
    const { dispatch, state } = yield* ControlPlane
    const epoch = { mode: "empty", instanceId: Uuid.make(testInfo.instanceId), version: testInfo.version } as const
    yield* dispatch({ _tag: "StartEpoch", ...epoch }, { source: "boot", actor: "local" })
    const file = readSpdkConfig("saved.json", text)
    if (Result.isFailure(file)) throw new Error(file.failure.join("\n"))
    const { checked, problems } = checkSpdkConfig(file.success, options)
    assert.deepStrictEqual(problems, [])
    yield* applySpdkConfig(checked, options)
    return state()
  })

const load = (text: string) => Effect.provide(Effect.flatMap(loadState(text), save), services)

it.live("a state that commands can lead to is saved, loaded, and saved the same", () =>
  Effect.gen(function* () {
    let targets = 0
    for (let seed = 1; seed <= exportsMax; seed++) {
      const saved = yield* Effect.provideService(save(randomState(seed)), Secrets, openSecrets)
      assert.strictEqual(yield* load(saved), saved, `seed ${seed}`)
      targets += saved.split('"iscsi_create_target_node"').length - 1
    }
    assert.isAbove(targets, exportsMax / 5)
  })
)

it.live("what is exported for SPDK has only what SPDK takes, and loads as the state that it is of", () =>
  Effect.gen(function* () {
    let whole = 0
    for (let seed = 1; seed <= statesMax; seed++) {
      const state = randomState(seed)
      const { text, warnings } = yield* Effect.provideService(exportSpdk(state, true), Secrets, openSecrets)
      assert.notMatch(text, /require_lun_zero|"luns": \[\s*\d|read_only|lunlog_overlay/u)
      const again = yield* Effect.provide(
        Effect.flatMap(loadState(text), (loaded) => exportSpdk(loaded, true)),
        services
      )
      assert.deepStrictEqual(again, { text, warnings: [] }, `seed ${seed}`)
      const saved = yield* Effect.provideService(save(state), Secrets, openSecrets)
      if (warnings.length > 0) continue
      assert.deepStrictEqual(JSON.parse(text), JSON.parse(saved), `seed ${seed}`)
      whole++
    }
    assert.isAbove(whole, 0)
  })
)

it.effect("without its secrets, auth groups are left out and named", () =>
  Effect.gen(function* () {
    let groups = 0
    for (let seed = 1; seed <= 20; seed++) {
      const { text, warnings } = yield* exportSpdk(randomState(seed), false)
      assert.notInclude(text, "iscsi_create_auth_group")
      assert.notInclude(text, '"secret"')
      groups += warnings.filter((warning) => /^auth group \d+: is left out/u.test(warning)).length
    }
    assert.isAbove(groups, 0)
  }).pipe(Effect.provideService(Secrets, openSecrets))
)
