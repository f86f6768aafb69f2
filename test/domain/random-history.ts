/**
 * Random histories as logs hold them, with starts in the middle of things: what the process was about to do when it
 * was killed has not happened, what it had recorded has.
 */
import { Result } from "effect"
import type { LogRecord } from "../../eventlog/record.ts"
import { emptyPosition, placeControl } from "../../eventlog/sequence.ts"
import { decide } from "../../src/domain/decide.ts"
import type { Event } from "../../src/domain/Event.ts"
import { encodeEvent } from "../../src/domain/event-codec.ts"
import { cause } from "./control-plane-support.ts"
import { guide, startEpoch } from "./examples.ts"
import { diceOf, randomCommand, randomEvent } from "./random.ts"
import { fold, type History, historyOf } from "./specification.ts"

/** Two who fold the same history compare their states after so many records. */
export const stateEvery = 25

const commandsMax = 300
const eventsMax = 300

/** Commands; now and then the process is killed and starts again. */
const commanded = (seed: number): ReadonlyArray<Event> => {
  const dice = diceOf(seed)
  let history: History = historyOf(...guide)
  for (let step = 0; step < commandsMax; step++) {
    const isKilled = dice.roll(30) === 0
    const mode = dice.roll(6) === 0 ? "empty" : "resume"
    const command = isKilled ? startEpoch(mode) : randomCommand(dice, history.state, history.seq)
    const decision = decide(history.state, command)
    if (Result.isSuccess(decision)) history = fold(history, decision.success)
  }
  return history.events
}

/** Events that no command would lead to. */
const arbitrary = (seed: number): ReadonlyArray<Event> => {
  const dice = diceOf(seed)
  return Array.from({ length: eventsMax }, (_, index) => randomEvent(dice, index))
}

/** A history; even seeds give one that commands lead to, odd ones one that they need not. */
export const randomHistory = (seed: number): ReadonlyArray<Event> =>
  seed % 2 === 0 ? commanded(seed) : arbitrary(seed)

/** The events as the log stores them: records from 1 on, with their bytes. */
export const storedHistory = (
  events: ReadonlyArray<Event>
): ReadonlyArray<{ readonly record: LogRecord; readonly value: Uint8Array }> => {
  let position = emptyPosition
  return events.map((event) => {
    const { next, record, value } = placeControl(position, position.at + 1, cause, encodeEvent(event))
    position = next
    return { record, value }
  })
}
