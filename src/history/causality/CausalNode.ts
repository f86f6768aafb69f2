/** A record among its causes or consequences, and how far the search for them goes. */
import { Effect, Option, Stream } from "effect"
import type { LogArchiveShape } from "../../../eventlog/LogArchive.ts"
import type { LogReadFailed } from "../../../eventlog/reading.ts"
import type { LogRecord } from "../../../eventlog/record.ts"

/** What is left out of a list: how many, and what `lunlog log tail` shows them with. */
export interface LeftOut {
  readonly count: number
  /** There are more than were counted. */
  readonly isAtLeast: boolean
  readonly filter: string
}

/** A record, how it belongs to the one above it, and what belongs to it in turn. */
export interface CausalNode {
  readonly record: LogRecord
  readonly relation: Relation
  readonly children: ReadonlyArray<CausalNode>
  readonly leftOut?: LeftOut
}

/** In the order in which they are told. */
export type Relation =
  | "led to it"
  | "same request"
  | "created it"
  | "its session"
  | "changed it last"
  | "came before"
  | "came of it"
  | "afterwards"

/** Records of one tree. */
const recordsMax = 200

/** One search: no record comes twice, and there are not too many. */
export class CausalWalk {
  readonly log: LogArchiveShape
  readonly #seen: Set<number>
  #left = recordsMax

  constructor(log: LogArchiveShape, root: LogRecord) {
    this.log = log
    this.#seen = new Set([root.seq])
  }

  /** The records that were not there yet, as far as there is room. */
  take(records: ReadonlyArray<LogRecord>): ReadonlyArray<LogRecord> {
    return records.filter(({ seq }) => {
      if (this.#left === 0 || this.#seen.has(seq)) return false
      this.#seen.add(seq)
      this.#left--
      return true
    })
  }
}

/** The record with this number, if there is one. */
export const recordAt = (log: LogArchiveShape, seq: number): Effect.Effect<LogRecord | undefined, LogReadFailed> =>
  Effect.map(Stream.runHead(log.read({ from: seq, to: seq })), Option.getOrUndefined)

/** The newest record up to `to` that has these tags and is what is wanted. */
export const newestBefore = (
  log: LogArchiveShape,
  to: number,
  tags: ReadonlyArray<ReadonlyArray<string>>,
  isWanted: (record: LogRecord) => boolean = () => true
): Effect.Effect<LogRecord | undefined, LogReadFailed> =>
  log.find({ tags, to, reverse: true }).pipe(Stream.filter(isWanted), Stream.runHead, Effect.map(Option.getOrUndefined))
