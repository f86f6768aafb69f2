/**
 * How long it takes until `lunlog serve` lets initiators in, and what of that is whose: Node's own start, modules, the
 * log, disks and portals; and how long short commands take. As the package has it, and from source in a checkout.
 */
import { join } from "node:path"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"
import {
  buildPackage,
  checkout,
  type Installation,
  makeLargeState,
  makeSmallState,
  type ServerStart,
  type Start,
  timeCommand,
  timeModules,
  timeNode,
  timeServer
} from "./startup/starts.ts"
import { type BenchContext, type Benchmark, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import { rowOf } from "./support/samples.ts"

const contenders = ["package", "checkout", "node"]
const ratios = [
  { over: "package", under: "node", better: "less" },
  { over: "checkout", under: "node", better: "less" }
] as const

/** What is started, in a folder of its own. */
interface Case {
  readonly name: string
  readonly title: string
  readonly start: (installation: Installation, directory: string, runs: number) => Promise<Start>
}

const inNewDirectory = async <A>(use: (directory: string) => Promise<A>): Promise<A> => {
  const directory = makeDirectory("startup")
  try {
    return await use(directory)
  } finally {
    removeDirectory(directory)
  }
}

const command = (name: string, args: ReadonlyArray<string>): Case => ({
  name,
  title: `\`lunlog ${args.join(" ")}\``,
  start: async (installation, _, runs) => timeCommand(installation, args, runs)
})

const server = (name: string, title: string, make: Case["start"]): Case => ({
  name: `serve-${name}`,
  title: `\`lunlog serve\`, ${title}`,
  start: make
})

const onRecords = (records: number): Case =>
  server(
    String(records),
    `${records.toLocaleString("en")} records and no snapshot`,
    async (installation, directory) => {
      await makeLargeState(directory, records)
      return timeServer(installation, directory)
    }
  )

const small = async (installation: Installation, directory: string, cached: boolean): Promise<ServerStart> => {
  await makeSmallState(installation, directory)
  return timeServer(installation, directory, { cached })
}

const furtherCases: ReadonlyArray<Case> = [
  command("completion", ["completion", "bash"]),
  command("status", ["status", "-r", "/nowhere"]),
  server("uncached", "a small log, without Node's compile cache", (one, directory) => small(one, directory, false))
]

const casesOf = ({ flag, text }: BenchContext): ReadonlyArray<Case> => [
  command("version", ["--version"]),
  ...(flag("few") ? [] : furtherCases),
  ...text("records").split(",").filter(Boolean).map(Number).map(onRecords)
]

/** The parts of a server's start with a small log, and the whole. */
const phases = async (
  installation: Installation,
  node: Start,
  directory: string,
  runs: number
): Promise<{ readonly whole: ServerStart; readonly parts: ReadonlyArray<number> }> => {
  const modules = timeModules(installation, runs).elapsed
  const whole = await timeServer(installation, directory)
  const { announced, elapsed } = whole
  return { whole, parts: [node.elapsed, modules - node.elapsed, announced - modules, elapsed - announced] }
}

const phaseTitles = [
  ["node", "Node itself"],
  ["modules", "modules"],
  ["log", "the log, its fold, the control socket"],
  ["portals", "disks, targets, portals"]
] as const

/** Samples by contender, taken together. */
class Gathered {
  readonly elapsed: Record<string, Array<number>> = {}
  readonly cpu: Record<string, Array<number>> = {}

  add(contender: string, { cpu, elapsed }: Start): void {
    this.elapsed[contender] = [...(this.elapsed[contender] ?? []), elapsed]
    this.cpu[contender] = [...(this.cpu[contender] ?? []), cpu]
  }

  row(name: string, title: string, of: "elapsed" | "cpu"): Row {
    return rowOf({ name, title }, this[of], ratios)
  }
}

const sampled = async (
  cases: ReadonlyArray<Case>,
  installations: ReadonlyArray<Installation>,
  { number, progress }: BenchContext
): Promise<ReadonlyArray<readonly [Case, Gathered]>> => {
  const all: Array<readonly [Case, Gathered]> = []
  for (const each of cases) {
    const gathered = new Gathered()
    progress(each.title)
    for (let round = 0; round < number("rounds"); round++) {
      gathered.add("node", timeNode(["-e", "0"], number("runs")))
      for (const one of installations) {
        gathered.add(one.label, await inNewDirectory((directory) => each.start(one, directory, number("runs"))))
      }
    }
    all.push([each, gathered])
  }
  return all
}

const samplePhases = async (installations: ReadonlyArray<Installation>, { number, progress }: BenchContext) => {
  const whole = new Gathered()
  const parts = phaseTitles.map((): Record<string, Array<number>> => ({}))
  for (const one of installations) {
    progress(`lunlog serve, a small log: ${one.label}`)
    await inNewDirectory(async (directory) => {
      await makeSmallState(one, directory)
      for (let round = 0; round < number("rounds"); round++) {
        const node = timeNode(["-e", "0"], number("runs"))
        const sample = await phases(one, node, directory, number("runs"))
        if (one.label === "package") whole.add("node", node)
        whole.add(one.label, sample.whole)
        sample.parts.forEach((millis, part) => {
          const taken = parts[part] ?? {}
          taken[one.label] = [...(taken[one.label] ?? []), millis]
        })
      }
    })
  }
  return { whole, parts }
}

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> =>
  inNewDirectory(async (directory) => {
    const installations = [await buildPackage(join(directory, "package")), checkout]
    const { parts, whole } = await samplePhases(installations, context)
    const cases = await sampled(casesOf(context), installations, context)
    const rows = (of: "elapsed" | "cpu"): ReadonlyArray<Row> => [
      whole.row("serve", "`lunlog serve`, a small log", of),
      ...cases.map(([{ name, title }, gathered]) => gathered.row(name, title, of))
    ]
    const heading = "command"
    return [
      {
        name: "phases",
        title: "What the start of a server with a small log is made of",
        unit: "ms",
        heading: "part",
        contenders: contenders.slice(0, 2),
        rows: phaseTitles.map(([name, title], part) => rowOf({ name, title }, parts[part] ?? {}))
      },
      {
        name: "elapsed",
        title: "Until it has ended, or its portals accept",
        unit: "ms",
        heading,
        contenders,
        rows: rows("elapsed")
      },
      {
        name: "cpu",
        title: "The same in CPU time, with all threads",
        unit: "ms",
        heading,
        contenders,
        rows: rows("cpu")
      }
    ]
  })

export const startupBenchmark: Benchmark = {
  name: "startup",
  about: "how long servers and commands take to start, and what of that is whose",
  options: {
    rounds: { about: "samples of each start", default: "5", smoke: "1" },
    runs: { about: "starts of a short command in one sample", default: "5", smoke: "1" },
    few: { about: "only servers and --version", default: false, smoke: true },
    records: { about: "lengths of logs to start on", default: "1000,100000", smoke: "" }
  },
  run
}

if (import.meta.main) await runBenchmark(startupBenchmark)
