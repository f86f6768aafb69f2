/**
 * What header and data digests (CRC32C) cost: microseconds of target CPU per IO on a RAM disk, with sessions that have
 * both and sessions that have none, in turns. The client is the project's own: libiscsi offers no data digest.
 *
 *   npm run bench -- digests [--seconds=1] [--rounds=5] [--workers=N]
 */
import { startLunlog } from "../support/initiator/lunlog.ts"
import { type BenchContext, type Benchmark, roundOptions, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import { cpuPerOperation } from "./support/load/cpu-per-operation.ts"
import { fillUnit, startLoad } from "./support/load/LoadGenerator.ts"
import type { LoadOptions } from "./support/load/LoadOptions.ts"
import { lunlogArgs, lunlogOptions } from "./support/lunlog-options.ts"
import { inTurns, rowOf } from "./support/samples.ts"

const targetName = "iqn.2016-06.io.spdk:digests"
const kib = 1024
const mib = 1024 * kib

interface Workload extends Pick<LoadOptions, "kind" | "bytes" | "queueDepth" | "order"> {
  readonly name: string
  readonly title: string
  /** Share of the throughput per CPU that digests are aimed to leave. */
  readonly aim: number
}

const workloads: ReadonlyArray<Workload> = (["read", "write"] as const).flatMap((kind) => [
  {
    ...{ name: `${kind}4k-qd32`, title: `4 KiB random ${kind}, queue depth 32` },
    ...{ kind, bytes: 4 * kib, queueDepth: 32, order: "random" as const, aim: 0.7 }
  },
  {
    ...{ name: `${kind}128k-qd8`, title: `128 KiB ${kind}, queue depth 8` },
    ...{ kind, bytes: 128 * kib, queueDepth: 8, order: "sequential" as const, aim: 0.5 }
  },
  {
    ...{ name: `${kind}1m-qd4`, title: `1 MiB ${kind}, queue depth 4` },
    ...{ kind, bytes: mib, queueDepth: 4, order: "sequential" as const, aim: 0.5 }
  }
])

const measure = async (
  context: BenchContext,
  workload: Workload,
  lunlog: { readonly pid: number; readonly port: number }
): Promise<Row> => {
  const unitBytes = context.number("mebibytes") * mib
  const common = { ...workload, host: "127.0.0.1", port: lunlog.port, sessions: 1, targets: [targetName], unitBytes }
  await using off = await startLoad({ ...common, digests: false })
  await using on = await startLoad({ ...common, digests: true })
  const contenders = [
    { label: "off", load: off },
    { label: "on", load: on }
  ]
  const seconds = context.number("seconds")
  // A round that does not count: the target compiles what it runs.
  for (const { load } of contenders) await load.run(seconds)
  const samples = await inTurns(contenders, context.number("rounds"), async ({ label, load }, round) => {
    const micros = await cpuPerOperation(load, lunlog.pid, seconds)
    context.progress(`${workload.name}, round ${round + 1}, digests ${label}: ${micros.toFixed(1)} us`)
    return micros
  })
  return rowOf(workload, samples, [{ over: "off", under: "on", aim: { atLeast: workload.aim } }])
}

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  await using lunlog = await startLunlog({ args: lunlogArgs(context) })
  await lunlog.createMalloc("Malloc0", context.number("mebibytes"))
  await lunlog.createTarget({ name: targetName, luns: { 0: "Malloc0" }, queueDepth: 128 })
  const { port } = lunlog.endpoint
  await fillUnit({ host: "127.0.0.1", port, target: targetName, mebibytes: context.number("mebibytes") })
  const names = context.text("only").split(",")
  const rows: Array<Row> = []
  for (const workload of workloads.filter(({ name }) => names.includes(name))) {
    rows.push(await measure(context, workload, { pid: lunlog.process.pid, port }))
  }
  return [
    {
      name: "cost",
      title: "Digests",
      unit: "microseconds of the target's CPU per IO",
      contenders: ["off", "on"],
      chart: { kind: "bars" },
      rows
    }
  ]
}

/** See the head of this file. */
export const digestsBenchmark: Benchmark = {
  name: "digests",
  about: "what header and data digests cost",
  options: {
    ...roundOptions("5", "1"),
    only: {
      about: "workloads",
      default: workloads.map(({ name }) => name).join(","),
      smoke: "read4k-qd32,write1m-qd4"
    },
    mebibytes: { about: "size of the disk", default: "1024", smoke: "16" },
    ...lunlogOptions
  },
  run
}

if (import.meta.main) await runBenchmark(digestsBenchmark)
