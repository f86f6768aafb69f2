/**
 * The process of a load generator: its argument is `LoadOptions` as JSON; it says when all are logged in, runs when it
 * is told to, and ends with its parent.
 */
import { EchoLanes } from "./EchoLanes.ts"
import { Histogram } from "./Histogram.ts"
import type { Lanes } from "./Lanes.ts"
import type { LoadMessage, LoadOrder } from "./LoadMessage.ts"
import type { LoadOptions } from "./LoadOptions.ts"
import { ScsiLanes } from "./ScsiLanes.ts"

const histogram = new Histogram()

const tell = (message: LoadMessage): void => void process.send?.(message)

const openOne = (options: LoadOptions, index: number): Promise<Lanes> => {
  const { echo, host, localAddresses = [], luns = [0], port, queueDepth, targets } = options
  const localAddress = localAddresses[index % Math.max(1, localAddresses.length)]
  const endpoint = { host, port, ...(localAddress === undefined ? {} : { localAddress }) }
  if (echo !== undefined) return EchoLanes.open(endpoint, queueDepth, histogram, echo)
  return ScsiLanes.open(histogram, {
    ...options,
    endpoint,
    luns,
    digests: options.digests === true,
    keys: options.keys ?? {},
    initiatorName: `iqn.2024-01.org.example:load-${process.pid}-${index}`,
    targetName: targets[index % Math.max(1, targets.length)] ?? "",
    seed: index + 1
  })
}

const openAll = async (options: LoadOptions): Promise<ReadonlyArray<Lanes>> => {
  const all: Array<Lanes> = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < options.sessions) all.push(await openOne(options, next++))
  }
  await Promise.all(Array.from({ length: options.loginsAtOnce ?? 16 }, worker))
  return all
}

const run = async (all: ReadonlyArray<Lanes>, seconds: number): Promise<void> => {
  histogram.clear()
  for (const each of all) each.errors = 0
  const start = performance.now()
  await Promise.all(all.map((each) => each.run(start + seconds * 1000)))
  const errors = all.reduce((sum, each) => sum + each.errors, 0)
  const took = (performance.now() - start) / 1000
  tell({
    _tag: "Ran",
    report: { operations: histogram.count, errors, seconds: took, latency: histogram.latencies() }
  })
}

const fail = (error: unknown): void => {
  tell({ _tag: "Failed", message: error instanceof Error ? error.message : String(error) })
}

const main = async (): Promise<void> => {
  const options: LoadOptions = JSON.parse(process.argv[2] ?? "{}")
  const all = await openAll(options)
  process.on("message", (order: LoadOrder) => void run(all, order.seconds).catch(fail))
  tell({ _tag: "Ready" })
}

process.once("disconnect", () => process.exit(0))
main().catch(fail)
