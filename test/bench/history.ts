/**
 * What questions to a long event log cost: disk, start-up and memory of a target, and every `lunlog log` command, asked
 * of the running target and of its directory.
 *
 *   npm run bench -- history [--records=1000000] [--rounds=3] [--questions=18]
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
import { type BenchContext, type Benchmark, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import { rowOf } from "./support/samples.ts"

/** What is measured, and how often. */
interface HistoryBenchOptions {
  readonly records: number
  readonly rounds: number
  /** How many of the questions are asked. */
  readonly questions: number
}

/** One answer, in milliseconds; CPU of all processes that it took. */
interface Answer {
  /** Until the first byte. */
  readonly first: number
  readonly total: number
  readonly cpu: number
}

/** A question, asked of a directory or of a running target, once in each round. */
interface Asked {
  readonly what: string
  readonly source: "directory" | "target"
  readonly answers: ReadonlyArray<Answer>
}

/** What the log and its target are. */
interface HistoryBenchSizes {
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
  source: Asked["source"],
  args: ReadonlyArray<string>,
  from: ReadonlyArray<string>,
  cpuMillis: () => number,
  rounds: number
): Promise<Asked | undefined> => {
  const answers: Array<Answer> = []
  for (let round = 0; round < rounds; round++) {
    const before = cpuMillis()
    const answer = await ask([...args, ...from])
    if (answer === undefined) return undefined
    answers.push({ ...answer, cpu: cpuMillis() - before })
  }
  return { what: args.join(" "), source, answers }
}

const askAll = async (
  source: Asked["source"],
  from: ReadonlyArray<string>,
  cpuMillis: () => number,
  options: HistoryBenchOptions
): Promise<ReadonlyArray<Asked>> => {
  const rows: Array<Asked> = []
  for (const args of questions(options.records).slice(0, options.questions)) {
    const row = await measure(source, args, from, cpuMillis, args[0] === "verify" ? 1 : options.rounds)
    if (row === undefined) process.stderr.write(`lunlog log ${args.join(" ")}: not answered\n`)
    else rows.push(row)
  }
  return rows
}

/** Makes a log, and asks. */
const benchHistory = async (options: HistoryBenchOptions) => {
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

const sizeRows = (sizes: HistoryBenchSizes): ReadonlyArray<Row> => {
  const titles: Readonly<Record<keyof HistoryBenchSizes, string>> = {
    records: "records",
    controlRecords: "of them changes",
    bytesPerRecord: "bytes per record",
    indexBytesPerRecord: "bytes of the index per record",
    startMillis: "start of the target, ms",
    startCpuMillis: "start of the target, ms of CPU",
    residentMegabytes: "memory of the target, MB",
    anonymousMegabytes: "of that, not pages of files"
  }
  return Object.entries(titles).map(([name, title]) => {
    const value = Object.entries(sizes).find(([key]) => key === name)?.[1] ?? 0
    return rowOf({ name, title }, { lunlog: [value] })
  })
}

const questionRows = (asked: ReadonlyArray<Asked>): ReadonlyArray<Row> =>
  asked
    .filter(({ source }) => source === "directory")
    .map(({ what }) => {
      const answers = (source: Asked["source"]) =>
        asked.find((each) => each.source === source && each.what === what)?.answers ?? []
      const of = (source: Asked["source"]) => ({
        [`${source}: first byte`]: answers(source).map(({ first }) => first),
        [`${source}: CPU`]: answers(source).map(({ cpu }) => cpu)
      })
      const samples = Object.entries({ ...of("directory"), ...of("target") }).filter(([, taken]) => taken.length > 0)
      return rowOf({ name: what.replaceAll(/[^a-zA-Z0-9]+/g, "-"), title: `\`${what}\`` }, Object.fromEntries(samples))
    })

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const { rows, sizes } = await benchHistory({
    records: context.number("records"),
    rounds: context.number("rounds"),
    questions: context.number("questions")
  })
  const contenders = ["directory: first byte", "directory: CPU", "target: first byte", "target: CPU"]
  return [
    {
      name: "sizes",
      title: "The log and its target",
      unit: "as said",
      heading: "what",
      contenders: ["lunlog"],
      rows: sizeRows(sizes)
    },
    {
      name: "questions",
      title: "Questions to the log",
      unit: "milliseconds, with the start of the command",
      heading: "`lunlog log`",
      contenders,
      rows: questionRows(rows)
    }
  ]
}

/** See the head of this file. */
export const historyBenchmark: Benchmark = {
  name: "history",
  about: "questions to a long log",
  options: {
    records: { about: "length of the log", default: "1000000", smoke: "2000" },
    rounds: { about: "how often each question is asked", default: "3", smoke: "1" },
    questions: { about: "how many of the questions are asked", default: "18", smoke: "1" }
  },
  run
}

if (import.meta.main) await runBenchmark(historyBenchmark)
