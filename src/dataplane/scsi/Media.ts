/**
 * The medium of a removable unit: whether it is in, and which initiators have it locked in (SPC-4 6.18, SBC-3 5.24).
 * Nothing of it is kept over a restart: the medium is in again, and every lock went with its nexus.
 */

/** Of one unit. `Lock` is what a lock belongs to: an I_T_L nexus. */
export class Media<Lock> {
  /** Initiators can take the medium out. Others have one that is always in. */
  readonly removable: boolean
  loaded = true
  readonly #locks = new Set<Lock>()

  constructor(removable: boolean) {
    this.removable = removable
  }

  /** Somebody has locked it in. */
  get locked(): boolean {
    return this.#locks.size > 0
  }

  /** An initiator locks it in. */
  prevent(nexus: Lock): void {
    this.#locks.add(nexus)
  }

  /** An initiator lets go of it, or is gone. */
  allow(nexus: Lock): void {
    this.#locks.delete(nexus)
  }

  /** A reset: nobody has it locked in any more (SPC-4 6.18). */
  allowAll(): void {
    this.#locks.clear()
  }
}
