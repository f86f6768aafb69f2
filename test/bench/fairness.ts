/**
 * What an initiator that reads 4 KiB at a time, one after the other, has to suffer from what others do at the same
 * time: the 99th percentile of its latency, alone and beside each burden, in turns. Every client is a process of its
 * own, or this one; on few CPUs what they take from each other is in the numbers, too.
 *
 *   npm run bench -- fairness [--seconds=2] [--rounds=3] [--only=NAME,NAME] [--workers=N]
 */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Lunlog, startLunlog } from "../support/initiator/lunlog.ts"
import { type Burden, burdens, floodBytes, floodTarget } from "./fairness/Burden.ts"
import { type BenchContext, type Benchmark, roundOptions, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import { type LoadGenerator, startLoad } from "./support/load/LoadGenerator.ts"
import { lunlogArgs, lunlogOptions } from "./support/lunlog-options.ts"
import { inTurns, rowOf } from "./support/samples.ts"

const readerTarget = "iqn.2016-06.io.spdk:reader"
const mebibyte = 1024 * 1024
/** How much worse a reader's tail may be beside others. */
const aimRatio = 10
/** The burden begins so long before the reader, and ends as long after it. */
const leadSeconds = 0.3
const callsAtOnce = 200

const createMany = async (count: number, create: (index: number) => Promise<unknown>): Promise<void> => {
  for (let first = 0; first < count; first += callsAtOnce) {
    const length = Math.min(callsAtOnce, count - first)
    await Promise.all(Array.from({ length }, (_, index) => create(first + index)))
  }
}

const setUp = async (lunlog: Lunlog, context: BenchContext, file: string): Promise<void> => {
  await lunlog.createMalloc("Reader", floodBytes / mebibyte)
  await lunlog.createMalloc("Flood", floodBytes / mebibyte)
  await lunlog.call("bdev_aio_create", { name: "File", filename: file, block_size: 512 })
  await lunlog.createTarget({ name: readerTarget, luns: { 0: "Reader" } })
  await lunlog.createTarget({ name: floodTarget, luns: { 0: "Flood", 1: "File" }, queueDepth: 128 })
  await createMany(context.number("bdevs"), (index) =>
    lunlog.call("bdev_null_create", { name: `Null${index}`, num_blocks: 2048, block_size: 512 })
  )
  await createMany(context.number("targets"), (index) =>
    lunlog.createTarget({ name: `iqn.2016-06.io.spdk:many${index}`, luns: { 0: "Flood" } })
  )
}

const p99 = async (reader: LoadGenerator, seconds: number): Promise<number> => (await reader.run(seconds)).latency.p99

const measure = async (context: BenchContext, lunlog: Lunlog, reader: LoadGenerator, burden: Burden): Promise<Row> => {
  const seconds = context.number("seconds")
  await using running = await burden.start(lunlog)
  const beside = async (): Promise<number> => {
    const over = running.run(seconds + 2 * leadSeconds)
    await new Promise((resolve) => setTimeout(resolve, leadSeconds * 1000))
    const latency = await p99(reader, seconds)
    await over
    return latency
  }
  const contenders = [
    { label: "alone", take: () => p99(reader, seconds) },
    { label: "beside it", take: beside }
  ]
  const samples = await inTurns(contenders, context.number("rounds"), async ({ label, take }, round) => {
    const micros = await take()
    context.progress(`${burden.name}, round ${round + 1}, ${label}: ${micros.toFixed(0)} us`)
    return micros
  })
  return rowOf(burden, samples, [{ over: "beside it", under: "alone", better: "less", aim: { atMost: aimRatio } }])
}

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const folder = mkdtempSync(join(tmpdir(), "lunlog-bench-"))
  try {
    const file = join(folder, "disk")
    writeFileSync(file, "")
    truncateSync(file, floodBytes)
    // A storm of logins is to be as dense as the target can take it, not as its limit for one address has it.
    const args = ["--logins-per-second", "65535", ...lunlogArgs(context)]
    await using lunlog = await startLunlog({ args })
    await setUp(lunlog, context, file)
    const small = { kind: "read", bytes: 4096, queueDepth: 1, sessions: 1, order: "random" } as const
    await using reader = await startLoad({
      ...lunlog.endpoint,
      targets: [readerTarget],
      unitBytes: floodBytes,
      ...small
    })
    await reader.run(context.number("seconds"))
    const names = context.text("only").split(",")
    const rows: Array<Row> = []
    for (const burden of burdens.filter(({ name }) => names.includes(name))) {
      rows.push(await measure(context, lunlog, reader, burden))
    }
    return [
      {
        name: "tail",
        title: "A reader beside others",
        unit: "microseconds, 99th percentile of 4 KiB reads one after the other",
        contenders: ["alone", "beside it"],
        heading: "what others do",
        rows
      }
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** See the head of this file. */
export const fairnessBenchmark: Benchmark = {
  name: "fairness",
  about: "the latency of a small reader beside what others do",
  options: {
    ...roundOptions("3", "2"),
    only: { about: "burdens", default: burdens.map(({ name }) => name).join(","), smoke: "write1m,erase,discovery" },
    bdevs: { about: "disks that RPCs list", default: "10000", smoke: "10" },
    targets: { about: "targets that discovery tells of", default: "1000", smoke: "10" },
    ...lunlogOptions
  },
  run
}

if (import.meta.main) await runBenchmark(fairnessBenchmark)
