/**
 * What questions to a long event log cost: disk, start-up and memory of a target, and every `lunlog log` command, asked
 * of the running target and of its directory. This file also runs by itself:
 * `npm run bench -- history [--records=1000000] [--rounds=3] [--json]`.
 */
import { spawn } from "node:child_process"
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { indexLog } from "../../eventlog/open-for-reading.ts"
import { fillHistory } from "../../src/domain/history-snapshots.ts"
import { recordTagging } from "../../src/history/record-tags.ts"
import { anonymousBytes, cpuSeconds, endedChildrenCpuSeconds, residentBytes } from "../support/cpu-time.ts"
import { writeLargeLog } from "../support/large-log.ts"
import { names } from "../support/large-log-play.ts"
import { freePort, makeDirectory, projectDirectory, removeDirectory, startTarget } from "../support/target-process.ts"

/** What is measured, and how often: the best of the rounds counts. */
export interface HistoryBenchOptions {
  readonly records: number
  readonly rounds: number
}

/** A question, asked of a directory or of a running target. Milliseconds; CPU of all processes that it took. */
export interface HistoryBenchRow {
  readonly what: string
  readonly source: "directory" | "target"
  /** Until the first byte of the answer. */
  readonly first: number
  readonly total: number
  readonly cpu: number
}

/** What the log and its target are. */
export interface HistoryBenchSizes {
  readonly records: number
  readonly controlRecords: number
  readonly bytesPerRecord: number
  readonly indexBytesPerRecord: number
  readonly startMillis: number
  readonly startCpuMillis: number
  readonly residentMegabytes: number
  /** Of that, without pages of files: LevelDB maps its tables. */
  readonly anonymousMegabytes: number
}

const bytesOf = (directory: string): number =>
  readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)

/** As a target that ran all the time would have left it. */
const prepare = async (directory: string, records: number) => {
  const log = join(directory, "state", "log")
  const port = await freePort()
  const { tail } = await writeLargeLog({ directory: log, records, cast: { port } })
  const plain = bytesOf(log)
  await Effect.runPromise(indexLog(log, recordTagging))
  const running = LevelEventLog.make({ directory: log, ballastBytes: 0 })
  const filled = Effect.flatMap(running, (log) => {
    log.setRetention({ observationsMax: records, observationsMaxAgeMillis: 100 * 365 * 86_400_000 })
    return fillHistory(log, 0)
  })
  await Effect.runPromise(Effect.scoped(filled))
  return { controlRecords: tail.controlNo, plain, indexed: bytesOf(log) }
}

/** Arguments of `lunlog log`; the name of the command comes first. */
const questions = (records: number): ReadonlyArray<ReadonlyArray<string>> => {
  const middle = Math.floor(records / 2)
  const lun = `${names.target(3)}:1`
  return [
    ["tail", "-n", "1"],
    ["tail", "-n", "20"],
    ["tail", "-n", "20", "--type", "LunRemoved"],
    ["tail", "-n", "20", "--type", "EpochStarted"],
    ["tail", "-n", "20", "--initiator", names.initiator(3), "--object", names.target(3)],
    ["tail", "-n", "20", "--until", `${middle}`],
    ["show", `${middle}`],
    ["state", "--at", `${middle}`],
    ["state", "--at", "2026-01-10T12:00:00Z"],
    ["state"],
    ["diff", `${middle}`, `${middle + 1000}`],
    ["diff", "1000", "HEAD"],
    ["why", lun],
    ["why", names.bdev(7)],
    ["bisect", "--check", `test $LUNLOG_SEQ -lt ${Math.round(records / 3)}`, "--good", "1000"],
    ["timeline"],
    ["export", "--from", `${middle}`, "--to", `${middle + 10_000}`],
    ["verify"]
  ]
}

