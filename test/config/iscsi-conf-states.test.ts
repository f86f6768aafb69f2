/** Random states, written as `iscsi.conf` and read back: whatever no warning is about is the same. */
import { it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { assert } from "vitest"
import { convertedFile } from "../../src/config/foreign/converted-file.ts"
import { printIscsiConf } from "../../src/config/foreign/iscsi-conf/print-iscsi-conf.ts"
import { readIscsiConf } from "../../src/config/foreign/iscsi-conf/read-iscsi-conf.ts"
import { desiredStateOf } from "../../src/config/native/DesiredState.ts"
import { noQos } from "../../src/domain/bdev/Bdev.ts"
import type { Command } from "../../src/domain/Command.ts"
import { decide } from "../../src/domain/decide.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { Secrets } from "../../src/domain/Secrets.ts"
import {
  activeBdevsOf,
  activeLunsOf,
  activeTargetsOf,
  authGroupsOf,
  initialState,
  initiatorGroupsOf,
  portalGroupsOf,
  type State
} from "../../src/domain/State.ts"
import { diceOf, randomCommand } from "../domain/random.ts"
import { epoch } from "./support.ts"

const statesMax = 40
const commandsMax = 150
const mib = 1024 * 1024

/** Sizes in whole megabytes, as the format has them; nothing goes again. */
const suited = (command: Command): Command | undefined => {
  if (/^(?:Delete|StartEpoch|RecordBdev|RescanAio|ResizeNull)/u.test(command._tag)) return undefined
  if (command._tag !== "CreateBdev") return command
  const { bdev } = command
  if (bdev._tag !== "Malloc" && bdev._tag !== "Null") return command
  return { ...command, bdev: { ...bdev, blockCount: (bdev.blockCount * mib) / bdev.blockSize } }
}

const randomState = (seed: number): State => {
  const dice = diceOf(seed)
  let state: State = { ...initialState, epoch }
  let seq = 0
  for (let count = 0; count < commandsMax; count++) {
    const command = suited(randomCommand(dice, state, seq))
    const decision = command === undefined ? undefined : decide(state, command)
    if (decision === undefined || Result.isFailure(decision)) continue
    for (const event of decision.success) state = evolve(state, event, ++seq)
  }
  return state
}

/** Secrets of random states were never sealed: what is in their place is taken for the secret. */
const openSecrets = Secrets.of({
  seal: (_, secret) => Effect.succeed({ sealed: secret, fingerprint: secret }),
  unseal: (_, { sealed }) => Effect.succeed(sealed)
})

const secretsOf = (state: State) =>
  new Map(
    authGroupsOf(state).map(({ secrets, tag }) => [
      tag,
      secrets.map(({ mutual, secret, user }) => ({
        user,
        secret: secret.sealed,
        ...(mutual === undefined ? {} : { muser: mutual.user, msecret: mutual.secret.sealed })
      }))
    ])
  )

/** Each object by what warnings call it, without what belongs to a log. */
const objectsOf = (state: State): ReadonlyMap<string, unknown> =>
  new Map<string, unknown>([
    ["options", state.options],
    ...activeBdevsOf(state).map(({ name, qos, spec, uuid }): [string, unknown] => [
      `bdev ${name}`,
      {
        uuid,
        qos: qos ?? noQos,
        ...spec,
        ...("base" in spec ? { base: spec.base.name } : {}),
        // What a file has, and a device's own block size, are known when it is opened.
        ...(spec._tag === "Aio" ? { blockCount: 0 } : {}),
        ...(spec._tag === "Aio" && spec.ownBlockSize === true ? { blockSize: 0 } : {}),
        ...(spec._tag === "Split" ? { partBlocks: 0 } : {})
      }
    ]),
    ...portalGroupsOf(state).map(({ incarnation: _, ...group }): [string, unknown] => [
      `portal group ${group.tag}`,
      group
    ]),
    ...initiatorGroupsOf(state).map(({ incarnation: _, ...group }): [string, unknown] => [
      `initiator group ${group.tag}`,
      group
    ]),
    ...activeTargetsOf(state).map((target): [string, unknown] => {
      const { alias, auth, dataDigest, headerDigest, name, pgIgMaps, queueDepth, redirects } = target
      const luns = activeLunsOf(target).map(({ bdev, lun }) => [lun, bdev.name])
      return [`target ${name}`, { alias, auth, dataDigest, headerDigest, name, pgIgMaps, queueDepth, redirects, luns }]
    })
  ])

it.effect("what iscsi.conf can say is read back as it was, and written again the same", () =>
  Effect.gen(function* () {
    let same = 0
    for (let seed = 1; seed <= statesMax; seed++) {
      const state = randomState(seed)
      const { text, warnings } = printIscsiConf(state, secretsOf(state))
      const conversion = readIscsiConf("f", text)
      assert.deepStrictEqual(conversion.warnings, [], `seed ${seed}`)
      const { state: again } = yield* desiredStateOf(convertedFile("f", conversion), { ...initialState, epoch })
      assert.strictEqual(printIscsiConf(again, secretsOf(again)).text, text, `seed ${seed}`)
      const before = objectsOf(state)
      for (const [name, object] of objectsOf(again)) {
        if (warnings.some((warning) => warning.startsWith(`${name}: `))) continue
        assert.deepStrictEqual(object, before.get(name), `seed ${seed}, ${name}`)
        same++
      }
      for (const name of before.keys()) {
        if (!objectsOf(again).has(name))
          assert.isTrue(
            warnings.some((warning) => warning.startsWith(`${name}: `)),
            name
          )
      }
    }
    assert.isAbove(same, statesMax * 2)
  }).pipe(Effect.provideService(Secrets, openSecrets))
)
