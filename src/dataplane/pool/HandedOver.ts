/**
 * Connections that the front has handed over: which home has them, so that the front is told when they are no more, and
 * those that wait, because their target is moving or its home has failed.
 */

import { loginTimeoutMillis } from "../limits.ts"
import type { HandOver } from "../reactor/protocol.ts"
import type { HomeIndex } from "./Placement.ts"

/** Connections that wait at once: all initiators of a reactor that has failed come back together. */
const heldMax = 1_024

interface Given {
  readonly home: HomeIndex
  readonly handOver: HandOver
}

interface Held {
  readonly handOver: HandOver
  readonly timer: NodeJS.Timeout
}

/** What is done with connections. */
export interface HandedOverParts {
  /** Gives one to its home, whose index is the result; `wait`: not yet; `refuse`: never. */
  readonly give: (handOver: HandOver) => HomeIndex | "wait" | "refuse"
  /** Closes one, if nobody has its descriptor. */
  readonly abandon: (handOver: HandOver) => void
  /** Tells the front that one is no more. */
  readonly forget: (connection: number) => void
}

/** One per pool. */
export class HandedOver {
  readonly #parts: HandedOverParts
  readonly #given = new Map<number, Given>()
  readonly #held = new Map<number, Held>()
  /** Connections at homes, by target. */
  readonly #counts = new Map<string, number>()

  constructor(parts: HandedOverParts) {
    this.#parts = parts
  }

  /** Connections to a target that its home has. */
  countOf(target: string): number {
    return this.#counts.get(target) ?? 0
  }

  /** The front has one for a target. */
  take(handOver: HandOver): void {
    if (this.#tryGive(handOver)) return
    if (this.#held.size >= heldMax) return this.#refuse(handOver)
    const timer = setTimeout(() => {
      this.#held.delete(handOver.connection)
      this.#refuse(handOver)
    }, loginTimeoutMillis)
    this.#held.set(handOver.connection, { handOver, timer })
  }

  /** Something has changed: gives those that it can. */
  retry(): void {
    for (const [connection, { handOver, timer }] of [...this.#held]) {
      if (!this.#tryGive(handOver)) continue
      clearTimeout(timer)
      this.#held.delete(connection)
    }
  }

  /** A home says that it has one no more. */
  gone(connection: number): void {
    const given = this.#given.get(connection)
    if (given === undefined) return
    this.#given.delete(connection)
    this.#count(given.handOver.target, -1)
    this.#parts.forget(connection)
  }

  /** A home has failed: what it had is gone. Gives how many it had. */
  homeLost(home: HomeIndex): number {
    const lost = [...this.#given].filter(([, given]) => given.home === home)
    for (const [connection, { handOver }] of lost) {
      this.#parts.abandon(handOver)
      this.gone(connection)
    }
    return lost.length
  }

  /** Nobody waits any longer. */
  refuseAll(): void {
    for (const { handOver, timer } of this.#held.values()) {
      clearTimeout(timer)
      this.#refuse(handOver)
    }
    this.#held.clear()
  }

  /** False: it has to wait. */
  #tryGive(handOver: HandOver): boolean {
    const home = this.#parts.give(handOver)
    if (home === "wait") return false
    if (home === "refuse") this.#refuse(handOver)
    else {
      this.#given.set(handOver.connection, { home, handOver: { ...handOver, received: nothing } })
      this.#count(handOver.target, 1)
    }
    return true
  }

  #refuse(handOver: HandOver): void {
    this.#parts.abandon(handOver)
    this.#parts.forget(handOver.connection)
  }

  #count(target: string, by: number): void {
    const count = this.countOf(target) + by
    if (count > 0) this.#counts.set(target, count)
    else this.#counts.delete(target)
  }
}

/** What was received is its home's. */
const nothing = new Uint8Array(0)
