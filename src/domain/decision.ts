/**
 * What the decide functions share: the type of a decision, and a draft that applies each event at once, so that a
 * decision of several events sees what the earlier ones have left.
 */
import type { Result } from "effect"
import type { DomainError } from "./DomainError.ts"
import type { Event } from "./Event.ts"
import { evolve } from "./evolve.ts"
import type { State } from "./State.ts"

/** Events in order, or the one reason against them. */
export type Decision = Result.Result<ReadonlyArray<Event>, DomainError>

/** Used inside one decision only. */
export interface Draft {
  state: State
  readonly events: Array<Event>
}

/** A draft of no events. */
export const draftOn = (state: State): Draft => ({ state, events: [] })

/**
 * Adds `event`. Its seq is not known yet, so it must not be one whose seq matters to the rest of the decision:
 * nothing that was created in a draft can be referred to by incarnation in the same draft.
 */
export const record = (draft: Draft, event: Event): void => {
  draft.events.push(event)
  draft.state = evolve(draft.state, event, 0)
}

/** Text from outside, safe and short enough for a message. */
export const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)

/** Bytes of UTF-8. */
export const utf8Length = (text: string): number => {
  let bytes = 0
  for (const character of text) {
    const codePoint = character.codePointAt(0) ?? 0
    bytes += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4
  }
  return bytes
}

/**
 * Whether text could end or split a key=value pair on the wire or a line in a log, or has half a surrogate pair, which
 * no UTF-8 can hold.
 */
export const hasControlCharacter = (text: string): boolean => /\p{Cc}/u.test(text) || !text.isWellFormed()
