/**
 * Tells that operations on a file fail, so that an operator sees which file system is full or which disk is bad without
 * looking for single failures; and that it is over, once nothing has failed for a while.
 */
import { IoStatus } from "../Bdev.ts"
import type { TellNews } from "../BdevNews.ts"
import { ioStatusOf } from "../io-status-of.ts"

/** So long nothing must have failed, in milliseconds. */
export const quietMillis = 60_000

/** One per open file. */
export class FileHealth {
  readonly #filename: string
  readonly #tell: TellNews
  #lastFailure = 0
  #timer: NodeJS.Timeout | undefined

  constructor(filename: string, tell: TellNews) {
    this.#filename = filename
    this.#tell = tell
  }

  /** An operation has failed with this code. What passes by itself says nothing of the file. */
  failed(operation: string, code: string): void {
    const status = ioStatusOf(code)
    if (status === IoStatus.noMemory) return
    this.#lastFailure = performance.now()
    const detail =
      status === IoStatus.noSpace
        ? `there is no room in the file system of ${this.#filename} (${code})`
        : `a ${operation} of ${this.#filename} has failed (${code})`
    this.#tell({ _tag: "Health", health: "degraded", detail })
    if (this.#timer === undefined) this.#lookIn(quietMillis)
  }

  /** The file is closed. */
  stop(): void {
    clearTimeout(this.#timer)
  }

  #lookIn(millis: number): void {
    this.#timer = setTimeout(() => {
      const left = this.#lastFailure + quietMillis - performance.now()
      if (left > 0) return this.#lookIn(left)
      this.#timer = undefined
      this.#tell({ _tag: "Health", health: "ok", detail: `nothing of ${this.#filename} has failed for a minute` })
    }, millis).unref()
  }
}
