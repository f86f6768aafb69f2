/**
 * Which records of the log PDUs have led to, for captures: the last of them, as many as are of use while the PDUs
 * themselves are recorded.
 */
import type { PduRef } from "./reactor/protocol.ts"

const recordsMax = 4096

/** One per data plane. */
export class PduRecords {
  readonly #records: Array<PduRef & { readonly seq: number }> = []

  /** A PDU has led to a record; undefined: it was not written. */
  note(pdu: PduRef | undefined, seq: number | undefined): void {
    if (pdu === undefined || seq === undefined) return
    this.#records.push({ ...pdu, seq })
    if (this.#records.length > recordsMax) this.#records.splice(0, recordsMax / 4)
  }

  /** Those of a connection, from the PDU with this number on. */
  of(connection: number, from: number): ReadonlyArray<{ readonly ordinal: number; readonly seq: number }> {
    const own = this.#records.filter((record) => record.connection === connection && record.ordinal >= from)
    return own.map(({ ordinal, seq }) => ({ ordinal, seq }))
  }
}
