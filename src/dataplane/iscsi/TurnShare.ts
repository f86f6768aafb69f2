/**
 * What one connection does in a turn of the event loop. It may read, and answer, as much as a turn is for; if that was
 * more than a little, and the turn has had enough or others wait, it is not read again before its next turn.
 */
import { lightWorkBytes, pduWorkBytes } from "../limits.ts"
import type { Transmitter } from "./Transmitter.ts"
import type { Turns } from "./Turns.ts"

/** One per connection. */
export class TurnShare {
  /** It waits for a later turn; nothing of it is read before. */
  waits = false
  readonly #turns: Turns
  readonly #transmitter: Transmitter
  readonly #readOn: (first: () => void) => void
  #pdus = 0
  #isUsedUp = false
  /** What had been answered when it was begun to read, in bytes. */
  #writtenBefore = 0
  /** The last turn that it has waited for, and what is left of it: counted already. */
  #turn = 0
  #ownBytes = 0

  /** `readOn` goes on reading, after `first`; it does nothing for a connection that ends. */
  constructor(turns: Turns, transmitter: Transmitter, readOn: (first: () => void) => void) {
    this.#turns = turns
    this.#transmitter = transmitter
    this.#readOn = readOn
  }

  /** It begins to read. */
  begin(): void {
    this.#turns.usedBy(this)
    this.#pdus = 0
    this.#isUsedUp = false
    this.#writtenBefore = this.#transmitter.writtenBytes
  }

  /** Another PDU has been read: whether that is enough for this turn. */
  isUsedUp(): boolean {
    const writtenBytes = this.#transmitter.writtenBytes - this.#writtenBefore
    this.#isUsedUp = ++this.#pdus * pduWorkBytes + writtenBytes > this.#turns.workBytesMax
    return this.#isUsedUp
  }

  /** The PDU that is read costs more than others: as many bytes could be moved meanwhile. */
  add(workBytes: number): void {
    this.#pdus += Math.ceil(workBytes / pduWorkBytes)
  }

  /** All that was read is answered and flushed: whether nothing more is to be read before it has its next turn. */
  end(receivedBytes: number): boolean {
    const writtenBytes = this.#transmitter.writtenBytes - this.#writtenBefore
    const workBytes = receivedBytes + this.#pdus * pduWorkBytes + writtenBytes
    if (workBytes < lightWorkBytes || this.waits) return false
    if (this.#turns.number !== this.#turn) this.#ownBytes = 0
    const uncounted = Math.max(0, workBytes - this.#ownBytes)
    this.#ownBytes = Math.max(0, this.#ownBytes - workBytes)
    const isEnough = uncounted > 0 && this.#turns.spend(uncounted)
    if (!(isEnough || this.#isUsedUp)) return false
    this.waits = true
    this.#turns.later(this.#turns.workBytesMax, this.#haveTurn)
    return true
  }

  readonly #haveTurn = (): void => {
    this.waits = false
    this.#turn = this.#turns.number
    this.#ownBytes = this.#turns.workBytesMax
    this.#readOn(() => {})
  }

  /** Does work of so many bytes, now or in a later turn; nothing more is read before. */
  slowly(workBytes: number, work: () => void): void {
    let isLate = false
    const isDone = this.#turns.soon(workBytes, () => {
      this.waits = false
      if (isLate) this.#readOn(work)
      else work()
    })
    isLate = !isDone
    this.waits = isLate
  }
}
