/**
 * Whether the control records mean what the log's snapshots say: each is an event that this version reads, and the
 * state that they fold to is the one that a snapshot, or a beginning, holds at its place.
 */
import { Effect, Result } from "effect"
import type { LogArchiveShape } from "../../../eventlog/LogArchive.ts"
import type { Finding } from "../../../eventlog/LogCheck.ts"
import type { LogReadFailed } from "../../../eventlog/reading.ts"
import type { ControlRecord, LogRecord } from "../../../eventlog/record.ts"
import type { StatePosition } from "../../domain/control-core.ts"
import { beginningOf } from "../../domain/control-start.ts"
import { decodeRecord } from "../../domain/event-codec.ts"
import { evolve, FOLD_VERSION } from "../../domain/evolve.ts"
import { decodeSnapshot, encodeSnapshot } from "../../domain/snapshot-codec.ts"

/** Snapshots compared; there are two, and some that are kept for questions. */
const comparedMax = 200

const unreadable = "use the lunlog that wrote it, or a newer one"
const wrongSnapshot = "keep a copy of the directory and report it: a start from this snapshot would have a wrong state"

/** Places of the snapshots that a start or a question would use, from the last one back. */
const placesOf = (log: LogArchiveShape): Effect.Effect<ReadonlySet<number>, LogReadFailed> =>
  Effect.gen(function* () {
    const places = new Set<number>()
    for (let to = log.durable().controlSeq; to >= 0 && places.size < comparedMax; ) {
      const snapshot = yield* log.snapshotAtOrBefore(FOLD_VERSION, to)
      if (snapshot === undefined) break
      places.add(snapshot.controlSeq)
      to = snapshot.controlSeq - 1
    }
    return places
  })

/** Follows the state through records in order. */
export class FoldCheck {
  readonly #log: LogArchiveShape
  readonly #places: ReadonlySet<number>
  /** `undefined` behind records that are missing, or that this version cannot read. */
  #position: StatePosition | undefined
  /** Snapshots that were compared with the fold. */
  compared = 0

  private constructor(log: LogArchiveShape, places: ReadonlySet<number>, start: StatePosition | undefined) {
    this.#log = log
    this.#places = places
    this.#position = start
  }

  /** At the beginning of the log, whose state may itself be unreadable. */
  static readonly make = (
    log: LogArchiveShape
  ): Effect.Effect<readonly [check: FoldCheck, findings: ReadonlyArray<Finding>], LogReadFailed> =>
    Effect.gen(function* () {
      const places = yield* placesOf(log)
      const start = beginningOf(log)
      if (Result.isSuccess(start)) return [new FoldCheck(log, places, start.success), []] as const
      const { message: detail } = start.failure
      const finding = { severity: "damage", where: "the log's beginning", detail, remedy: unreadable } as const
      return [new FoldCheck(log, places, undefined), [finding]] as const
    })

  /** Takes records that are right by themselves, and says what is wrong with what they mean. */
  take(records: ReadonlyArray<LogRecord>): Effect.Effect<ReadonlyArray<Finding>, LogReadFailed> {
    return Effect.gen({ self: this }, function* () {
      const findings: Array<Finding> = []
      for (const record of records) {
        if (record.kind !== "control") continue
        const wrong = this.#fold(record)
        if (wrong !== undefined) findings.push(wrong)
        if (this.#places.has(record.seq)) findings.push(...(yield* this.#compare(record.seq)))
      }
      return findings
    })
  }

  #fold(record: ControlRecord): Finding | undefined {
    const position = this.#position
    const continues =
      record.controlNo === (position?.controlNo ?? 0) + 1 && record.prevControl === position?.controlHash
    const event = decodeRecord(record)
    this.#position = undefined
    if (Result.isFailure(event)) {
      const { message: detail } = event.failure
      const lastGood = position?.controlSeq ?? 0
      return {
        severity: "damage",
        where: `record ${record.seq}`,
        detail,
        ...(lastGood === 0 ? {} : { lastGood }),
        remedy: unreadable
      }
    }
    if (position !== undefined && continues) {
      const state = evolve(position.state, event.success, record.seq)
      this.#position = { state, controlSeq: record.seq, controlNo: record.controlNo, controlHash: record.hash }
    }
    return undefined
  }

  /** Where the fold is broken, the snapshot mends it: what follows can be checked again. */
  #compare(seq: number): Effect.Effect<ReadonlyArray<Finding>, LogReadFailed> {
    return Effect.map(this.#log.snapshotAtOrBefore(FOLD_VERSION, seq), (snapshot) => {
      if (snapshot === undefined || snapshot.controlSeq !== seq) return []
      const where = `the snapshot of record ${seq}`
      const stored = decodeSnapshot(snapshot.state, snapshot.foldVersion)
      if (Result.isFailure(stored)) {
        return [{ severity: "damage", where, detail: `cannot be read: ${stored.failure}`, remedy: wrongSnapshot }]
      }
      const { controlHash, controlNo, controlSeq } = snapshot
      const folded = this.#position
      if (folded === undefined) {
        this.#position = { state: stored.success, controlSeq, controlNo, controlHash }
        return []
      }
      this.compared++
      const [is, expected] = [encodeSnapshot(stored.success), encodeSnapshot(folded.state)]
      if (Buffer.from(is).equals(expected)) return []
      const sizes = `${is.length} bytes, not ${expected.length}`
      const detail = `is not the state that the records up to there fold to (${sizes})`
      return [{ severity: "damage", where, detail, lastGood: seq, remedy: wrongSnapshot }]
    })
  }
}
