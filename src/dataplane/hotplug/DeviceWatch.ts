/**
 * Watches the devices of bdevs that are there: of those that are open, whether they still are what was opened; of those
 * that could not be opened, whether that may be worth another try.
 */
import type { Bdev } from "../../domain/bdev/Bdev.ts"
import type { BdevNews } from "../bdev/BdevNews.ts"
import { devicePath } from "./device-path.ts"
import { judgeDevice } from "./judge-device.ts"
import type { PathWatch, Watched } from "./PathWatch.ts"
import type { Seen } from "./Seen.ts"

/** What the driver says of a device that it has opened. */
export interface OpenedDevice {
  /** Of what the descriptor is of, as `Seen` has it; undefined if it does not say. */
  readonly identity: string | undefined
  /** Where it is now, if that may be elsewhere than the state has it. */
  readonly path: string | undefined
}

interface Device {
  readonly watched: Watched
  sequence: string | undefined
  isUnclear: boolean
}

/** One per data plane. A bdev is named by a key of the caller's. */
export class DeviceWatch {
  readonly #paths: PathWatch
  readonly #devices = new Map<string, Device>()

  constructor(paths: PathWatch) {
    this.#paths = paths
  }

  /**
   * It is open. `now` gives it as it is in the state, undefined when it
   * is not this one any more; `tell` gets what is found out.
   */
  open(key: string, opened: OpenedDevice, now: () => Bdev | undefined, tell: (news: BdevNews) => void): void {
    this.forget(key)
    const { identity, path = devicePathOf(now()) } = opened
    if (path === undefined) return
    const device: Device = {
      sequence: undefined,
      isUnclear: false,
      watched: this.#paths.watch(path, (seen) => {
        const bdev = now()
        if (bdev === undefined || this.#devices.get(key) !== device) return
        for (const news of this.#newsOf(device, path, identity, bdev, seen)) tell(news)
      })
    }
    this.#devices.set(key, device)
  }

  /** It could not be opened; `again` is called when its path is something else than before. */
  fail(key: string, bdev: Bdev, again: () => void): void {
    this.forget(key)
    const path = devicePathOf(bdev)
    if (path === undefined) return
    const watched = this.#paths.watch(path, (seen) => {
      if (seen._tag === "There") again()
    })
    this.#devices.set(key, { watched, sequence: undefined, isUnclear: false })
  }

  /** There is a reason to look at its device now. */
  look(key: string): void {
    this.#devices.get(key)?.watched.look()
  }

  /** It is nobody's any more. */
  forget(key: string): void {
    this.#devices.get(key)?.watched.close()
    this.#devices.delete(key)
  }

  #newsOf(device: Device, path: string, identity: string | undefined, { spec }: Bdev, seen: Seen): Array<BdevNews> {
    if (!("blockCount" in spec)) return []
    const { blockCount, blockSize } = spec
    const news = judgeDevice({ path, identity, sequence: device.sequence, blockSize, blockCount }, seen)
    if (seen._tag === "There") device.sequence ??= seen.sequence
    const isClearAgain = device.isUnclear && seen._tag !== "Unclear"
    device.isUnclear = seen._tag === "Unclear"
    return [...(isClearAgain ? [{ _tag: "Health", health: "ok", detail: "" } as const] : []), ...(news ? [news] : [])]
  }
}

const devicePathOf = (bdev: Bdev | undefined): string | undefined =>
  bdev === undefined ? undefined : devicePath(bdev.spec)
