/**
 * The current values of a unit's mode pages: the defaults, and what MODE SELECT has changed. They belong to the disk,
 * not to a path to it (VPD page 87h), and are forgotten by a restart, and by a reset but for one: a cache that was
 * switched off stays off. Whoever did that has not flushed since, and a reset comes from anybody.
 */
import type { Bdev } from "../../bdev/Bdev.ts"
import {
  caching,
  control,
  errorRecovery,
  type ModePage,
  provisioning,
  thresholdResources,
  writeModePageHeader
} from "./mode-pages.ts"

/** A page with other values. */
export interface ModePageChange {
  readonly page: ModePage
  /** The whole page, with its header. */
  readonly bytes: Buffer
}

/** A soft threshold of a thin disk that an initiator has set. */
export interface ProvisioningThreshold {
  /** See `Resource`. */
  readonly resource: number
  /** In threshold sets. */
  readonly count: number
}

/** Default values of a page, with its header. */
const defaultsOf = (page: ModePage, bdev: Bdev): Buffer => {
  const bytes = Buffer.alloc(page.length)
  writeModePageHeader(page, bytes, 0)
  page.writeDefaults(bytes, bdev)
  return bytes
}

/** Of one unit. */
export class ModeValues {
  /** D_SENSE: sense data go in descriptor format. */
  descriptorSense = false
  /** SWP: nobody may write. */
  softwareWriteProtect = false
  /** Those that are enabled; none while LBPERE says that nobody is told. */
  thresholds: ReadonlyArray<ProvisioningThreshold> = []
  /** TAS: a command that another initiator aborts ends with TASK ABORTED. */
  taskAbortedStatus = false
  /** WCE is 0 where it could be 1: every write is on the medium when it is answered. */
  writeThrough = false
  readonly #changed = new Map<ModePage, Buffer>()

  /** The whole page, with its header: a copy. */
  current(page: ModePage, bdev: Bdev): Buffer {
    const bytes = defaultsOf(page, bdev)
    const changed = this.#changed.get(page)
    if (changed === undefined) return bytes
    // What cannot be changed may be another now: the bdev has the say there.
    for (const [byte, mask] of page.changeable(bdev)) {
      bytes[byte] = ((bytes[byte] ?? 0) & ~mask) | ((changed[byte] ?? 0) & mask)
    }
    return bytes
  }

  /** The default values. */
  defaults(page: ModePage, bdev: Bdev): Buffer {
    return defaultsOf(page, bdev)
  }

  /** Takes over values that have been checked. */
  change(changes: ReadonlyArray<ModePageChange>): void {
    for (const { bytes, page } of changes) this.#changed.set(page, bytes)
    this.#derive()
  }

  /** A reset: the defaults again (SPC-4 5.10), but for a write cache that is off. */
  reset(): void {
    for (const page of this.#changed.keys()) {
      if (page.code !== caching.code || !this.writeThrough) this.#changed.delete(page)
    }
    this.#derive()
  }

  #derive(): void {
    const bits = (code: number, byte: number, mask: number): boolean =>
      ((this.#changedPage(code, 0)?.[byte] ?? 0) & mask) !== 0
    this.descriptorSense = bits(control.code, control.senseByte, control.descriptorSenseBit)
    this.taskAbortedStatus = bits(control.code, control.abortedByte, control.taskAbortedStatusBit)
    this.softwareWriteProtect = bits(control.code, control.protectByte, control.softwareWriteProtectBit)
    const cachingPage = this.#changedPage(caching.code, 0)
    this.writeThrough =
      cachingPage !== undefined && ((cachingPage[caching.writeCacheByte] ?? 0) & caching.writeCacheBit) === 0
    const reports = bits(errorRecovery.code, errorRecovery.provisioningByte, errorRecovery.provisioningBit)
    this.thresholds = reports ? this.#enabledThresholds() : []
  }

  #enabledThresholds(): ReadonlyArray<ProvisioningThreshold> {
    const page = this.#changedPage(provisioning.code, provisioning.subpage)
    if (page === undefined) return []
    return thresholdResources.flatMap((resource, index) => {
      const at = provisioning.firstDescriptor + index * provisioning.descriptorLength
      if ((page.readUInt8(at) & provisioning.enabledBit) === 0) return []
      return [{ resource, count: page.readUInt32BE(at + provisioning.countByte) }]
    })
  }

  /** Values of a page that has others than the default ones; what is not changeable is zero by default. */
  #changedPage(code: number, subpage: number): Buffer | undefined {
    for (const [page, bytes] of this.#changed) if (page.code === code && page.subpage === subpage) return bytes
    return undefined
  }
}
