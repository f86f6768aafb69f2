/**
 * How far the data path is from what Node and the kernel allow: microseconds of CPU per IO of lunlog's RAM disk, and of
 * a server that receives and sends as many bytes in as many messages, in the same way, and does nothing else. Both are
 * loaded by the same client, in turns.
 *
 *   npm run bench -- limit [--seconds=1] [--rounds=5] [--workers=N]
 */
import type { Lunlog } from "../support/initiator/lunlog.ts"
import { type BenchContext, type Benchmark, roundOptions, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import { type LoadWorkload, loadOn, loadOptions, loadsInTurns, measureWorkloads } from "./support/load/bench-target.ts"
import type { EchoSizes } from "./support/load/EchoLanes.ts"
import { startEcho } from "./support/load/EchoServer.ts"
import { startLoad } from "./support/load/LoadGenerator.ts"
import { rowOf } from "./support/samples.ts"

const kib = 1024
const mib = 1024 * kib
const headerBytes = 48

interface Workload extends LoadWorkload {
  /** PDUs that a command and its data take on their way to the target. */
  readonly requestPdus: number
}

const workload = (
  name: string,
  title: string,
  kind: Workload["kind"],
  bytes: number,
  queueDepth: number,
  more: Partial<Workload> = {}
): Workload => {
  const order = bytes > 4 * kib ? "sequential" : "random"
  return { name, title, kind, bytes, queueDepth, order, sessions: 1, requestPdus: 1, ...more }
}

const workloads: ReadonlyArray<Workload> = [
  workload("randread4k-qd32", "4 KiB random read, queue depth 32", "read", 4 * kib, 32),
  workload("randwrite4k-qd32", "4 KiB random write, queue depth 32", "write", 4 * kib, 32),
  workload("read128k-qd8", "128 KiB read, queue depth 8", "read", 128 * kib, 8),
  workload("write1m-qd4", "1 MiB write, queue depth 4", "write", mib, 4, { requestPdus: 5 }),
  workload("randread4k-qd1", "4 KiB random read, queue depth 1", "read", 4 * kib, 1),
  workload("randread4k-qd32x4", "the first one in four sessions", "read", 4 * kib, 32, { sessions: 4 })
]

/** Requests for data are left out: the echo of a large write is one answer to all of it. */
const echoSizes = ({ bytes, kind, requestPdus }: Workload): EchoSizes => ({
  requestBytes: requestPdus * headerBytes + (kind === "write" ? bytes : 0),
  responseBytes: headerBytes + (kind === "read" ? bytes : 0)
})

const measure = async (context: BenchContext, workload: Workload, lunlog: Lunlog): Promise<Row> => {
  const echo = echoSizes(workload)
  const options = loadOn(context, lunlog, workload)
  await using server = await startEcho(echo)
  await using onLunlog = await startLoad(options)
  await using onEcho = await startLoad({ ...options, port: server.port, echo })
  const samples = await loadsInTurns(context, workload, [
    { label: "lunlog", load: onLunlog, pid: lunlog.process.pid },
    { label: "echo", load: onEcho, pid: server.pid }
  ])
  return rowOf(workload, samples, [{ over: "lunlog", under: "echo", better: "less" }])
}

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => [
  {
    name: "echo",
    title: "Distance to an echo of the same bytes",
    unit: "microseconds of the server's CPU per IO",
    contenders: ["lunlog", "echo"],
    chart: { kind: "bars" },
    rows: await measureWorkloads(context, workloads, (each, lunlog) => measure(context, each, lunlog))
  }
]

/** See the head of this file. */
export const limitBenchmark: Benchmark = {
  name: "limit",
  about: "the data path against an echo of the same bytes",
  options: { ...roundOptions("5", "1"), ...loadOptions(workloads, "write1m-qd4") },
  run
}

if (import.meta.main) await runBenchmark(limitBenchmark)
