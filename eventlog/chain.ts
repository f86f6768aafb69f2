/**
 * Checks that records read in order are those that were written: no gap, no foreign record, no break in a hash chain.
 *
 * Only control records must be complete. Observations may begin anywhere (retention drops the oldest segments).
 */
import { numberOfKey } from "./key.ts"
import type { AcceptedLoss } from "./loss.ts"
import type { ControlRecord, LogRecord, ObservationRecord } from "./record.ts"

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

/** Follows both chains through records in the order of seq. */
export class ChainCheck {
  readonly #accepted: ReadonlyArray<AcceptedLoss>
  #control: ChainAnchor | undefined
  #observation: ObservationRecord | undefined

  /** Without `after` the first control record is taken as it is. */
  constructor(after: ChainAnchor | undefined, accepted: ReadonlyArray<AcceptedLoss>) {
    this.#control = after
    this.#accepted = accepted
  }

  /** The last control record that was right. */
  get control(): ChainAnchor | undefined {
    return this.#control
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
    return this.#accepted.some(({ afterHash, nextHash }) => afterHash === last.controlHash && nextHash === record.hash)
  }

  #nextObservation(record: ObservationRecord): ChainBreak | undefined {
    const last = this.#observation
    this.#observation = record
    if (last === undefined) return undefined
    const { segment, segmentNo, prevObservation, seq } = record
    const follows =
      segment === last.segment ? segmentNo === last.segmentNo + 1 : segmentNo === 1 && segment > last.segment
    if (follows && prevObservation === last.hash) return undefined
    if (this.#accepted.some(({ afterHash, nextHash }) => afterHash === last.hash && nextHash === record.hash)) {
      return undefined
    }
    return { seq, detail: `observations between ${last.seq} and ${seq} are gone or were exchanged` }
  }
}
