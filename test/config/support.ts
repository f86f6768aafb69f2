/** What the tests of configurations share. */
import { Effect, Result } from "effect"
import type { ConfigRefused } from "../../src/config/ConfigRefused.ts"
import type { Conversion } from "../../src/config/foreign/Conversion.ts"
import { convertedFile } from "../../src/config/foreign/converted-file.ts"
import { type ConfigFiles, noConfigFiles } from "../../src/config/native/ConfigFiles.ts"
import { desiredStateOf } from "../../src/config/native/DesiredState.ts"
import { type NativeFile, readNativeFile } from "../../src/config/native/NativeFile.ts"
import type { Command } from "../../src/domain/Command.ts"
import { decide } from "../../src/domain/decide.ts"
import type { Epoch } from "../../src/domain/Epoch.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { Uuid } from "../../src/domain/ids.ts"
import { Secrets } from "../../src/domain/Secrets.ts"
import { initialState, type State } from "../../src/domain/State.ts"

/** A start with an instance id of the tests. */
export const epoch: Epoch = {
  number: 1,
  mode: "resume",
  instanceId: Uuid.make("11111111-2222-4333-8444-555555555555"),
  version: "0.0.0",
  startedAt: 0
}

/** A target that has started and has nothing. */
export const nothing: State = { ...initialState, epoch }

/** The state after commands. */
export const carryOut = (commands: ReadonlyArray<Command>): State => {
  let state: State = nothing
  let seq = 0
  for (const command of commands) {
    for (const event of Result.getOrThrow(decide(state, command))) state = evolve(state, event, ++seq)
  }
  return state
}

/** Seals in a way that a test can look through. */
export const openSecrets = Secrets.of({
  seal: (context, secret) => Effect.succeed({ sealed: secret, fingerprint: `${context} ${secret}` }),
  unseal: (_context, { sealed }) => Effect.succeed(sealed)
})

/** A file of this text, `f.yaml`. */
export const readText = (source: string, files: ConfigFiles = noConfigFiles): NativeFile =>
  Effect.runSync(readNativeFile("f.yaml", source, files))

/** What a file wants of a target that runs. */
export const desiredOf = (file: NativeFile, running: State = nothing) =>
  Effect.runSync(Effect.provideService(desiredStateOf(file, running), Secrets, openSecrets))

/** Everything that is wrong with a text. */
export const problemsOf = (source: string, files: ConfigFiles = noConfigFiles): ReadonlyArray<string> =>
  problemsIn(Effect.flatMap(readNativeFile("f.yaml", source, files), (file) => desiredStateOf(file, nothing)))

/** What a target would refuse of a configuration that was converted from the file `f`. */
export const refusalsOf = (conversion: Conversion): ReadonlyArray<string> =>
  problemsIn(desiredStateOf(convertedFile("f", conversion), nothing))

/** The problems of whatever refuses a configuration. */
export const problemsIn = (effect: Effect.Effect<unknown, ConfigRefused, Secrets>): ReadonlyArray<string> =>
  effect.pipe(
    Effect.match({ onSuccess: () => [], onFailure: ({ problems }) => problems }),
    Effect.provideService(Secrets, openSecrets),
    Effect.runSync
  )
