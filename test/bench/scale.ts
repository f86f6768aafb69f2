/**
 * What grows with how much there is: CPU per read, login, discovery, memory and an idle target's CPU with up to so many
 * sessions, targets, LUNs and idle sessions, each in a server of its own; and what RPC and IO do to each other.
 */
import { setTimeout as delay } from "node:timers/promises"
import { besideTables } from "./scale/beside.ts"
import { GrownTarget, type TargetSize } from "./scale/GrownTarget.ts"
import { type BenchContext, type Benchmark, roundOptions, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import type { LoadGenerator } from "./support/load/LoadGenerator.ts"
import { lunlogArgs, lunlogOptions } from "./support/lunlog-options.ts"
import { inTurns, ratioOf, rowOf, type Samples } from "./support/samples.ts"

const lunsPerTargetMax = 100
const queueDepth = 32
/** Of all sessions together: one session's is the target's default. */
const totalDepth = 64
const mebibyte = 1024 * 1024

const sizeOf = (targets: number, lunsPerTarget: number, idleSessions: number): TargetSize => ({
  targets,
  lunsPerTarget,
  idleSessions
})

/** What there is more and more of. */
const series: Readonly<Record<string, (count: number) => TargetSize>> = {
  targets: (count) => sizeOf(count, 1, 0),
  luns: (count) => sizeOf(Math.ceil(count / lunsPerTargetMax), Math.min(count, lunsPerTargetMax), 0),
  idle: (count) => sizeOf(1, 1, count)
}
const titles: Readonly<Record<string, string>> = { targets: "targets", luns: "LUNs", idle: "idle sessions" }

type Metric = "read" | "login" | "discovery" | "memory" | "cpu" | "session"

/** Samples of one metric by series and count. */
class Grown {
  readonly #samples = new Map<Metric, Map<number, Record<string, ReadonlyArray<number>>>>()

  put(metric: Metric, contender: string, samples: Samples): void {
    const counts = this.#samples.get(metric) ?? new Map<number, Record<string, ReadonlyArray<number>>>()
    this.#samples.set(metric, counts)
    for (const [count, taken] of Object.entries(samples)) {
      const row = counts.get(Number(count)) ?? {}
      row[contender] = taken
      counts.set(Number(count), row)
    }
  }

  /** With the ratio to the row of the fewest, which should be 1: nobody pays for what others have. */
  rows(metric: Metric, isFlat: boolean): ReadonlyArray<Row> {
    const counts = [...(this.#samples.get(metric) ?? [])].toSorted(([a], [b]) => a - b)
    const [[fewest, first] = [0, {}]] = counts
    return counts.map(([count, samples]) => {
      const row = rowOf({ name: String(count), title: count.toLocaleString("en"), at: count }, samples)
      if (!isFlat || count === fewest) return row
      const ratios = Object.keys(samples).flatMap((contender) => {
        const both: Samples = { [contender]: samples[contender] ?? [], [fewest]: first[contender] ?? [] }
        // Active sessions batch less, the more of them share the same queue depth.
        const aim = contender === activeSessions ? {} : { aim: { atMost: flatRatio } }
        const ratio = { over: contender, under: String(fewest), better: "less", ...aim } as const
        return ratioOf(both, ratio) ?? []
      })
      return { ...row, ratios }
    })
  }
}

const activeSessions = "sessions"
/** Beyond it a cost grows: what differs by less is noise. */
const flatRatio = 1.25

const countsOf = (context: BenchContext, name: string): ReadonlyArray<number> =>
  context.text(name).split(",").filter(Boolean).map(Number)

/** Uses all, and ends them. */
const withAll = async <A extends AsyncDisposable>(
  starts: ReadonlyArray<() => Promise<A>>,
  use: (all: ReadonlyArray<A>) => Promise<void>
): Promise<void> => {
  await using stack = new AsyncDisposableStack()
  const all: Array<A> = []
  for (const start of starts) all.push(stack.use(await start()))
  await use(all)
}

/** CPU in milliseconds per second while nobody asks for anything; all at once, as they do not disturb each other. */
const idleCpu = async (targets: ReadonlyArray<GrownTarget>, seconds: number): Promise<Samples> => {
  const before = targets.map((target) => target.cpu())
  const start = performance.now()
  await delay(seconds * 1000)
  const millis = performance.now() - start
  return Object.fromEntries(
    targets.map((target, index) => [target.label, [((target.cpu() - (before[index] ?? 0)) * 1e6) / millis]])
  )
}

/** What a process holds, and what of that each of its idle sessions does. */
const growMemory = async (title: string, targets: ReadonlyArray<GrownTarget>, grown: Grown): Promise<void> => {
  const memory: Record<string, ReadonlyArray<number>> = {}
  const each: Record<"heap" | "memory", Record<string, ReadonlyArray<number>>> = { heap: {}, memory: {} }
  for (const target of targets) {
    const held = await target.held()
    const { empty, label, size } = target
    memory[label] = [held.memory / mebibyte]
    if (size.idleSessions < idleSessionsMin) continue
    for (const part of ["heap", "memory"] as const) {
      each[part][label] = [(held[part] - empty[part]) / size.idleSessions / 1024]
    }
  }
  grown.put("memory", title, memory)
  grown.put("session", heapTitle, each.heap)
  grown.put("session", memoryTitle, each.memory)
}

/** Of fewer the difference is the process's own. */
const idleSessionsMin = 1000
const [heapTitle, memoryTitle] = ["JavaScript heap", "process memory"]

/** One series: servers of all sizes side by side, measured in turns. */
const growSeries = async (context: BenchContext, name: string, grown: Grown): Promise<void> => {
  const sized = series[name]
  if (sized === undefined) throw new Error(`--only has ${name}; there are: ${Object.keys(series).join(", ")}`)
  const [rounds, seconds] = [context.number("rounds"), context.number("seconds")]
  const title = titles[name] ?? name
  const starts = countsOf(context, name).map((count) => () => {
    context.progress(`starting a target with ${count} ${title}`)
    return GrownTarget.start(String(count), sized(count), lunlogArgs(context))
  })
  await withAll(starts, async (targets) => {
    await growMemory(title, targets, grown)
    grown.put("cpu", title, await idleCpu(targets, context.number("idle-seconds")))
    const loads = new Map<GrownTarget, LoadGenerator>()
    for (const target of targets) loads.set(target, await target.load({ sessions: 1, queueDepth }))
    const read = (target: GrownTarget) => {
      const load = loads.get(target)
      return load === undefined ? Promise.resolve(Number.NaN) : target.readCost(load, seconds)
    }
    // Code that runs for the first time is slow, and the first of a series would pay for it.
    for (const target of [...targets, ...targets]) await read(target)
    grown.put("read", title, await inTurns(targets, rounds, read))
    context.progress(`${title}: logins`)
    grown.put("login", title, await inTurns(targets, rounds, (target) => target.loginCost(context.number("logins"))))
    if (name !== "targets") return
    grown.put(
      "discovery",
      title,
      await inTurns(targets, rounds, (target) => target.discoveryCost(context.number("discoveries")))
    )
  })
}

/** The same total queue depth by one session and by many, on one target. */
const growSessions = async (context: BenchContext): Promise<Samples> => {
  await using target = await GrownTarget.start("sessions", sizeOf(1, 1, 0), lunlogArgs(context))
  const loads: Array<{ readonly label: string; readonly load: LoadGenerator }> = []
  for (const sessions of countsOf(context, "sessions")) {
    const load = await target.load({ sessions, queueDepth: Math.max(1, Math.floor(totalDepth / sessions)) })
    loads.push({ label: String(sessions), load })
  }
  const seconds = context.number("seconds")
  for (const { load } of loads) await target.readCost(load, seconds)
  return await inTurns(loads, context.number("rounds"), ({ load }) => target.readCost(load, seconds))
}

const growthTable = (
  name: Metric,
  title: string,
  unit: string,
  contenders: ReadonlyArray<string>,
  rows: ReadonlyArray<Row>
): Table => ({
  name,
  title,
  unit,
  heading: "how many",
  contenders,
  chart: { kind: "lines", axis: "how many" },
  rows
})

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const only = context.text("only").split(",")
  const wanted = (name: string): boolean => only.includes(name)
  const grown = new Grown()
  if (wanted("sessions")) grown.put("read", activeSessions, await growSessions(context))
  for (const name of Object.keys(series).filter(wanted)) await growSeries(context, name, grown)
  const all = ["targets", "LUNs", "idle sessions"]
  const cpuUnit = "microseconds of the target's CPU"
  const tables = [
    growthTable(
      "read",
      "A 4 KiB read, while there are so many",
      cpuUnit,
      [activeSessions, ...all],
      grown.rows("read", true)
    ),
    growthTable("login", "A login and the end of its session", cpuUnit, all, grown.rows("login", true)),
    growthTable("discovery", "Discovery of all targets", cpuUnit, ["targets"], grown.rows("discovery", false)),
    growthTable("memory", "Memory of the process", "MiB, without pages of files", all, grown.rows("memory", false)),
    growthTable("cpu", "CPU of a target that nobody uses", "milliseconds per second", all, grown.rows("cpu", false)),
    growthTable("session", "Memory of one idle session", "KiB", [heapTitle, memoryTitle], grown.rows("session", false))
  ].filter(({ rows }) => rows.length > 0)
  return [...tables, ...(wanted("rpc") ? await besideTables(context) : [])]
}

export const scaleBenchmark: Benchmark = {
  name: "scale",
  about: "what grows with the number of sessions, targets and LUNs, and what RPC and IO do to each other",
  options: {
    ...roundOptions("3", "1"),
    only: { about: "which of these", default: "sessions,targets,luns,idle,rpc", smoke: "sessions,idle,rpc" },
    sessions: { about: "sessions that share a queue depth of 64", default: "1,2,4,8,16,32,64", smoke: "1,2" },
    targets: { about: "targets, of one LUN each", default: "1,10,100,1000", smoke: "1,3" },
    luns: { about: "LUNs, a hundred of each target", default: "1,10,100,1000,10000", smoke: "3" },
    idle: { about: "idle sessions", default: "1,10,100,1000,5000", smoke: "20" },
    "idle-seconds": { about: "how long a target is left alone", default: "10", smoke: "0.2" },
    logins: { about: "sessions that begin and end in a sample", default: "500", smoke: "3" },
    discoveries: { about: "discovery sessions in a sample", default: "50", smoke: "1" },
    calls: { about: "calls in a sample", default: "300", smoke: "3" },
    ...lunlogOptions
  },
  run
}

if (import.meta.main) await runBenchmark(scaleBenchmark)
