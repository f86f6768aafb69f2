/**
 * What metrics cost: nanoseconds of a command for the histograms of latencies, beside the CPU of a 4 KiB IO; and the
 * CPU of a scrape by the number of LUNs.
 *
 *   npm run bench -- metrics [--rounds=5] [--luns=100] [--io-micros=4.7]
 */
import { CommandLatencies } from "../../src/dataplane/iscsi/CommandLatencies.ts"
import { GrownTarget } from "./scale/GrownTarget.ts"
import { type BenchContext, type Benchmark, runBenchmark } from "./support/Benchmark.ts"
import type { Table } from "./support/BenchResult.ts"
import { inTurns, rowOf } from "./support/samples.ts"

/** READ(10), WRITE(10), and now and then a flush. */
const opcodes = Uint8Array.from({ length: 64 }, (_, at) => (at === 0 ? 0x35 : at % 2 === 0 ? 0x28 : 0x2a))
/** 20 to 130 microseconds. */
const latencies = Float64Array.from({ length: 1024 }, (_, at) => 0.02 + (at % 37) * 0.003)

const shortRuns = 500
/** The most of an IO's CPU that it may cost. */
const shareMax = 0.0025

/** Nanoseconds per command of one short run; without histograms, of the loop alone. */
const measure = (histograms: CommandLatencies | undefined, commands: number): number => {
  let sum = 0
  const start = process.hrtime.bigint()
  for (let done = 0; done < commands; done++) {
    const millis = latencies[done & 1023] ?? 0
    const opcode = opcodes[done & 63] ?? 0
    sum += millis + opcode
    histograms?.count(opcode, millis)
  }
  const nanos = Number(process.hrtime.bigint() - start)
  if (sum === 0) throw new Error("nothing was counted")
  return nanos / commands
}

/** The best counts: other work on the machine only ever adds to one. */
const best = (histograms: CommandLatencies | undefined, commands: number): number =>
  Math.min(...Array.from({ length: shortRuns }, () => measure(histograms, Math.ceil(commands / shortRuns))))

const counting = async (context: BenchContext): Promise<Table> => {
  const rounds = context.number("rounds")
  const commands = context.number("commands")
  const contenders = [
    { label: "loop", histograms: undefined },
    { label: "counting", histograms: new CommandLatencies() }
  ]
  for (const { histograms } of contenders) best(histograms, commands)
  const samples = await inTurns(contenders, rounds, async ({ histograms }) => best(histograms, commands))
  const ioNanos = context.number("io-micros") * 1000
  const values = { ...samples, IO: Array(rounds).fill(ioNanos) }
  const title = `a command of a 4 KiB IO of ${context.text("io-micros")} microseconds`
  const ratio = { over: "counting", under: "IO", better: "less", aim: { atMost: shareMax } } as const
  return {
    name: "counting",
    title: "Histograms of latencies",
    unit: "nanoseconds per command",
    contenders: ["loop", "counting", "IO"],
    rows: [rowOf({ name: "command", title }, values, [ratio])]
  }
}

const targets = 100
const scrapes = 20

const scraping = async (context: BenchContext): Promise<Table> => {
  const rounds = context.number("rounds")
  const sizes = [1, context.number("luns")].map((lunsPerTarget) => ({ targets, lunsPerTarget, idleSessions: 0 }))
  const rows: Array<Table["rows"][number]> = []
  for (const size of sizes) {
    const luns = targets * size.lunsPerTarget
    context.progress(`${luns} LUNs`)
    await using target = await GrownTarget.start(`${luns}`, size, [])
    const scrape: Array<number> = []
    for (let round = 0; round < rounds; round++) {
      const before = target.cpu()
      for (let each = 0; each < scrapes; each++) await target.process.rpc.call("lunlog_get_metrics")
      scrape.push(((target.cpu() - before) * 1000) / scrapes)
    }
    rows.push(
      rowOf({ name: `luns${luns}`, title: `${luns.toLocaleString("en")} LUNs, ${targets} targets` }, { scrape }, [])
    )
  }
  return {
    name: "scraping",
    title: "Scrapes over RPC",
    unit: "milliseconds of the target's CPU",
    contenders: ["scrape"],
    rows
  }
}

/** See the head of this file. */
export const metricsBenchmark: Benchmark = {
  name: "metrics",
  about: "what counting latencies costs, and scrapes of many LUNs",
  options: {
    rounds: { about: "samples of each", default: "5", smoke: "1" },
    commands: { about: "commands of a sample", default: "1000000", smoke: "1000" },
    luns: { about: "LUNs of each of 100 targets", default: "100", smoke: "2" },
    "io-micros": { about: "CPU of a 4 KiB IO, as the benchmark `data` says", default: "4.7" }
  },
  run: async (context) => [await counting(context), await scraping(context)]
}

if (import.meta.main) await runBenchmark(metricsBenchmark)
