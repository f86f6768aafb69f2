/**
 * The check of a whole log, in steps of a few milliseconds: a running target makes them between its other work, and
 * whoever waits sees how far it is.
 */
import { Effect } from "effect"
import type { LogArchiveShape } from "../../../eventlog/LogArchive.ts"
import type { CheckStep, Finding, LogCheck } from "../../../eventlog/LogCheck.ts"
import { LogReadFailed, type LogTail, lossRemedy } from "../../../eventlog/reading.ts"
import { FoldCheck } from "./FoldCheck.ts"

/** So many findings are told; then the check ends, as it is clear that the log needs to be mended. */
const findingsMax = 20

/** Where a verification is. */
export interface VerificationReport {
  readonly finished: boolean
  /** No damage was found; there may be warnings. */
  readonly clean: boolean
  /** Seq that is done, and the last one. */
  readonly done: number
  readonly total: number
  readonly control: number
  readonly observations: number
  /** Snapshots that were compared with the fold of the records. */
  readonly snapshots: number
  /** Up to `findingsMax`. */
  readonly findings: ReadonlyArray<Finding>
  /** There is more than is told here. */
  readonly truncated: boolean
}

/** One verification of one log. */
export class Verification {
  /** Where the log ended when this began: so far it goes. */
  readonly end: LogTail
  readonly #log: LogArchiveShape
  readonly #check: LogCheck
  readonly #findings: Array<Finding> = []
  #fold: FoldCheck | undefined
  #control = 0
  #observations = 0
  #done = 0
  #total: number
  #finished = false

  constructor(log: LogArchiveShape) {
    this.#log = log
    this.#check = log.check()
    this.end = log.durable()
    this.#total = this.end.seq
  }

  get report(): VerificationReport {
    return {
      finished: this.#finished,
      clean: this.#findings.every(({ severity }) => severity === "warning"),
      done: this.#done,
      total: this.#total,
      control: this.#control,
      observations: this.#observations,
      snapshots: this.#fold?.compared ?? 0,
      findings: this.#findings.slice(0, findingsMax),
      truncated: this.#findings.length > findingsMax
    }
  }

  /** Does the next piece of it; fails if nothing can be read at all. */
  readonly step: Effect.Effect<void, LogReadFailed> = Effect.suspend(() => this.#next())

  #next(): Effect.Effect<void, LogReadFailed> {
    return Effect.gen({ self: this }, function* () {
      const step = yield* Effect.tryPromise({
        try: () => this.#check.next(),
        catch: (error) =>
          new LogReadFailed({ directory: "", detail: error instanceof Error ? error.message : `${error}` })
      })
      if (step === undefined || this.#findings.length > findingsMax) {
        this.#finished = true
        return
      }
      yield* this.#take(step)
    })
  }

  #take(step: CheckStep): Effect.Effect<void, LogReadFailed> {
    return Effect.gen({ self: this }, function* () {
      const { done, findings, records, total } = step
      this.#done = done
      this.#total = total
      this.#findings.push(...this.#opening(step), ...findings)
      for (const { kind } of records) {
        if (kind === "control") this.#control++
        else this.#observations++
      }
      const fold = this.#fold ?? (yield* this.#begin())
      this.#findings.push(...(yield* fold.take(records)))
    })
  }

  /** Why the log could not be opened whole, unless the files tell. */
  #opening({ findings }: CheckStep): ReadonlyArray<Finding> {
    const detail = this.#fold === undefined ? this.#log.damage() : undefined
    if (detail === undefined || findings.some(({ where }) => detail.includes(where.split("/").at(-1) ?? where)))
      return []
    return [{ severity: "damage", where: "the log, when it was opened", detail, remedy: lossRemedy }]
  }

  #begin(): Effect.Effect<FoldCheck, LogReadFailed> {
    return Effect.map(FoldCheck.make(this.#log), ([fold, findings]) => {
      this.#fold = fold
      this.#findings.push(...findings)
      return fold
    })
  }
}
