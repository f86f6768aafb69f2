/**
 * The data benchmark's workloads and the clients that make them: libiscsi's iscsi-perf reads for a time, `qemu-img
 * bench` writes a number of requests, chosen so that it takes about that time.
 */
import { type CommandResult, runCommand } from "../../support/child-process.ts"

/** One workload. `strideBytes` is the distance between two writes; reads are random or sequential. */
export interface Workload {
  readonly name: string
  readonly client: "iscsi-perf" | "qemu-img"
  readonly blockBytes: number
  readonly queueDepth: number
  readonly sessions: number
  readonly order: "random" | "sequential"
  readonly title: string
  /** At least how many times lunlog's CPU per IO these are aimed to need: what issue F asks for. */
  readonly aims: WorkloadAims
}

/** tgt with its file on a tmpfs, with other parameters, and with its null store. */
export interface WorkloadAims {
  readonly tgt: number
  readonly tuned?: number
  readonly null?: number
}

const kib = 1024
const mib = 1024 * kib
/** A stride over the whole unit that wraps: qemu-img has no random order. */
const scatteredStrideBytes = 77_773 * 4 * kib
const clientSlackSeconds = 20
const initiatorName = "iqn.2024-01.org.example:bench"

const workload = (
  name: string,
  title: string,
  client: Workload["client"],
  blockBytes: number,
  queueDepth: number,
  aims: WorkloadAims,
  sessions = 1
): Workload => {
  const order = blockBytes > 4 * kib ? "sequential" : "random"
  return { name, title, client, blockBytes, queueDepth, sessions, order, aims }
}

const [reads, writes] = ["iscsi-perf", "qemu-img"] as const

/** All workloads: small and large, reads and writes, deep and shallow queues, several sessions. */
export const workloads: ReadonlyArray<Workload> = [
  workload("randread4k-qd32", "4 KiB random read, queue depth 32", reads, 4 * kib, 32, { tgt: 6, null: 2.5 }),
  workload("randwrite4k-qd32", "4 KiB random write, queue depth 32", writes, 4 * kib, 32, { tgt: 6, null: 2 }),
  workload("read128k-qd8", "128 KiB read, queue depth 8", reads, 128 * kib, 8, { tgt: 3.5 }),
  workload("write1m-qd4", "1 MiB write, queue depth 4", writes, mib, 4, { tgt: 4, tuned: 1.3 }),
  workload("randread4k-qd1", "4 KiB random read, queue depth 1", reads, 4 * kib, 1, { tgt: 2.5 }),
  workload("randread4k-qd32x4", "the first one in four sessions", reads, 4 * kib, 32, { tgt: 8, null: 2.5 }, 4)
]

/** What the clients achieved. */
export interface Achieved {
  readonly operations: number
  readonly seconds: number
}

/** A client could not do its work; says which, and what it printed last. */
export class WorkloadFailed extends Error {
  constructor(workload: Workload, url: string, { code, stderr, stdout, timedOut }: CommandResult) {
    const lines = `${stdout}${stderr}`.trim().split(/[\r\n]+/)
    const how = timedOut ? "took too long" : `ended with ${code}`
    super(`${workload.name} on ${url}: ${workload.client} ${how}: ${lines.slice(-2).join(" ")}`)
    this.name = "WorkloadFailed"
  }
}

const readSession = async (workload: Workload, url: string, seconds: number, index: number): Promise<number> => {
  const blocks = workload.blockBytes / 512
  const args = [
    ...[
      "-i",
      `${initiatorName}${index}`,
      "-b",
      String(blocks),
      "-m",
      String(workload.queueDepth),
      "-t",
      String(seconds)
    ],
    ...(workload.order === "random" ? ["-r"] : []),
    url
  ]
  const result = await runCommand({ command: "iscsi-perf", args }, (seconds + clientSlackSeconds) * 1000)
  const rates = [...result.stdout.matchAll(/iops average (\d+)/g)].map((match) => Number(match[1]))
  const average = rates.at(-1)
  if (result.code !== 0 || average === undefined) throw new WorkloadFailed(workload, url, result)
  return average * seconds
}

const writeRequests = async (workload: Workload, url: string, count: number, seconds: number): Promise<number> => {
  const stride = workload.order === "random" ? scatteredStrideBytes : workload.blockBytes
  const args = ["bench", "-f", "raw", "-t", "none", "-w", "-d", String(workload.queueDepth)]
  const size = ["-s", String(workload.blockBytes), "-S", String(stride), "-c", String(count), url]
  const waitMillis = (seconds * 6 + clientSlackSeconds) * 1000
  const result = await runCommand({ command: "qemu-img", args: [...args, ...size] }, waitMillis)
  const took = /^Run completed in ([0-9.]+) seconds/m.exec(result.stdout)?.[1]
  if (result.code !== 0 || took === undefined) throw new WorkloadFailed(workload, url, result)
  return Number(took)
}

/** How many requests take about `seconds`; 0 for a client that is told the time. */
export const calibrate = async (workload: Workload, url: string, seconds: number): Promise<number> => {
  if (workload.client === "iscsi-perf") return 0
  let count = 64
  for (let round = 0; round < 8; round++) {
    const took = await writeRequests(workload, url, count, seconds)
    if (took >= Math.min(0.7, seconds / 2)) return Math.ceil((count / took) * seconds)
    count = Math.ceil(count * (took > 0.05 ? 1 / took : 8))
  }
  return count
}

/** Runs `workload` once; `count` is what `calibrate` said. */
export const runWorkload = async (
  workload: Workload,
  url: string,
  seconds: number,
  count: number
): Promise<Achieved> => {
  if (workload.client === "qemu-img") {
    return { operations: count, seconds: await writeRequests(workload, url, count, seconds) }
  }
  // iscsi-perf knows only whole seconds.
  const whole = Math.max(1, Math.round(seconds))
  const sessions = Array.from({ length: workload.sessions }, (_, index) => readSession(workload, url, whole, index))
  const operations = (await Promise.all(sessions)).reduce((sum, each) => sum + each, 0)
  return { operations, seconds: whole }
}

/** Writes the first `bytes` of a unit once, so that no target reads memory that it never touched. */
export const fill = async (url: string, bytes: number): Promise<void> => {
  const whole = workload("fill", "fill", writes, mib, 4, { tgt: 1 })
  await writeRequests(whole, url, bytes / mib, 30)
}
