/** A file held to the rules before there is a target: what is wrong with it in any case. */
import { Effect } from "effect"
import { Uuid } from "../../domain/ids.ts"
import { Secrets } from "../../domain/Secrets.ts"
import { initialState, type State } from "../../domain/State.ts"
import type { ConfigRefused } from "../ConfigRefused.ts"
import { desiredStateOf } from "./DesiredState.ts"
import type { NativeFile } from "./NativeFile.ts"

/** No identity that follows from it is kept. */
const nowhere: State = {
  ...initialState,
  epoch: {
    number: 0,
    mode: "empty",
    instanceId: Uuid.make("00000000-0000-0000-0000-000000000000"),
    version: "",
    startedAt: 0
  }
}

/** Seals nothing: what comes of a trial is thrown away. */
const noSecrets = Secrets.of({
  seal: () => Effect.succeed({ sealed: "", fingerprint: "" }),
  unseal: () => Effect.succeed("")
})

/** What an empty target would become. Fails with everything that it would refuse. */
export const tryOut = (file: NativeFile): Effect.Effect<State, ConfigRefused> =>
  Effect.map(Effect.provideService(desiredStateOf(file, nowhere), Secrets, noSecrets), ({ state }) => state)
