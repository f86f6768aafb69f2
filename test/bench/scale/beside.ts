/** What RPC and IO do to each other: the latency of calls while a session reads, and of reads while calls are made. */
import { setTimeout as delay } from "node:timers/promises"
import type { RpcClient } from "../../support/rpc-client.ts"
import type { BenchContext } from "../support/Benchmark.ts"
import type { Row, Table } from "../support/BenchResult.ts"
import { Histogram } from "../support/load/Histogram.ts"
import type { LoadGenerator } from "../support/load/LoadGenerator.ts"
import { lunlogArgs } from "../support/lunlog-options.ts"
import { rowOf } from "../support/samples.ts"
import { GrownTarget } from "./GrownTarget.ts"

/** A call, or several that belong together. */
interface Calls {
  readonly name: string
  readonly title: string
  readonly make: (rpc: RpcClient) => Promise<unknown>
}

/** Calls that monitoring and provisioning make. */
const calls: ReadonlyArray<Calls> = [
  { name: "get-bdevs", title: "`bdev_get_bdevs`, 100 disks", make: (rpc) => rpc.call("bdev_get_bdevs") },
  {
    name: "get-connections",
    title: "`iscsi_get_connections`",
    make: (rpc) => rpc.call("iscsi_get_connections")
  },
  {
    name: "create-delete",
    title: "`bdev_malloc_create` and `bdev_malloc_delete`, two records",
    make: async (rpc) => {
      await rpc.call("bdev_malloc_create", { name: "Beside", num_blocks: 2048, block_size: 512 })
      await rpc.call("bdev_malloc_delete", { name: "Beside" })
    }
  }
]

/** One caller that calls again at once: percentiles in milliseconds. */
const waitsOf = async ({ process }: GrownTarget, { make }: Calls, times: number) => {
  const histogram = new Histogram()
  for (let each = 0; each < times; each++) {
    const start = performance.now()
    await make(process.rpc)
    histogram.add(performance.now() - start)
  }
  return [
    ["p50", histogram.percentile(0.5) / 1000],
    ["p99", histogram.percentile(0.99) / 1000]
  ] as const
}

/** Does `make` while `other` is done again and again. */
const beside = async <A>(other: () => Promise<unknown>, make: () => Promise<A>): Promise<A> => {
  let over = false
  const others = (async () => {
    while (!over) await other()
  })()
  try {
    return await make()
  } finally {
    over = true
    await others
  }
}

/** Samples by row and contender. */
class Sampled {
  readonly #rows = new Map<string, Record<string, Array<number>>>()

  add(row: string, contender: string, value: number): void {
    const samples = this.#rows.get(row) ?? {}
    samples[contender] = [...(samples[contender] ?? []), value]
    this.#rows.set(row, samples)
  }

  /** `over` is the contender that is disturbed, `under` the one that is not. */
  row(name: string, title: string, over: string, under: string): Row {
    return rowOf({ name, title }, this.#rows.get(name) ?? {}, [{ over, under, better: "less" }])
  }
}

const [noReads, besideReads, noCalls, besideCalls] = ["no IO", "beside reads", "no calls", "beside calls"]

const callTable = async (context: BenchContext, target: GrownTarget, load: LoadGenerator): Promise<Table> => {
  const sampled = new Sampled()
  for (let round = 0; round < context.number("rounds"); round++) {
    for (const each of calls) {
      const wait = () => waitsOf(target, each, context.number("calls"))
      for (const [of, millis] of await wait()) sampled.add(`${each.name}-${of}`, noReads, millis)
      const busy = await beside(() => load.run(context.number("seconds")), wait)
      for (const [of, millis] of busy) sampled.add(`${each.name}-${of}`, besideReads, millis)
    }
  }
  return {
    name: "rpc",
    title: "RPC calls, with and without 4 KiB reads at depth 32 beside them",
    unit: "milliseconds",
    heading: "call",
    contenders: [noReads, besideReads],
    rows: calls.flatMap(({ name, title }) =>
      ["p50", "p99"].map((of) => sampled.row(`${name}-${of}`, `${title}: ${of}`, besideReads, noReads))
    )
  }
}

const readTable = async (context: BenchContext, target: GrownTarget, load: LoadGenerator): Promise<Table> => {
  const sampled = new Sampled()
  const run = () => load.run(context.number("seconds"))
  const callAll = async (): Promise<void> => {
    for (const each of calls) await each.make(target.process.rpc)
    await delay(pauseMillis)
  }
  for (let round = 0; round < context.number("rounds"); round++) {
    for (const who of [noCalls, besideCalls]) {
      const before = target.cpu()
      const { latency, operations } = who === noCalls ? await run() : await beside(callAll, run)
      sampled.add("p50", who, latency.p50)
      sampled.add("p99", who, latency.p99)
      sampled.add("cpu", who, ((target.cpu() - before) * 1e6) / operations)
    }
  }
  return {
    name: "io",
    title: "4 KiB reads at depth 32, with and without a client that makes these calls all the time",
    unit: "microseconds",
    heading: "of reads",
    contenders: [noCalls, besideCalls],
    rows: [
      sampled.row("p50", "latency, p50", besideCalls, noCalls),
      sampled.row("p99", "latency, p99", besideCalls, noCalls),
      sampled.row("cpu", "CPU of the target by reads, with what the calls take", besideCalls, noCalls)
    ]
  }
}

/** Calls while reads are served, and reads while calls are. */
export const besideTables = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const size = { targets: 100, lunsPerTarget: 1, idleSessions: 0 }
  await using target = await GrownTarget.start("rpc", size, lunlogArgs(context))
  const load = await target.load({ sessions: 1, queueDepth: 32 })
  await load.run(context.number("seconds"))
  return [await callTable(context, target, load), await readTable(context, target, load)]
}

/** Between two rounds of calls: a busy monitor's. */
const pauseMillis = 10
