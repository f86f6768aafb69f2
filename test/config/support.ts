/** What the tests of configurations share. */
import { Result } from "effect"
import { desiredStateOf } from "../../src/config/DesiredState.ts"
import { readNativeFile } from "../../src/config/NativeFile.ts"
import { type Plan, planOf } from "../../src/config/Plan.ts"
import type { Command } from "../../src/domain/Command.ts"
import { decide } from "../../src/domain/decide.ts"
import type { Epoch } from "../../src/domain/Epoch.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { Uuid } from "../../src/domain/ids.ts"
import { initialState, type State } from "../../src/domain/State.ts"

/** A start with an instance id of the tests. */
export const epoch: Epoch = {
  number: 1,
  mode: "resume",
  instanceId: Uuid.make("11111111-2222-4333-8444-555555555555"),
  version: "0.0.0",
  startedAt: 0
}

/** Commands carried out, as a log would have them; `seqs` are those of all their events. */
export interface Carried {
  readonly state: State
  readonly seqs: ReadonlySet<number>
}

/** Carries out commands, after `from`. */
export const carryOut = (commands: ReadonlyArray<Command>, from?: Carried): Carried => {
  let state: State = from?.state ?? { ...initialState, epoch }
  const before = from?.seqs ?? new Set<number>()
  const seqs = new Set(before)
  let seq = Math.max(0, ...before)
  for (const command of commands) {
    for (const event of Result.getOrThrow(decide(state, command))) {
      state = evolve(state, event, ++seq)
      seqs.add(seq)
    }
  }
  return { state, seqs }
}

/** The plan that makes a state what a file says. */
export const planFor = (now: State, source: string, byConfig: ReadonlySet<number> = new Set()): Plan => {
  const file = Result.getOrThrow(readNativeFile("f.yaml", source))
  return planOf(now, Result.getOrThrow(desiredStateOf(file, now.epoch)), byConfig)
}

/** Only the commands, in their order. */
export const commandsOf = (plan: Plan): ReadonlyArray<Command> =>
  [...plan.removals, ...plan.changes].map(({ command }) => command)
