/**
 * Checks that records read in order are those that were written: no gap, no foreign record, no break in a hash chain.
 *
 * Control records must be complete. Of observations retention drops the oldest segments: they begin where it says.
 */

import { numberOfKey } from "./key.ts"
import type { AcceptedLoss } from "./loss.ts"
import type { ControlRecord, LogRecord, ObservationRecord } from "./record.ts"
import type { Expired } from "./retain/expired.ts"

/** A control record that what follows must continue. */
export interface ChainAnchor {
  readonly controlSeq: number
  readonly controlNo: number
  readonly controlHash: string
}

/** In front of control record 1. */
export const chainStart: ChainAnchor = { controlSeq: 0, controlNo: 0, controlHash: "" }

/** What is wrong and where: the record itself or the last one before it that is right. */
export interface ChainBreak {
  readonly seq: number
  readonly detail: string
}

/** What a check must know beside the records. */
export interface ChainContext {
  /** Breaks that somebody accepted knowingly. */
  readonly accepted: ReadonlyArray<AcceptedLoss>
  /** What retention has dropped by now: it may drop more while records are being read. */
  readonly expired: () => Expired | undefined
  /** Whether the first observation that is read must be the first that there is. */
  readonly fromFirst: boolean
}

/** Follows both chains through records in the order of seq. */
export class ChainCheck {
  readonly #context: ChainContext
  #control: ChainAnchor | undefined
  #observation: ObservationRecord | undefined

  /** Without `after` the first control record is taken as it is. */
  constructor(after: ChainAnchor | undefined, context: ChainContext) {
    this.#control = after
    this.#context = context
  }

  /** The last control record that was right. */
  get control(): ChainAnchor | undefined {
    return this.#control
  }

  /** Goes on behind a record that did not fit. */
  resume(record: LogRecord): void {
    if (record.kind === "observation") this.#observation = record
    else this.#control = { controlSeq: record.seq, controlNo: record.controlNo, controlHash: record.hash }
  }

  /** Takes the next record, or says why it cannot be the next one. */
  next(key: string, record: LogRecord): ChainBreak | undefined {
    if (numberOfKey(key) !== record.seq) return { seq: record.seq, detail: `lies under the key ${key}` }
    return record.kind === "control" ? this.#nextControl(record) : this.#nextObservation(record)
  }

  #nextControl(record: ControlRecord): ChainBreak | undefined {
    const last = this.#control
    const { controlNo, hash, seq } = record
    if (last !== undefined && !this.#continues(last, record)) {
      const missing = controlNo - last.controlNo - 1
      return {
        seq,
        detail:
          missing > 0
            ? `${missing} control records between ${last.controlSeq} and ${seq} are gone`
            : `control record ${controlNo} does not continue control record ${last.controlNo}`
      }
    }
    this.#control = { controlSeq: seq, controlNo, controlHash: hash }
    return undefined
  }

  #continues(last: ChainAnchor, record: ControlRecord): boolean {
    if (record.controlNo === last.controlNo + 1 && record.prevControl === last.controlHash) return true
    return this.#isAccepted(last.controlHash, record)
  }

  #nextObservation(record: ObservationRecord): ChainBreak | undefined {
    const last = this.#observation
    this.#observation = record
    if (last === undefined && !this.#context.fromFirst) return undefined
    const { prevObservation, segment, segmentNo, seq } = record
    const expired = this.#context.expired()
    // Retention has gone on since it was read: what it continued may be gone, and so is this by now.
    if (expired !== undefined && seq <= expired.through) return undefined
    // Retention drops whole segments; a part of a log that was imported may begin within one.
    const isFirst = expired === undefined ? segmentNo === 1 && prevObservation === "" : prevObservation === expired.hash
    if (isFirst && (last?.seq ?? 0) <= (expired?.through ?? 0)) return undefined
    const hash = last?.hash ?? expired?.hash ?? ""
    if (this.#isAccepted(hash, record)) return undefined
    const after = last?.seq ?? expired?.through ?? 0
    const detail = `observations between ${after} and ${seq} are gone or were exchanged`
    if (last === undefined) return { seq, detail }
    const follows =
      segment === last.segment ? segmentNo === last.segmentNo + 1 : segmentNo === 1 && segment > last.segment
    return follows && prevObservation === last.hash ? undefined : { seq, detail }
  }

  #isAccepted(hash: string, record: LogRecord): boolean {
    return this.#context.accepted.some(({ afterHash, nextHash }) => afterHash === hash && nextHash === record.hash)
  }
}
