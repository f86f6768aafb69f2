/**
 * What initiator ports knew when they were last there. One that comes back soon has recovered from a lost connection,
 * and may have written before what a sync has lost since.
 */
import { nexusKey, nobody, type Registrant } from "./reservations/ReservationsView.ts"

/** How long a port is expected back, in milliseconds: hosts try for minutes before they give up a disk. */
const recoveryMillis = 600_000
/** Ports that are remembered. */
const portsMax = 256

interface Known {
  readonly syncFailures: number
  readonly leftAt: number
}

/** Of one unit. */
export class RecentPorts {
  readonly #known = new Map<string, Known>()

  /** A port has gone, which knew of so many failed syncs. `now` is in milliseconds. */
  gone(port: Registrant, syncFailures: number, now: number): void {
    if (port === nobody) return
    const key = nexusKey(port)
    this.#known.delete(key)
    this.#known.set(key, { syncFailures, leftAt: now })
    const [oldest] = this.#known.keys()
    if (this.#known.size > portsMax && oldest !== undefined) this.#known.delete(oldest)
  }

  /** A port is there: what it knew, if it has not been away for long. */
  back(port: Registrant, now: number): number | undefined {
    const key = nexusKey(port)
    const known = this.#known.get(key)
    this.#known.delete(key)
    return known !== undefined && now - known.leftAt < recoveryMillis ? known.syncFailures : undefined
  }
}
