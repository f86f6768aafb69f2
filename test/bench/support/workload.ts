/**
 * The data benchmark's workloads and the clients that make them: libiscsi's iscsi-perf reads for a time, `qemu-img
 * bench` writes a number of requests, chosen so that it takes about that time.
 */
import { runCommand } from "../../support/child-process.ts"

/** One workload. `strideBytes` is the distance between two writes; reads are random or sequential. */
export interface Workload {
  readonly name: string
  readonly client: "iscsi-perf" | "qemu-img"
  readonly blockBytes: number
  readonly queueDepth: number
  readonly sessions: number
  readonly order: "random" | "sequential"
  /** At least how many times tgt's CPU per IO is aimed at. */
  readonly aimRatio: number
}

const kib = 1024
const mib = 1024 * kib
/** A stride over the whole unit that wraps: qemu-img has no random order. */
const scatteredStrideBytes = 77_773 * 4 * kib
const clientSlackSeconds = 20
const initiatorName = "iqn.2024-01.org.example:bench"

const reads = (name: string, blockBytes: number, queueDepth: number, aimRatio: number, sessions = 1): Workload => ({
  name,
  client: "iscsi-perf",
  blockBytes,
  queueDepth,
  sessions,
  order: blockBytes > 4 * kib ? "sequential" : "random",
  aimRatio
})

const writes = (name: string, blockBytes: number, queueDepth: number, aimRatio: number): Workload => ({
  name,
  client: "qemu-img",
  blockBytes,
  queueDepth,
  sessions: 1,
  order: blockBytes > 4 * kib ? "sequential" : "random",
  aimRatio
})

/** All workloads: small and large, reads and writes, deep and shallow queues, several sessions. */
export const workloads: ReadonlyArray<Workload> = [
  reads("randread4k-qd32", 4 * kib, 32, 4),
  writes("randwrite4k-qd32", 4 * kib, 32, 4),
  reads("read128k-qd8", 128 * kib, 8, 2),
  writes("write1m-qd4", mib, 4, 2),
  reads("randread4k-qd1", 4 * kib, 1, 2),
  reads("randread4k-qd32x4", 4 * kib, 32, 4, 4)
]

/** What the clients achieved. */
export interface Achieved {
  readonly operations: number
  readonly seconds: number
}

/** A client could not do its work; says which, and what it printed last. */
export class WorkloadFailed extends Error {
  constructor(workload: Workload, url: string, output: string) {
    super(
      `${workload.name} on ${url}: ${output
        .trim()
        .split(/[\r\n]+/)
        .slice(-2)
        .join(" ")}`
    )
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
  if (result.code !== 0 || average === undefined) throw new WorkloadFailed(workload, url, result.stdout + result.stderr)
  return average * seconds
}

const writeRequests = async (workload: Workload, url: string, count: number, seconds: number): Promise<number> => {
  const stride = workload.order === "random" ? scatteredStrideBytes : workload.blockBytes
  const args = ["bench", "-f", "raw", "-t", "none", "-w", "-d", String(workload.queueDepth)]
  const size = ["-s", String(workload.blockBytes), "-S", String(stride), "-c", String(count), url]
  const waitMillis = (seconds * 6 + clientSlackSeconds) * 1000
  const result = await runCommand({ command: "qemu-img", args: [...args, ...size] }, waitMillis)
  const took = /^Run completed in ([0-9.]+) seconds/m.exec(result.stdout)?.[1]
  if (result.code !== 0 || took === undefined) throw new WorkloadFailed(workload, url, result.stdout + result.stderr)
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
  const sessions = Array.from({ length: workload.sessions }, (_, index) => readSession(workload, url, seconds, index))
  const operations = (await Promise.all(sessions)).reduce((sum, each) => sum + each, 0)
  return { operations, seconds }
}

/** Writes the first `bytes` of a unit once, so that no target reads memory that it never touched. */
export const fill = async (url: string, bytes: number): Promise<void> => {
  const whole: Workload = { ...writes("fill", mib, 4, 1), order: "sequential" }
  await writeRequests(whole, url, bytes / mib, 30)
}
