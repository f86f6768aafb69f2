/**
 * The place in the data path where a flight recorder sees every PDU. It only counts yet; it is in the path from the
 * start so that its cost is always measured.
 */

/** One per connection. */
export class PduRecorder {
  /** PDUs received and sent. */
  readonly counts = new Float64Array(2)

  /** A PDU with this header begins to arrive. The buffer is valid during the call only. */
  received(_b: Buffer, _at: number): void {
    this.counts[0] = (this.counts[0] ?? 0) + 1
  }

  /** The one that was told last is not taken yet: it is told again. */
  postponed(): void {
    this.counts[0] = (this.counts[0] ?? 0) - 1
  }

  /** A PDU with this header has been written to the output. */
  sent(_b: Buffer, _at: number): void {
    this.counts[1] = (this.counts[1] ?? 0) + 1
  }
}
