/**
 * Records in the steps in which they are played: what the source wrote at once is one step, and so is each observation.
 */
import { Equal } from "effect"
import type { ControlRecord, LogRecord, ObservationRecord } from "../../../eventlog/record.ts"
import { REPLAY_RECORDS_MAX } from "../../domain/replay/Replay.ts"

/** What is played at once. */
export type ReplayStep =
  | { readonly _tag: "Change"; readonly records: readonly [ControlRecord, ...ReadonlyArray<ControlRecord>] }
  | { readonly _tag: "Observation"; readonly records: readonly [ObservationRecord] }

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

/** Incarnations that a payload names. */
const incarnationsOf = (payload: unknown): ReadonlyArray<unknown> => {
  if (!isMap(payload)) return []
  const { bdev, incarnation, spec } = payload
  const base = isMap(spec) ? spec["base"] : undefined
  return [incarnation, isMap(bdev) ? bdev["incarnation"] : undefined, isMap(base) ? base["incarnation"] : undefined]
}

/** Whether a record was written together with those before it, as far as can be told. */
const belongs = (records: ReadonlyArray<ControlRecord>, record: LogRecord): record is ControlRecord => {
  const [first] = records
  const last = records.at(-1)
  if (record.kind !== "control" || first === undefined || last === undefined) return false
  const isNext = record.seq === last.seq + 1 && record.at === first.at && Equal.equals(record.cause, first.cause)
  if (!isNext || records.length >= REPLAY_RECORDS_MAX || record.type === "EpochStarted") return false
  // What one of them has made is known by another number here, only once that one is played.
  return !incarnationsOf(record.payload).some((named) => typeof named === "number" && named >= first.seq)
}

/** Gathers steps out of records that come one by one. */
export class ReplaySteps {
  readonly #waiting: Array<LogRecord> = []

  /** Records that come next. */
  add(records: ReadonlyArray<LogRecord>): void {
    this.#waiting.push(...records)
  }

  /** The next step; undefined if more records must come first. `isEnd`: none will. It stays until it is taken. */
  next(isEnd: boolean): ReplayStep | undefined {
    const [first] = this.#waiting
    if (first === undefined) return undefined
    if (first.kind === "observation") return { _tag: "Observation", records: [first] }
    const records: [ControlRecord, ...Array<ControlRecord>] = [first]
    for (let index = 1; index < this.#waiting.length; index++) {
      const record = this.#waiting[index]
      if (record === undefined || !belongs(records, record)) return { _tag: "Change", records }
      records.push(record)
    }
    return isEnd ? { _tag: "Change", records } : undefined
  }

  /** The step has been played. */
  take({ records }: ReplayStep): void {
    this.#waiting.splice(0, records.length)
  }
}

/** What needs more than to be written down: files, drains, deeds, restarts. */
const demanding: ReadonlySet<string> = new Set([
  "EpochStarted",
  "LunRemoved",
  "BdevCreated",
  "BdevResized",
  "BdevErrorInjected"
])

/** Whether a step can be written down together with others: nothing is to be done before it or after it. */
export const isPlain = ({ records }: ReplayStep): boolean => records.every(({ type }) => !demanding.has(type))

/** Seq of the last record of a step. */
export const throughOf = ({ records }: ReplayStep): number => records.at(-1)?.seq ?? 0