/** One call; undefined if this version has no such command or option. */
const ask = (args: ReadonlyArray<string>): Promise<{ readonly first: number; readonly total: number } | undefined> =>
  new Promise((resolve) => {
    const start = performance.now()
    let first: number | undefined
    const child = spawn(process.execPath, [join(projectDirectory, "bin/lunlog.js"), "log", ...args], {
      stdio: ["ignore", "pipe", "ignore"]
    })
    child.stdout.on("data", () => {
      first ??= performance.now() - start
    })
    child.once("close", (code) => {
      const total = performance.now() - start
      resolve(code === 0 || first !== undefined ? { first: first ?? total, total } : undefined)
    })
  })

const measure = async (
  source: HistoryBenchRow["source"],
  args: ReadonlyArray<string>,
  from: ReadonlyArray<string>,
  cpuMillis: () => number,
  rounds: number
): Promise<HistoryBenchRow | undefined> => {
  let best: HistoryBenchRow | undefined
  for (let round = 0; round < rounds; round++) {
    const before = cpuMillis()
    const answer = await ask([...args, ...from])
    if (answer === undefined) return undefined
    const row = { what: args.join(" "), source, ...answer, cpu: cpuMillis() - before }
    if (best === undefined || row.first < best.first) best = row
  }
  return best
}

const askAll = async (
  source: HistoryBenchRow["source"],
  from: ReadonlyArray<string>,
  cpuMillis: () => number,
  { records, rounds }: HistoryBenchOptions
): Promise<ReadonlyArray<HistoryBenchRow>> => {
  const rows: Array<HistoryBenchRow> = []
  for (const args of questions(records)) {
    const row = await measure(source, args, from, cpuMillis, args[0] === "verify" ? 1 : rounds)
    if (row === undefined) process.stderr.write(`lunlog log ${args.join(" ")}: not answered\n`)
    else rows.push(row)
  }
  return rows
}

/** Makes a log, and asks. */
export const benchHistory = async (options: HistoryBenchOptions) => {
  const directory = makeDirectory("bench-history")
  try {
    const { controlRecords, indexed, plain } = await prepare(directory, options.records)
    const ended = () => endedChildrenCpuSeconds() * 1000
    const rows = [...(await askAll("directory", ["--state", join(directory, "state")], ended, options))]
    const start = performance.now()
    await using target = await startTarget({ directory, readyMillis: 120_000 })
    const sizes: HistoryBenchSizes = {
      records: options.records,
      controlRecords,
      bytesPerRecord: plain / options.records,
      indexBytesPerRecord: (indexed - plain) / options.records,
      startMillis: performance.now() - start,
      startCpuMillis: cpuSeconds(target.pid) * 1000,
      residentMegabytes: residentBytes(target.pid) / 1e6,
      anonymousMegabytes: anonymousBytes(target.pid) / 1e6
    }
    const both = () => ended() + cpuSeconds(target.pid) * 1000
    rows.push(...(await askAll("target", ["-r", target.socketPath], both, options)))
    return { sizes, rows }
  } finally {
    removeDirectory(directory)
  }
}

const numberOption = (name: string, otherwise: number): number => {
  const given = process.argv.find((arg) => arg.startsWith(`--${name}=`))
  return given === undefined ? otherwise : Number(given.slice(name.length + 3))
}

const print = ({ rows, sizes }: Awaited<ReturnType<typeof benchHistory>>): void => {
  for (const [name, value] of Object.entries(sizes)) console.log(`${name.padEnd(22)} ${Math.round(value)}`)
  console.log("\nmilliseconds: until the first byte, beyond that of `tail -n 1`, until the end, and CPU")
  const column = (value: number): string => Math.round(value).toString().padStart(8)
  for (const { cpu, first, source, total, what } of rows) {
    const base = rows.find((row) => row.source === source)?.first ?? 0
    console.log(`${source.padEnd(9)} ${what.padEnd(80)} ${[first, first - base, total, cpu].map(column).join(" ")}`)
  }
}

if (import.meta.main) {
  const results = await benchHistory({ records: numberOption("records", 1_000_000), rounds: numberOption("rounds", 3) })
  if (process.argv.includes("--json")) console.log(JSON.stringify(results))
  else print(results)
}
