/**
 * Who has a connection that is handed over: flags in memory that all reactors share, so that its descriptor is closed
 * exactly once whichever thread dies, and a connection that must give way cannot become a session meanwhile.
 */

/** What has happened to a connection that was handed over; none of it: it is on its way. */
const Flag = {
  /** Its home has the descriptor, or, if that is dead, who has cleared up after it. */
  taken: 1,
  /** It has a session. */
  established: 2,
  /** It must go: another one has its place. */
  evicted: 4,
  /** The slot has a connection. */
  used: 8
} as const

/** Slots of connections, as any thread sees them. */
export class Claims {
  readonly #flags: Int32Array
  #next = 0

  constructor(shared: SharedArrayBuffer) {
    this.#flags = new Int32Array(shared)
  }

  /** At the front: a slot for a connection; undefined if all are in use. */
  begin(): number | undefined {
    for (let tried = 0; tried < this.#flags.length; tried++) {
      const slot = this.#next
      this.#next = (slot + 1) % this.#flags.length
      if (Atomics.compareExchange(this.#flags, slot, 0, Flag.used) === 0) return slot
    }
    return undefined
  }

  /** At the front: the connection is no more. */
  end(slot: number): void {
    Atomics.store(this.#flags, slot, 0)
  }

  /**
   * Takes the descriptor. `taken`: the caller has it from now on. `evicted`: the same, but only to close it.
   * `lost`: another has it.
   */
  take(slot: number): "taken" | "evicted" | "lost" {
    const before = Atomics.or(this.#flags, slot, Flag.taken)
    if ((before & Flag.taken) !== 0) return "lost"
    return (before & Flag.evicted) === 0 ? "taken" : "evicted"
  }

  /** It is about to have a session. False: it must go. */
  establish(slot: number): boolean {
    const before = Atomics.or(this.#flags, slot, Flag.established)
    return (before & Flag.evicted) === 0 || (before & Flag.established) !== 0
  }

  /** It is to go, unless it has a session (false). */
  evict(slot: number): boolean {
    return (Atomics.or(this.#flags, slot, Flag.evicted) & Flag.established) === 0
  }

  /** Whether it must go. */
  isEvicted(slot: number): boolean {
    return (Atomics.load(this.#flags, slot) & (Flag.evicted | Flag.established)) === Flag.evicted
  }
}
