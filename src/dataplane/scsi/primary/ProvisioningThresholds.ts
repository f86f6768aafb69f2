/**
 * The soft thresholds of a thin disk (SBC-3 4.7.3.8): an initiator sets them by MODE SELECT (page 1Ch/02h, and LBPERE
 * of page 01h), and every initiator is told once when as much is used, or as little left. One that was reached is
 * armed again when it is not any more.
 *
 * The disk is only watched while there is a threshold.
 */
import type { Bdev } from "../../bdev/Bdev.ts"
import type { Provisioning } from "../../bdev/memory/Provisioning.ts"
import type { ProvisioningThreshold } from "./ModeValues.ts"
import { Resource, resourceCounts } from "./provisioning-resources.ts"

const isReached = ({ count, resource }: ProvisioningThreshold, bdev: Bdev): boolean => {
  const { available, used } = resourceCounts(bdev)
  return resource === Resource.available ? available <= count : used >= count
}

/** Of one unit. */
export class ProvisioningThresholds {
  readonly #reachedNow: () => void
  #watched: Provisioning | undefined
  #thresholds: ReadonlyArray<ProvisioningThreshold> = []
  #reached: ReadonlyArray<boolean> = []
  #bdev: Bdev | undefined

  /** `reached` is called for each threshold that is reached. */
  constructor(reached: () => void) {
    this.#reachedNow = reached
  }

  /** These thresholds from now on. One that is reached already is told of when it is reached again. */
  set(thresholds: ReadonlyArray<ProvisioningThreshold>, bdev: Bdev): void {
    this.stop()
    if (thresholds.length === 0 || bdev.provisioning === undefined) return
    this.#bdev = bdev
    this.#thresholds = thresholds
    this.#reached = thresholds.map((threshold) => isReached(threshold, bdev))
    this.#watched = bdev.provisioning
    this.#watched.listeners.add(this.#look)
  }

  /** There are none any more. */
  stop(): void {
    this.#watched?.listeners.delete(this.#look)
    this.#watched = undefined
    this.#thresholds = []
  }

  readonly #look = (): void => {
    const bdev = this.#bdev
    if (bdev === undefined) return
    const before = this.#reached
    this.#reached = this.#thresholds.map((threshold) => isReached(threshold, bdev))
    this.#reached.forEach((reached, index) => {
      if (reached && before[index] !== true) this.#reachedNow()
    })
  }
}
