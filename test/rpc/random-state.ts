/** States that random commands lead to, and secrets that a test can look through. */
import { Effect, Result } from "effect"
import type { Command } from "../../src/domain/Command.ts"
import { decide } from "../../src/domain/decide.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { Secrets } from "../../src/domain/Secrets.ts"
import { initialState, type State } from "../../src/domain/State.ts"
import { diceOf, randomCommand } from "../domain/random.ts"

const commandsMax = 200

/** Seldom wanted: most states would be empty. */
const isRemoval = ({ _tag }: Command): boolean => _tag.startsWith("Delete") || _tag === "RecordBdevVanished"

/** What is plugged in is no part of a state, so controllers may be loaded as something else. */
const isPlugged = (command: Command): boolean =>
  command._tag.includes("Nvme") || (command._tag === "CreateBdev" && command.bdev._tag === "Nvme")

/** Without a start in it; the same for the same seed. */
export const randomState = (seed: number): State => {
  const dice = diceOf(seed)
  let state = initialState
  let seq = 0
  for (let count = 0; count < commandsMax; count++) {
    const command = randomCommand(dice, state, seq)
    if (command._tag === "StartEpoch" || isPlugged(command) || (isRemoval(command) && dice.roll(8) > 0)) continue
    const decision = decide(state, command)
    if (Result.isFailure(decision)) continue
    for (const event of decision.success) state = evolve(state, event, ++seq)
  }
  return state
}

/** Secrets of random states were never sealed: what is in their place is taken for the secret. */
export const openSecrets = Secrets.of({
  seal: (_, secret) => Effect.succeed({ sealed: secret, fingerprint: secret }),
  unseal: (_, { sealed }) => Effect.succeed(sealed)
})
