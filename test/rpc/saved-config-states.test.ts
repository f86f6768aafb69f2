/**
 * Random states, saved as SPDK's configuration file: each loads, and the state that it leads to is saved the same. So
 * does what is exported for SPDK itself.
 */
import { it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { assert } from "vitest"
import { MemoryEventLog } from "../../eventlog/MemoryEventLog.ts"
import { ConfigApplier } from "../../src/config/ConfigApplier.ts"
import type { Command } from "../../src/domain/Command.ts"
import { ControlPlane } from "../../src/domain/ControlPlane.ts"
import { decide } from "../../src/domain/decide.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { Uuid } from "../../src/domain/ids.ts"
import { Secrets } from "../../src/domain/Secrets.ts"
import { initialState, type State } from "../../src/domain/State.ts"
import { applySpdkConfig, checkSpdkConfig } from "../../src/rpc/apply-spdk-config.ts"
import { exportSpdk } from "../../src/rpc/export-spdk.ts"
import { printJson } from "../../src/rpc/json-print.ts"
import { Notifications } from "../../src/rpc/Notifications.ts"
import { readSpdkConfig } from "../../src/rpc/SpdkConfigFile.ts"
import { savedConfig, subsystemList } from "../../src/rpc/saved-config.ts"
import { diceOf, randomCommand } from "../domain/random.ts"
import { fakeDataPlane, newFake } from "./fake-data-plane.ts"
import { instanceLayer, testInfo } from "./server-support.ts"

const statesMax = 100
const exportsMax = 15
const commandsMax = 200

/** Seldom wanted: most states would be empty. */
const isRemoval = ({ _tag }: Command): boolean => _tag.startsWith("Delete") || _tag === "RecordBdevVanished"

const randomState = (seed: number): State => {
  const dice = diceOf(seed)
  let state = initialState
  let seq = 0
  for (let count = 0; count < commandsMax; count++) {
    const command = randomCommand(dice, state, seq)
    if (command._tag === "StartEpoch" || (isRemoval(command) && dice.roll(8) > 0)) continue
    const decision = decide(state, command)
    if (Result.isFailure(decision)) continue
    for (const event of decision.success) state = evolve(state, event, ++seq)
  }
  return state
}

/** Secrets of random states were never sealed: what is in their place is taken for the secret. */
const openSecrets = Secrets.of({
  seal: (_, secret) => Effect.succeed({ sealed: secret, fingerprint: secret }),
  unseal: (_, { sealed }) => Effect.succeed(sealed)
})

const save = (state: State) =>
  Effect.map(
    Effect.forEach(subsystemList, ({ subsystem }) =>
      Effect.map(savedConfig(state, subsystem), (config) => ({ subsystem, config }))
    ),
    (subsystems) => printJson({ subsystems })
  )

const services = Layer.suspend(() => {
  const controlPlane = ControlPlane.layer.pipe(Layer.provideMerge(MemoryEventLog.layer()))
  return Layer.mergeAll(ConfigApplier.layer, Notifications.layer).pipe(
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
      assert.notMatch(text, /require_lun_zero|"luns": \[\s*\d|read_only/u)
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
