/**
 * What a large configuration costs: planned and applied by the command line on a server of its own. 1,000 targets with
 * 10 LUNs each, all on null bdevs. CPU is user and system, with all threads.
 *
 *   npm run bench -- config [--targets=1000] [--luns=10]
 */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { readNativeFile } from "../../src/config/native/NativeFile.ts"
import { cpuSeconds, endedChildrenCpuSeconds } from "../support/cpu-time.ts"
import {
  freePort,
  makeDirectory,
  projectDirectory,
  removeDirectory,
  startTarget,
  type TargetProcess
} from "../support/target-process.ts"
import { type BenchContext, type Benchmark, runBenchmark } from "./support/Benchmark.ts"
import type { Table } from "./support/BenchResult.ts"
import { rowOf } from "./support/samples.ts"

const chunkLength = 32 * 1024

/** Milliseconds: of the clock, and of CPU (user and system) in both processes. */
interface ConfigBenchRow {
  readonly what: string
  readonly millis: number
  readonly targetCpuMillis: number
  readonly cliCpuMillis: number
}

/** A file with so many targets; every LUN is a bdev of its own. */
export const largeConfig = (port: number, targets: number, lunsPerTarget: number): string => {
  const indexes = Array.from({ length: targets }, (_, target) => target)
  const luns = Array.from({ length: lunsPerTarget }, (_, lun) => lun)
  return [
    "bdevs:",
    ...indexes.flatMap((target) => luns.map((lun) => `  - { type: "null", name: N${target}_${lun}, size: 1MiB }`)),
    `portalGroups: [{ tag: 1, portals: ["127.0.0.1:${port}"] }]`,
    "initiatorGroups: [{ tag: 1, initiators: [ANY], netmasks: [127.0.0.0/8] }]",
    "targets:",
    ...indexes.flatMap((target) => [
      `  - name: t${target}`,
      "    maps: [{ portalGroup: 1, initiatorGroup: 1 }]",
      `    luns: [${luns.map((lun) => `{ lun: ${lun}, bdev: N${target}_${lun} }`).join(", ")}]`
    ]),
    ""
  ].join("\n")
}

/** What it takes from now on until the result is called. */
const stopwatch = ({ pid }: TargetProcess): ((what: string) => ConfigBenchRow) => {
  const [start, target] = [performance.now(), cpuSeconds(pid)]
  // Asking for the CPU time starts children itself.
  const cli = endedChildrenCpuSeconds()
  return (what) => {
    const millis = performance.now() - start
    const cliCpuMillis = (endedChildrenCpuSeconds() - cli) * 1000
    return { what, millis, targetCpuMillis: (cpuSeconds(pid) - target) * 1000, cliCpuMillis }
  }
}

/** One call of the command line; its exit code must be `code`. */
const timed = (served: TargetProcess, what: string, code: number, args: ReadonlyArray<string>): ConfigBenchRow => {
  const stop = stopwatch(served)
  const { status, stderr } = spawnSync(process.execPath, [join(projectDirectory, "bin/lunlog.js"), ...args], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    timeout: 600_000
  })
  if (status !== code) throw new Error(`lunlog ${args.join(" ")} ended with ${status}: ${stderr}`)
  return stop(what)
}

/** The target's own part of a plan: without starting a command line, and without reading YAML. */
const timedPlanning = async (served: TargetProcess, text: string): Promise<ConfigBenchRow> => {
  const { config } = await Effect.runPromise(readNativeFile("large.yaml", text))
  const json = JSON.stringify(config)
  for (let at = 0; at < json.length; at += chunkLength) {
    const params = { name: "large.yaml", chunk: json.slice(at, at + chunkLength), restart: at === 0 }
    await served.rpc.call("lunlog_config_upload", params)
  }
  const stop = stopwatch(served)
  await served.rpc.call("lunlog_config_plan", {}, 600_000)
  return stop("lunlog_config_plan, the first")
}

/** Makes a server, and measures on it. */
const measure = async (targets: number, lunsPerTarget: number): Promise<ReadonlyArray<ConfigBenchRow>> => {
  const directory = makeDirectory("bench-config")
  try {
    const port = await freePort()
    const file = join(directory, "large.yaml")
    const text = largeConfig(port, targets, lunsPerTarget)
    await using served = await startTarget({ directory })
    const call = (what: string, code: number, command: string, ...args: ReadonlyArray<string>) =>
      timed(served, what, code, [command, "-r", served.socketPath, file, ...args])
    writeFileSync(file, text)
    const rows = [
      await timedPlanning(served, text),
      call("plan of all of it", 2, "plan"),
      call("apply of all of it", 0, "apply", "--yes"),
      call("plan of no change", 0, "plan"),
      call("apply of no change", 0, "apply", "--yes")
    ]
    writeFileSync(file, text.replace("{ lun: 0, bdev: N0_0 }", "{ lun: 100, bdev: N0_0 }"))
    rows.push(call("plan of one change", 2, "plan"), call("apply of one change", 0, "apply", "--yes"))
    writeFileSync(file, "targets: []\n")
    rows.push(call("apply of the removal of all of it", 0, "apply", "--yes"))
    return rows
  } finally {
    removeDirectory(directory)
  }
}

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const [targets, luns] = [context.number("targets"), context.number("luns")]
  const taken: Array<ReadonlyArray<ConfigBenchRow>> = []
  for (let round = 0; round < context.number("rounds"); round++) taken.push(await measure(targets, luns))
  const [first = []] = taken
  const rows = first.map(({ what }, index) => {
    const all = taken.flatMap((each) => each.slice(index, index + 1))
    const samples = {
      elapsed: all.map(({ millis }) => millis),
      "CPU of the target": all.map(({ targetCpuMillis }) => targetCpuMillis),
      "CPU of the command": all.map(({ cliCpuMillis }) => cliCpuMillis)
    }
    return rowOf({ name: what.replaceAll(/[ ,]+/g, "-"), title: what }, samples)
  })
  const title = `${targets.toLocaleString("en")} targets with ${luns} LUNs each`
  const contenders = ["elapsed", "CPU of the target", "CPU of the command"]
  return [{ name: "large", title, unit: "milliseconds", heading: "what", contenders, rows }]
}

/** See the head of this file. */
export const configBenchmark: Benchmark = {
  name: "config",
  about: "what a large configuration costs",
  options: {
    rounds: { about: "how often everything is done", default: "1" },
    targets: { about: "targets in the file", default: "1000", smoke: "3" },
    luns: { about: "LUNs of each, every one a bdev of its own", default: "10", smoke: "2" }
  },
  run
}

if (import.meta.main) await runBenchmark(configBenchmark)
