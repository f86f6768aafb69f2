/**
 * What a large configuration costs: planned and applied by the command line on a server of its own. 1,000 targets with
 * 10 LUNs each, all on null bdevs. `npm run bench -- config [--json]`; this file also runs by itself.
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

const chunkLength = 32 * 1024

export interface ConfigBenchOptions {
  readonly targets?: number
  readonly lunsPerTarget?: number
}

/** Milliseconds: of the clock, and of CPU (user and system) in both processes. */
export interface ConfigBenchRow {
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
export const benchConfig = async (options: ConfigBenchOptions = {}): Promise<ReadonlyArray<ConfigBenchRow>> => {
  const { lunsPerTarget = 10, targets = 1000 } = options
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

if (import.meta.main) {
  const rows = await benchConfig()
  if (process.argv.includes("--json")) console.log(JSON.stringify(rows))
  else {
    console.log(
      "1,000 targets, 10,000 LUNs, 10,000 bdevs; milliseconds: elapsed, CPU of the target, CPU of the command"
    )
    const column = (value: number): string => Math.round(value).toString().padStart(8)
    for (const { cliCpuMillis, millis, targetCpuMillis, what } of rows)
      console.log(`${what.padEnd(36)} ${column(millis)} ${column(targetCpuMillis)} ${column(cliCpuMillis)}`)
  }
}
