/** What opening a bdev comes to. */
import type { Bdev } from "./Bdev.ts"
import type { NvmeFound } from "./nvme/open-nvme-bdev.ts"

/** Why a bdev could not be opened, in plain values. */
export interface BdevFailure {
  readonly _tag: "BdevFailure"
  /**
   * A Linux errno name. `ENOMEM`: not enough memory; `ENODEV`: the base bdev is not there; `EINVAL`: a size no device
   * can have; for a file also what opening it came to.
   */
  readonly code: string
  readonly detail: string
}

/** The open device, or why there is none. */
export type OpenedBdev =
  | {
      readonly _tag: "BdevOpened"
      readonly bdev: Bdev
      /** Of an NVMe namespace: what it was found to be. */
      readonly nvme?: NvmeFound
    }
  | BdevFailure

/** `detail` is a sentence for the user. */
export const failure = (code: string, detail: string): BdevFailure => ({ _tag: "BdevFailure", code, detail })

/** The device is the caller's to close. */
export const opened = (bdev: Bdev): OpenedBdev => ({ _tag: "BdevOpened", bdev })
