/**
 * What header and data digests (CRC32C) cost: microseconds of target CPU per IO on a RAM disk, with sessions that have
 * both and sessions that have none, in turns. The client is the project's own: libiscsi offers no data digest.
 *
 *   npm run bench -- digests [--seconds=1] [--rounds=5] [--workers=N]
 */
import type { Lunlog } from "../support/initiator/lunlog.ts"
import { type BenchContext, type Benchmark, roundOptions, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import { type LoadWorkload, loadOn, loadOptions, loadsInTurns, measureWorkloads } from "./support/load/bench-target.ts"
import { startLoad } from "./support/load/LoadGenerator.ts"
import { rowOf } from "./support/samples.ts"

const kib = 1024

interface Workload extends LoadWorkload {
  /** Share of the throughput per CPU that digests are aimed to leave. */
  readonly aim: number
}

const workload = (kind: Workload["kind"], size: string, bytes: number, queueDepth: number): Workload => ({
  name: `${kind}${size.replaceAll(/[ iB]/g, "").toLowerCase()}-qd${queueDepth}`,
  title: `${size} ${kind}, queue depth ${queueDepth}`,
  kind,
  bytes,
  queueDepth,
  sessions: 1,
  order: bytes > 4 * kib ? "sequential" : "random",
  aim: bytes > 4 * kib ? 0.5 : 0.7
})

const workloads: ReadonlyArray<Workload> = (["read", "write"] as const).flatMap((kind) => [
  workload(kind, "4 KiB", 4 * kib, 32),
  workload(kind, "128 KiB", 128 * kib, 8),
  workload(kind, "1 MiB", 1024 * kib, 4)
])

const measure = async (context: BenchContext, workload: Workload, lunlog: Lunlog): Promise<Row> => {
  const options = loadOn(context, lunlog, workload)
  await using off = await startLoad({ ...options, digests: false })
  await using on = await startLoad({ ...options, digests: true })
  const { pid } = lunlog.process
  const samples = await loadsInTurns(context, workload, [
    { label: "off", load: off, pid },
    { label: "on", load: on, pid }
  ])
  return rowOf(workload, samples, [{ over: "off", under: "on", aim: { atLeast: workload.aim } }])
}

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => [
  {
    name: "cost",
    title: "Digests",
    unit: "microseconds of the target's CPU per IO",
    contenders: ["off", "on"],
    chart: { kind: "bars" },
    rows: await measureWorkloads(context, workloads, (each, lunlog) => measure(context, each, lunlog))
  }
]

/** See the head of this file. */
export const digestsBenchmark: Benchmark = {
  name: "digests",
  about: "what header and data digests cost",
  options: { ...roundOptions("5", "1"), ...loadOptions(workloads, "read4k-qd32") },
  run
}

if (import.meta.main) await runBenchmark(digestsBenchmark)
