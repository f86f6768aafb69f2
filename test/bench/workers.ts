/**
 * What threads for IO cost and give: CPU per IO, the latency of reads while RPC is busy, and what several targets do
 * together; with all IO in the main thread, and with workers, in turns.
 *
 *   npm run bench -- workers [--seconds=1] [--rounds=5] [--count=0,1,2]
 */
import { setTimeout as delay } from "node:timers/promises"
import { type Lunlog, startLunlog } from "../support/initiator/lunlog.ts"
import { type BenchContext, type Benchmark, roundOptions, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import { cpuPerOperation } from "./support/load/cpu-per-operation.ts"
import { fillUnit, type LoadGenerator, startLoad } from "./support/load/LoadGenerator.ts"
import type { LoadOptions } from "./support/load/LoadOptions.ts"
import { inTurns, rowOf, type Samples } from "./support/samples.ts"

const kib = 1024
const targets = ["a", "b", "c", "d"].map((name) => `iqn.2016-06.io.spdk:${name}`)
/** Between two rounds of calls: a busy monitor's. */
const pauseMillis = 5

interface Workload extends Pick<LoadOptions, "kind" | "bytes" | "queueDepth" | "order"> {
  readonly name: string
  readonly title: string
  readonly targetCount: number
}

const workload = (kind: Workload["kind"], size: number, queueDepth: number, targetCount = 1): Workload => ({
  name: `${kind}${size}k-qd${queueDepth}${targetCount > 1 ? `x${targetCount}` : ""}`,
  title: `${size} KiB ${kind}, queue depth ${queueDepth}${targetCount > 1 ? ` at each of ${targetCount} targets` : ""}`,
  kind,
  bytes: size * kib,
  queueDepth,
  order: size > 4 ? "sequential" : "random",
  targetCount
})

const workloads = [
  workload("read", 4, 32),
  workload("write", 4, 32),
  workload("read", 128, 8),
  workload("read", 4, 1),
  workload("read", 4, 32, targets.length)
]
const latencyOf = workload("read", 4, 1)

/** A target, and loads on it by workload. */
interface Contender {
  readonly label: string
  readonly lunlog: Lunlog
  readonly loads: ReadonlyMap<string, LoadGenerator>
}

const labelOf = (workers: number): string =>
  workers === 0 ? "main thread" : `${workers} worker${workers > 1 ? "s" : ""}`

const startContender = async (
  context: BenchContext,
  stack: AsyncDisposableStack,
  workers: number,
  wanted: ReadonlyArray<Workload>
): Promise<Contender> => {
  const mebibytes = context.number("mebibytes")
  const lunlog = stack.use(await startLunlog({ args: workers === 0 ? [] : ["--workers", String(workers)] }))
  for (const [index, name] of targets.entries()) {
    await lunlog.createMalloc(`Malloc${index}`, mebibytes)
    await lunlog.createTarget({ name, luns: { 0: `Malloc${index}` }, queueDepth: 128 })
    await fillUnit({ ...lunlog.endpoint, target: name, mebibytes })
  }
  const loads = new Map<string, LoadGenerator>()
  for (const { name, targetCount, title: _, ...load } of wanted) {
    const options = { ...lunlog.endpoint, ...load, unitBytes: mebibytes * kib * kib, sessions: targetCount }
    const generator = stack.use(await startLoad({ ...options, targets: targets.slice(0, targetCount) }))
    await generator.run(context.number("seconds"))
    loads.set(name, generator)
  }
  return { label: labelOf(workers), lunlog, loads }
}

const loadOf = ({ loads }: Contender, { name }: Workload): LoadGenerator => {
  const load = loads.get(name)
  if (load === undefined) throw new Error(`there is no load ${name}`)
  return load
}

const ratios = (context: BenchContext) =>
  countsOf(context)
    .filter((count) => count > 0)
    .map((count) => ({ over: labelOf(count), under: labelOf(0), better: "less" as const }))

const countsOf = (context: BenchContext): ReadonlyArray<number> => context.text("count").split(",").map(Number)

const costRows = async (
  context: BenchContext,
  contenders: ReadonlyArray<Contender>,
  wanted: ReadonlyArray<Workload>
): Promise<ReadonlyArray<Row>> => {
  const rows: Array<Row> = []
  for (const each of wanted) {
    const samples = await inTurns(contenders, context.number("rounds"), async (contender, round) => {
      const { pid } = contender.lunlog.process
      const micros = await cpuPerOperation(loadOf(contender, each), pid, context.number("seconds"))
      context.progress(`${each.name}, round ${round + 1}, ${contender.label}: ${micros.toFixed(1)} us`)
      return micros
    })
    rows.push(rowOf(each, samples, ratios(context)))
  }
  return rows
}

/** Makes and deletes a disk, and lists all, again and again while `make` runs. */
const whileCalling = async <A>({ lunlog }: Contender, make: () => Promise<A>): Promise<A> => {
  let isOver = false
  const calling = (async () => {
    while (!isOver) {
      await lunlog.createMalloc("Beside", 1)
      await lunlog.call("bdev_get_bdevs")
      await lunlog.call("bdev_malloc_delete", { name: "Beside" })
      await delay(pauseMillis)
    }
  })()
  try {
    return await make()
  } finally {
    isOver = true
    await calling
  }
}

const latencyRows = async (
  context: BenchContext,
  contenders: ReadonlyArray<Contender>
): Promise<ReadonlyArray<Row>> => {
  const [p50, p99, busy50, busy99]: ReadonlyArray<Record<string, Array<number>>> = [{}, {}, {}, {}]
  const add = (samples: Record<string, Array<number>> = {}, label: string, value: number): void => {
    samples[label] = [...(samples[label] ?? []), value]
  }
  await inTurns(contenders, context.number("rounds"), async (contender) => {
    const run = () => loadOf(contender, latencyOf).run(context.number("seconds"))
    const alone = (await run()).latency
    const beside = (await whileCalling(contender, run)).latency
    add(p50, contender.label, alone.p50)
    add(p99, contender.label, alone.p99)
    add(busy50, contender.label, beside.p50)
    add(busy99, contender.label, beside.p99)
    return beside.p99
  })
  const row = (name: string, title: string, samples: Samples = {}) => rowOf({ name, title }, samples, ratios(context))
  return [
    row("p50", "p50", p50),
    row("p99", "p99", p99),
    row("busy-p50", "p50 while disks are made and deleted by RPC", busy50),
    row("busy-p99", "p99 while disks are made and deleted by RPC", busy99)
  ]
}

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const names = context.text("only").split(",")
  const wanted = workloads.filter(({ name }) => names.includes(name))
  const needed = [...new Map([...wanted, latencyOf].map((each) => [each.name, each])).values()]
  await using stack = new AsyncDisposableStack()
  const started: Array<Contender> = []
  for (const count of countsOf(context)) started.push(await startContender(context, stack, count, needed))
  const contenders = started.map(({ label }) => label)
  const cost = { name: "cost", title: "Workers: CPU", unit: "microseconds of the target's CPU per IO", contenders }
  const latency = {
    name: "latency",
    title: "Workers: latency of 4 KiB reads, one at a time",
    unit: "microseconds",
    contenders
  }
  return [
    { ...cost, chart: { kind: "bars" }, rows: await costRows(context, started, wanted) },
    { ...latency, heading: "of reads", rows: await latencyRows(context, started) }
  ]
}

/** See the head of this file. */
export const workersBenchmark: Benchmark = {
  name: "workers",
  about: "what threads for IO cost and give",
  options: {
    ...roundOptions("5", "1"),
    only: { about: "workloads", default: workloads.map(({ name }) => name).join(","), smoke: "read4k-qd32" },
    count: { about: "numbers of workers; 0 is the main thread", default: "0,1,2", smoke: "0,1" },
    mebibytes: { about: "size of each of four disks", default: "256", smoke: "8" }
  },
  run
}

if (import.meta.main) await runBenchmark(workersBenchmark)
