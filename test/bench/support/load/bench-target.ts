/** A target with one RAM disk, and what several loads in turns cost it: for the benchmarks that load it themselves. */
import { type Lunlog, startLunlog } from "../../../support/initiator/lunlog.ts"
import type { BenchContext, BenchOptions } from "../Benchmark.ts"
import type { Row } from "../BenchResult.ts"
import { lunlogArgs, lunlogOptions } from "../lunlog-options.ts"
import { inTurns, type Samples } from "../samples.ts"
import { cpuPerOperation } from "./cpu-per-operation.ts"
import { fillUnit, type LoadGenerator } from "./LoadGenerator.ts"
import type { LoadOptions } from "./LoadOptions.ts"

/** Its target's name; LUN 0 is the disk. */
export const benchTargetName = "iqn.2016-06.io.spdk:bench"

/** A workload of one of these benchmarks: what the load is, and how it is called. */
export interface LoadWorkload extends Pick<LoadOptions, "kind" | "bytes" | "queueDepth" | "sessions" | "order"> {
  readonly name: string
  readonly title: string
}

/** A load, and the process whose CPU is counted. */
export interface LoadContender {
  readonly label: string
  readonly load: LoadGenerator
  readonly pid: number
}

/** Options of these benchmarks: which of the workloads, how large the disk is, how the target is started. */
export const loadOptions = (workloads: ReadonlyArray<LoadWorkload>, smoke: string): BenchOptions => ({
  only: { about: "workloads", default: workloads.map(({ name }) => name).join(","), smoke },
  mebibytes: { about: "size of the disk", default: "1024", smoke: "16" },
  ...lunlogOptions
})

/** What a load generator needs to know to use the disk. */
export const loadOn = (context: BenchContext, { endpoint }: Lunlog, workload: LoadWorkload): LoadOptions => {
  const { bytes, kind, order, queueDepth, sessions } = workload
  const unitBytes = context.number("mebibytes") * 1024 * 1024
  return { ...endpoint, targets: [benchTargetName], unitBytes, bytes, kind, order, queueDepth, sessions }
}

/** Starts the target, fills its disk, and measures the chosen workloads one after the other. */
export const measureWorkloads = async <W extends LoadWorkload>(
  context: BenchContext,
  workloads: ReadonlyArray<W>,
  measure: (workload: W, lunlog: Lunlog) => Promise<Row>
): Promise<ReadonlyArray<Row>> => {
  const mebibytes = context.number("mebibytes")
  await using lunlog = await startLunlog({ args: lunlogArgs(context) })
  await lunlog.createMalloc("Malloc0", mebibytes)
  await lunlog.createTarget({ name: benchTargetName, luns: { 0: "Malloc0" }, queueDepth: 128 })
  await fillUnit({ ...lunlog.endpoint, target: benchTargetName, mebibytes })
  const names = context.text("only").split(",")
  const rows: Array<Row> = []
  for (const workload of workloads.filter(({ name }) => names.includes(name))) {
    rows.push(await measure(workload, lunlog))
  }
  return rows
}

/** Microseconds of CPU per operation of each load, in turns. */
export const loadsInTurns = async (
  context: BenchContext,
  workload: LoadWorkload,
  contenders: ReadonlyArray<LoadContender>
): Promise<Samples> => {
  const seconds = context.number("seconds")
  // A round that does not count: whoever is loaded compiles what it runs.
  for (const { load } of contenders) await load.run(seconds)
  return await inTurns(contenders, context.number("rounds"), async ({ label, load, pid }, round) => {
    const micros = await cpuPerOperation(load, pid, seconds)
    context.progress(`${workload.name}, round ${round + 1}, ${label}: ${micros.toFixed(1)} us`)
    return micros
  })
}
