/**
 * Given what was asked before, when a command comes, then these events or this refusal: the form of all tests of rules.
 * A history numbers its events like a log does: the first is 1.
 */
import { Result } from "effect"
import { assert } from "vitest"
import type { Command } from "../../src/domain/Command.ts"
import type { DomainErrorKind } from "../../src/domain/DomainError.ts"
import { decide } from "../../src/domain/decide.ts"
import type { Event } from "../../src/domain/Event.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { initialState, type State } from "../../src/domain/State.ts"

export interface History {
  readonly state: State
  readonly seq: number
  readonly events: ReadonlyArray<Event>
}

export const nothingYet: History = { state: initialState, seq: 0, events: [] }

export const fold = (history: History, events: ReadonlyArray<Event>): History => {
  let { seq, state } = history
  for (const event of events) {
    seq++
    state = evolve(state, event, seq)
  }
  return { state, seq, events: [...history.events, ...events] }
}

/** The history after a command that must not be refused. */
export const followedBy = (history: History, command: Command): History => {
  const decision = decide(history.state, command)
  if (Result.isFailure(decision)) throw new Error(`refused in the setup: ${decision.failure.message}`)
  return fold(history, decision.success)
}

export const historyOf = (...commands: ReadonlyArray<Command>): History => commands.reduce(followedBy, nothingYet)

/** What was asked before; `when` decides on top of it. */
export const given = (...commands: ReadonlyArray<Command>) => {
  const history = historyOf(...commands)
  return {
    history,
    when: (command: Command) => {
      const decision = decide(history.state, command)
      return {
        decision,
        givesExactly: (...events: ReadonlyArray<Event>) => {
          if (Result.isFailure(decision)) throw new Error(`refused: ${decision.failure.message}`)
          assert.deepStrictEqual(decision.success, events)
          return fold(history, events)
        },
        gives: (...tags: ReadonlyArray<Event["_tag"]>) => {
          if (Result.isFailure(decision)) throw new Error(`refused: ${decision.failure.message}`)
          assert.deepStrictEqual(
            decision.success.map((event) => event._tag),
            tags
          )
          return fold(history, decision.success)
        },
        /** Refused, with a message that says what is wrong. */
        refused: (kind: DomainErrorKind, message: RegExp) => {
          if (Result.isSuccess(decision)) throw new Error(`not refused: ${JSON.stringify(decision.success)}`)
          assert.strictEqual(decision.failure._tag, kind, decision.failure.message)
          assert.match(decision.failure.message, message)
        }
      }
    }
  }
}
