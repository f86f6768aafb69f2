/**
 * The rate limits of a reactor's bdevs: a `LimitedBdev` stands in for each bdev that has some, at its unit and under
 * what is stacked on it, and goes again when the limits do. Changes come between two commands, never within one.
 */
import type { Bdev } from "../bdev/Bdev.ts"
import { LimitedBdev } from "../bdev/wrapper/LimitedBdev.ts"
import type { RateLimits } from "../bdev/wrapper/RateLimiter.ts"
import { WrapperBdev } from "../bdev/wrapper/WrapperBdev.ts"
import type { LogicalUnit } from "../scsi/LogicalUnit.ts"
import type { BdevId, LimitReport } from "./protocol.ts"

/** One per reactor. */
export class BdevLimits {
  readonly #bdevs: ReadonlyMap<BdevId, Bdev>
  readonly #units: ReadonlyMap<BdevId, LogicalUnit>
  readonly #limited = new Map<BdevId, LimitedBdev>()

  /** Both are the reactor's own: bdevs without limits, and the units over them. */
  constructor(bdevs: ReadonlyMap<BdevId, Bdev>, units: ReadonlyMap<BdevId, LogicalUnit>) {
    this.#bdevs = bdevs
    this.#units = units
  }

  /** What IO goes to: the bdev, or its stand-in. */
  deviceOf(id: BdevId): Bdev | undefined {
    return this.#limited.get(id) ?? this.#bdevs.get(id)
  }

  /** Sets, changes or takes away (undefined) the limits of an open bdev. What waits goes by the new ones. */
  set(id: BdevId, limits: RateLimits | undefined): void {
    const bdev = this.#bdevs.get(id)
    const limited = this.#limited.get(id)
    if (bdev === undefined) return
    if (limits === undefined) {
      this.#limited.delete(id)
      if (limited === undefined) return
      this.#replace(limited, bdev)
      limited.releaseAll()
    } else if (limited === undefined) {
      const standIn = new LimitedBdev(bdev, limits)
      this.#limited.set(id, standIn)
      this.#replace(bdev, standIn)
    } else limited.setLimits(limits)
  }

  /** A bdev is about to be closed: what waits ends as aborted. */
  forget(id: BdevId): void {
    this.#limited.get(id)?.close()
    this.#limited.delete(id)
  }

  /** All of them. */
  forgetAll(): void {
    for (const id of [...this.#limited.keys()]) this.forget(id)
  }

  /** A LUN on `device` drains: its removal must not wait for a limit. */
  release(device: Bdev): void {
    for (let at = device; at instanceof WrapperBdev; at = at.base) if (at instanceof LimitedBdev) at.releaseAll()
  }

  /** Each bdev with limits, by its name, with its stand-in. */
  *standIns(): Iterable<readonly [BdevId, string, LimitedBdev]> {
    for (const [id, limited] of this.#limited) yield [id, this.#units.get(id)?.name ?? "", limited]
  }

  /** What waits, and what has waited, at each bdev with limits. */
  report(): ReadonlyArray<LimitReport> {
    return [...this.#limited].map(([bdev, { delayedCount, waitingCount }]) => ({ bdev, waitingCount, delayedCount }))
  }

  #replace(from: Bdev, by: Bdev): void {
    for (const unit of this.#units.values()) if (unit.bdev === from) unit.bdev = by
    for (const bdev of this.#bdevs.values()) {
      for (let at = bdev; at instanceof WrapperBdev && at !== by; at = at.base) if (at.base === from) at.base = by
    }
  }
}
