/** Failures of a device, told at a bounded rate: a broken disk fails as fast as it is asked. */
import type { IoFailed } from "../bdev/open-aio-bdev.ts"
import type { ReactorFact } from "./protocol.ts"

/** Between two facts of one bdev, in milliseconds. */
const intervalMillis = 1_000

/** `bdev` is its name. The first failure is told at once, others together with the next that is told. */
export const ioFailures = (bdev: string, emit: (fact: ReactorFact) => void): IoFailed => {
  let toldAt = Number.NEGATIVE_INFINITY
  let repeated = 0
  return (operation, code, byteOffset) => {
    const now = performance.now()
    repeated++
    if (now - toldAt < intervalMillis) return
    emit({ _tag: "BdevIoFailed", bdev, operation, code, byteOffset, repeated })
    toldAt = now
    repeated = 0
  }
}
