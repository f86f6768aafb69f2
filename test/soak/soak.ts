/**
 * A soak: rounds of everything that initiators and operators do, side by side, and a quiet moment after each, at which
 * what the server holds is measured. It must not grow.
 */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { askProbe } from "../chaos/checks/probe.ts"
import { processTree } from "../support/child-process.ts"
import { assertAlive, type Lunlog, startLunlog } from "../support/initiator/lunlog.ts"
import { makeRandom } from "../support/initiator/random.ts"
import { makeDirectory, projectDirectory, removeDirectory } from "../support/target-process.ts"
import { until } from "../support/until.ts"
import { attackedTarget, runLanes, soakBlocks, soakTarget } from "./lanes.ts"
import { type Sample, type Trend, trendsOf } from "./Measure.ts"

/** How long, and with what. */
export interface SoakOptions {
  readonly seed: number
  readonly rounds: number
  readonly roundMillis: number
  /** More arguments of `lunlog serve`. */
  readonly args?: ReadonlyArray<string>
  /** Called after each round. */
  readonly onSample?: (sample: Sample) => void
}

/** What came of it. */
export interface SoakReport {
  readonly samples: ReadonlyArray<Sample>
  readonly trends: ReadonlyArray<Trend>
  /** How often each thing was done. */
  readonly done: Readonly<Record<string, number>>
}

const kibibytes = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) * 1024

const memoryOf = (lunlog: Lunlog): { readonly resident: number; readonly anonymous: number } => {
  let resident = 0
  let anonymous = 0
  for (const pid of processTree(lunlog.process.pid)) {
    const status = readFileSync(`/proc/${pid}/status`, "utf8")
    resident += kibibytes(status, "VmRSS")
    anonymous += kibibytes(status, "RssAnon")
  }
  return { resident, anonymous }
}

/** LevelDB opens and closes its tables as it likes. */
const descriptorsOf = (lunlog: Lunlog): number =>
  processTree(lunlog.process.pid).reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0)

interface Status {
  readonly sessions: number
  /** By purpose, in bytes. */
  readonly connections: number
  readonly commands: number
  readonly output: number
}

const statusOf = async (lunlog: Lunlog): Promise<Status> => {
  const status = Object(await lunlog.call("lunlog_status"))
  const { commands, connections, output } = Object(status.memory)
  return {
    sessions: Number(status.connections),
    connections: Number(connections),
    commands: Number(commands),
    output: Number(output)
  }
}

const countedIn = ({ commands, connections, output }: Status): number => commands + connections + output

const startServer = async (directory: string, args: ReadonlyArray<string>): Promise<Lunlog> => {
  const file = join(directory, "disk")
  writeFileSync(file, "")
  truncateSync(file, soakBlocks * 512)
  const lunlog = await startLunlog({
    directory,
    preload: join(projectDirectory, "test/chaos/preload/probe.mjs"),
    environment: { LUNLOG_CHAOS_PROBE: join(directory, "probe"), LUNLOG_CHAOS_PROBE_GC: "1" },
    args: ["--logins-per-second", "100000", ...args]
  })
  await lunlog.createMalloc("Ram", soakBlocks / 2048)
  await lunlog.createMalloc("Base", soakBlocks / 2048)
  await lunlog.call("bdev_aio_create", { name: "File", filename: file, block_size: 512 })
  await lunlog.call("bdev_error_create", { base_name: "Base" })
  await lunlog.createTarget({ name: soakTarget, luns: { 0: "Ram", 1: "File", 2: "EE_Base" } })
  await lunlog.createMalloc("Attacked", 1)
  await lunlog.createTarget({ name: attackedTarget, luns: { 0: "Attacked" } })
  return lunlog
}

/** Everybody has left, and what pools keep has been given back. */
const quiet = async (lunlog: Lunlog, pauseMillis: number): Promise<void> => {
  await until("everybody has left", async () => (await statusOf(lunlog)).sessions === 0)
  await delay(pauseMillis)
}

/** Tasks that all reactors keep for the next commands, in bytes. */
const keptTasks = 16 * 1024 * 1024

/** What is recorded of the last connections that have ended stays: 32 of them, of each 512 PDUs and some text. */
const keptRecordings = 32 * 64 * 1024

/** What pools keep and nobody needs is given back within seconds; then only what is there for good is counted. */
const untilGivenBack = (lunlog: Lunlog, before: Status): Promise<void> =>
  until("memory that is counted is given back", async () => {
    const { commands, connections, output } = await statusOf(lunlog)
    const kept = connections <= before.connections + keptRecordings && commands <= before.commands + keptTasks
    return kept && output === 0
  })

/** Plays it. Rejects when the server ends, or answers what it must not. */
export const soak = async (options: SoakOptions): Promise<SoakReport> => {
  const directory = makeDirectory("soak")
  const samples: Array<Sample> = []
  const done = new Map<string, number>()
  const random = makeRandom(options.seed)
  try {
    await using lunlog = await startServer(directory, options.args ?? [])
    const before = await statusOf(lunlog)
    const began = performance.now()
    for (let round = 1; round <= options.rounds; round++) {
      await runLanes(lunlog, random, options.roundMillis, (what) => void done.set(what, (done.get(what) ?? 0) + 1))
      await quiet(lunlog, Math.min(1000, options.roundMillis / 4))
      assertAlive(lunlog.process)
      const probe = await askProbe(directory)
      if (probe === undefined) throw new Error("the server does not say what it holds")
      const status = await statusOf(lunlog)
      const sample: Sample = {
        atSeconds: Math.round((performance.now() - began) / 1000),
        rounds: round,
        operations: [...done.values()].reduce((sum, count) => sum + count, 0),
        values: {
          ...memoryOf(lunlog),
          heap: probe.heapBytes,
          external: probe.externalBytes,
          counted: countedIn(status),
          descriptors: descriptorsOf(lunlog),
          timers: probe.resources["Timeout"] ?? 0,
          sessions: status.sessions
        }
      }
      samples.push(sample)
      options.onSample?.(sample)
    }
    await untilGivenBack(lunlog, before)
    return { samples, trends: trendsOf(samples), done: Object.fromEntries(done) }
  } finally {
    removeDirectory(directory)
  }
}
