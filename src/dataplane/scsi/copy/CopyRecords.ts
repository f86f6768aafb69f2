/**
 * What a unit remembers of the copies that an initiator port has asked it for, by list identifier: for RECEIVE COPY
 * RESULTS (SPC-4 6.4.3.2). It goes with the nexus, and the oldest goes when there are too many.
 */
import type { Nexus } from "../Nexus.ts"
import { keptCopiesMax } from "./copy-limits.ts"

/** COPY MANAGER STATUS (SPC-4 table 227). */
export const CopyManagerStatus = { inProgress: 0x00, completed: 0x01, failed: 0x02 } as const
export type CopyManagerStatus = (typeof CopyManagerStatus)[keyof typeof CopyManagerStatus]

/** One copy. */
export class CopyRecord {
  /** 0..255; meaningless without `isNamed`. */
  readonly listIdentifier: number
  /** Its initiator may ask for it. */
  readonly isNamed: boolean
  status: CopyManagerStatus = CopyManagerStatus.inProgress
  segmentsProcessed = 0
  bytesWritten = 0
  /** SCSI status of a copy that failed, and the sense data that went with it. */
  failureStatus = 0
  failureSense: Buffer = Buffer.alloc(0)

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

  /** Forgets one that has ended, because its initiator has learnt how. */
  forget(record: CopyRecord): void {
    if (this.#records.get(record.listIdentifier) === record) this.#records.delete(record.listIdentifier)
  }
}

const recordsByNexus = new WeakMap<Nexus, CopyRecords>()

/** The copies that a nexus has asked for. */
export const copyRecordsOf = (nexus: Nexus): CopyRecords => {
  const known = recordsByNexus.get(nexus)
  if (known !== undefined) return known
  const records = new CopyRecords()
  recordsByNexus.set(nexus, records)
  return records
}
