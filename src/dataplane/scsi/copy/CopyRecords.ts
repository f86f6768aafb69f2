/**
 * What a unit remembers of the copies that an initiator port has asked it for, by list identifier (SPC-4 5.17.4.2): for
 * RECEIVE COPY STATUS and RECEIVE COPY FAILURE DETAILS, each of which is told once. It goes with the nexus and with a
 * reset of the unit, and the oldest goes when there are too many.
 */
import type { Nexus } from "../Nexus.ts"
import { keptCopiesMax } from "./copy-limits.ts"

/** COPY COMMAND STATUS (SPC-4 table 254). */
export const CopyManagerStatus = { inProgress: 0x00, completed: 0x01, failed: 0x02 } as const
export type CopyManagerStatus = (typeof CopyManagerStatus)[keyof typeof CopyManagerStatus]

/** One copy. */
export class CopyRecord {
  /** 0..255; meaningless without `isNamed`. */
  readonly listIdentifier: number
  /** Its initiator may ask for it. */
  readonly isNamed: boolean
  status: CopyManagerStatus = CopyManagerStatus.inProgress
  /** Segments that are copied. */
  segmentsCopied = 0
  /** From the start of the first segment on, without a gap. */
  bytesWritten = 0
  /** Its end has been told by RECEIVE COPY STATUS. */
  statusTold = false
  /** Sense data of a copy that failed, until RECEIVE COPY FAILURE DETAILS has told it. */
  failureSense: Buffer | undefined

  constructor(listIdentifier: number, isNamed: boolean) {
    this.listIdentifier = listIdentifier
    this.isNamed = isNamed
  }
}

/** The copies of one nexus. */
export class CopyRecords {
  /** Oldest first; one per list identifier. */
  readonly #records = new Map<number, CopyRecord>()

  /** Copies that run, with a name or not. */
  running = 0

  /** The newest with this identifier. */
  find(listIdentifier: number): CopyRecord | undefined {
    return this.#records.get(listIdentifier)
  }

  /** Remembers a copy that begins, in place of an earlier one with its identifier, if it has one. */
  begin(record: CopyRecord): void {
    this.running++
    if (!record.isNamed) return
    this.#records.delete(record.listIdentifier)
    for (const [listIdentifier, { status }] of this.#records) {
      if (this.#records.size < keptCopiesMax) break
      if (status !== CopyManagerStatus.inProgress) this.#records.delete(listIdentifier)
    }
    this.#records.set(record.listIdentifier, record)
  }

  /** A copy has ended. */
  end(record: CopyRecord, status: CopyManagerStatus): void {
    this.running--
    record.status = status
  }

  /** Something of a copy that has ended was told; there may be nothing left to tell. */
  told(record: CopyRecord): void {
    if (!record.statusTold || record.failureSense !== undefined) return
    if (this.#records.get(record.listIdentifier) === record) this.#records.delete(record.listIdentifier)
  }
}

/** The copies that a nexus has asked for. */
export const copyRecordsOf = (nexus: Nexus): CopyRecords => {
  const { copyRecords } = nexus.unit
  const known = copyRecords.get(nexus)
  if (known !== undefined) return known
  const records = new CopyRecords()
  copyRecords.set(nexus, records)
  return records
}
