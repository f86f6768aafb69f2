/**
 * The current values of a unit's mode pages: the defaults, and what MODE SELECT has changed. They belong to the disk,
 * not to a path to it (VPD page 87h), and are forgotten by a reset and by a restart.
 */
import type { Bdev } from "../../bdev/Bdev.ts"
import { control, type ModePage, writeModePageHeader } from "./mode-pages.ts"

/** A page with other values. */
export interface ModePageChange {
  readonly page: ModePage
  /** The whole page, with its header. */
  readonly bytes: Buffer
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
  readonly #changed = new Map<ModePage, Buffer>()

  /** The whole page, with its header: a copy. */
  current(page: ModePage, bdev: Bdev): Buffer {
    const bytes = defaultsOf(page, bdev)
    const changed = this.#changed.get(page)
    if (changed === undefined) return bytes
    // What cannot be changed may be another now: the bdev has the say there.
    for (const [byte, mask] of page.changeable) {
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

  /** A reset: the defaults again (SPC-4 5.10). */
  reset(): void {
    this.#changed.clear()
    this.#derive()
  }

  #derive(): void {
    const bits = (code: number, byte: number, mask: number): boolean => {
      for (const [page, bytes] of this.#changed) {
        if (page.code === code && page.subpage === 0) return ((bytes[byte] ?? 0) & mask) !== 0
      }
      return false
    }
    this.descriptorSense = bits(control.code, control.senseByte, control.descriptorSenseBit)
    this.softwareWriteProtect = bits(control.code, control.protectByte, control.softwareWriteProtectBit)
  }
}
