/** What of a bdev can change while it is open, as its reactor is told. */
import type { Bdev, BdevHistogram, BdevQos } from "../domain/bdev/Bdev.ts"
import type { HistogramKind, HistogramRequest } from "../domain/Statistics.ts"
import type { RateLimits } from "./bdev/wrapper/RateLimiter.ts"
import type { ReactorClient } from "./ReactorClient.ts"
import type { BdevId } from "./reactor/protocol.ts"

const mebibyte = 1024 * 1024

const limitsOf = (qos: BdevQos): RateLimits => ({
  readWriteIos: qos.readWriteIops,
  readWriteBytes: qos.readWriteMiBPerSecond * mebibyte,
  readBytes: qos.readMiBPerSecond * mebibyte,
  writeBytes: qos.writeMiBPerSecond * mebibyte
})

const kindOf = (ioType: string): HistogramKind =>
  ioType === "read" || ioType === "write" || ioType === "unmap" || ioType === "flush" ? ioType : "other"

const histogramOf = ({ granularity, ioType, maxNanos, minNanos }: BdevHistogram): HistogramRequest => ({
  granularity,
  minNanos,
  maxNanos,
  kind: ioType === undefined ? undefined : kindOf(ioType)
})

/** Makes the open bdev `id`, which is as `before`, what it is to be now. */
export const tellBdevChanges = (
  { send }: ReactorClient,
  bdev: BdevId,
  before: Pick<Bdev, "histogram" | "qos" | "spec">,
  { histogram, qos, spec }: Bdev
): void => {
  const was = before.spec
  if ("blockCount" in spec && "blockCount" in was && spec.blockCount !== was.blockCount) {
    send({ _tag: "ResizeBdev", bdev, blockCount: spec.blockCount })
  }
  if (spec._tag === "Delay" && spec !== was) send({ _tag: "SetLatencies", bdev, latencies: spec })
  if (qos !== before.qos) send({ _tag: "SetRateLimits", bdev, limits: qos === undefined ? undefined : limitsOf(qos) })
  if (histogram !== before.histogram) {
    send({ _tag: "SetHistogram", bdev, histogram: histogram === undefined ? undefined : histogramOf(histogram) })
  }
}
