/**
 * How far the data path is from what Node and the kernel allow: microseconds of CPU per IO of lunlog's RAM disk, and of
 * a server that receives and sends as many bytes in as many messages, in the same way, and does nothing else. Both are
 * loaded by the same client, in turns.
 *
 *   npm run bench -- limit [--seconds=1] [--rounds=5] [--workers=N]
 */
import { startLunlog } from "../support/initiator/lunlog.ts"
import { type BenchContext, type Benchmark, roundOptions, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import { cpuPerOperation } from "./support/load/cpu-per-operation.ts"
import type { EchoSizes } from "./support/load/EchoLanes.ts"
import { startEcho } from "./support/load/EchoServer.ts"
import { fillUnit, startLoad } from "./support/load/LoadGenerator.ts"
import type { LoadOptions } from "./support/load/LoadOptions.ts"
import { lunlogArgs, lunlogOptions } from "./support/lunlog-options.ts"
import { inTurns, rowOf } from "./support/samples.ts"

const targetName = "iqn.2016-06.io.spdk:limit"
const kib = 1024
const mib = 1024 * kib
const headerBytes = 48

interface Workload extends Pick<LoadOptions, "kind" | "bytes" | "queueDepth" | "sessions" | "order"> {
  readonly name: string
  readonly title: string
  /** PDUs that a command and its data take on their way to the target. */
  readonly requestPdus: number
}

const workloads: ReadonlyArray<Workload> = [
  {
    ...{ name: "randread4k-qd32", title: "4 KiB random read, queue depth 32", order: "random", requestPdus: 1 },
    ...{ kind: "read", bytes: 4 * kib, queueDepth: 32, sessions: 1 }
  },
  {
    ...{ name: "randwrite4k-qd32", title: "4 KiB random write, queue depth 32", order: "random", requestPdus: 1 },
    ...{ kind: "write", bytes: 4 * kib, queueDepth: 32, sessions: 1 }
  },
  {
    ...{ name: "read128k-qd8", title: "128 KiB read, queue depth 8", order: "sequential", requestPdus: 1 },
    ...{ kind: "read", bytes: 128 * kib, queueDepth: 8, sessions: 1 }
  },
  {
    ...{ name: "write1m-qd4", title: "1 MiB write, queue depth 4", order: "sequential", requestPdus: 5 },
    ...{ kind: "write", bytes: mib, queueDepth: 4, sessions: 1 }
  },
  {
    ...{ name: "randread4k-qd1", title: "4 KiB random read, queue depth 1", order: "random", requestPdus: 1 },
    ...{ kind: "read", bytes: 4 * kib, queueDepth: 1, sessions: 1 }
  },
  {
    ...{ name: "randread4k-qd32x4", title: "the first one in four sessions", order: "random", requestPdus: 1 },
    ...{ kind: "read", bytes: 4 * kib, queueDepth: 32, sessions: 4 }
  }
]

/** Requests for data are left out: the echo of a large write is one answer to all of it. */
const echoSizes = ({ bytes, kind, requestPdus }: Workload): EchoSizes => ({
  requestBytes: requestPdus * headerBytes + (kind === "write" ? bytes : 0),
  responseBytes: headerBytes + (kind === "read" ? bytes : 0)
})

const measure = async (
  context: BenchContext,
  workload: Workload,
  lunlog: { readonly pid: number; readonly port: number }
): Promise<Row> => {
  const echo = echoSizes(workload)
  await using server = await startEcho(echo)
  const unitBytes = context.number("mebibytes") * mib
  const common = { ...workload, host: "127.0.0.1", targets: [targetName], unitBytes }
  await using onLunlog = await startLoad({ ...common, port: lunlog.port })
  await using onEcho = await startLoad({ ...common, port: server.port, echo })
  const contenders = [
    { label: "lunlog", load: onLunlog, pid: lunlog.pid },
    { label: "echo", load: onEcho, pid: server.pid }
  ]
  const seconds = context.number("seconds")
  // A round that does not count: both compile what they run.
  for (const { load } of contenders) await load.run(seconds)
  const samples = await inTurns(contenders, context.number("rounds"), async ({ label, load, pid }, round) => {
    const micros = await cpuPerOperation(load, pid, seconds)
    context.progress(`${workload.name}, round ${round + 1}, ${label}: ${micros.toFixed(1)} us`)
    return micros
  })
  return rowOf(workload, samples, [{ over: "lunlog", under: "echo", better: "less" }])
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
      name: "echo",
      title: "Distance to an echo of the same bytes",
      unit: "microseconds of the server's CPU per IO",
      contenders: ["lunlog", "echo"],
      chart: { kind: "bars" },
      rows
    }
  ]
}

/** See the head of this file. */
export const limitBenchmark: Benchmark = {
  name: "limit",
  about: "the data path against an echo of the same bytes",
  options: {
    ...roundOptions("5", "1"),
    only: {
      about: "workloads",
      default: workloads.map(({ name }) => name).join(","),
      smoke: "randread4k-qd32,write1m-qd4"
    },
    mebibytes: { about: "size of the disk", default: "1024", smoke: "16" },
    ...lunlogOptions
  },
  run
}

if (import.meta.main) await runBenchmark(limitBenchmark)
