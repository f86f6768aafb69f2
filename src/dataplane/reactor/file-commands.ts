/** What a reactor is asked about files that are disks. */

import type { Bdev } from "../bdev/Bdev.ts"
import { AioBdev } from "../bdev/file/AioBdev.ts"
import { contentSaveTimeoutMillis, fileCloseTimeoutMillis } from "../limits.ts"
import type { ReactorAnswer } from "./protocol.ts"

/**
 * After `close`: `done` when nothing reaches its medium any more. An operation that hangs is not waited for, unless
 * answered writes would be lost by it; and then not for ever.
 */
export const whenDeviceClosed = (bdev: Bdev | undefined, done: () => void): void => {
  if (bdev?.whenClosed === undefined) return done()
  let isTold = false
  const tell = (): void => {
    clearTimeout(timer)
    if (!isTold) done()
    isTold = true
  }
  const timer = setTimeout(tell, bdev.isSaving === true ? contentSaveTimeoutMillis : fileCloseTimeoutMillis)
  bdev.whenClosed(tell)
}

/** How many whole blocks its file has now. */
export const measureFile = (bdev: Bdev | undefined, answer: (answer: ReactorAnswer) => void): void => {
  if (!(bdev instanceof AioBdev)) return answer({ _tag: "Failed", code: "ENODEV", detail: "it is no open file" })
  bdev.measure((blockCount, code) =>
    answer(
      blockCount === undefined
        ? { _tag: "Failed", code, detail: `its file cannot be looked at: ${code}` }
        : { _tag: "BdevMeasured", blockCount }
    )
  )
}
