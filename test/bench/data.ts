/**
 * The data path against tgt, in turns in one run: microseconds of target CPU per IO, which on a busy machine is
 * steadier than IO per second. All units are in memory: lunlog's malloc disk, its file on a tmpfs and its disk at an
 * nbdkit (whose own work does not count), tgt's file there, and tgt's null store (its protocol alone).
 *
 *   npm run bench -- data [--json] [--seconds=4] [--rounds=3] [--only=NAME,NAME]
 *
 * The median over the rounds is shown. Ends with status 1 when a workload failed, not when an aim was missed.
 */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { runCommand } from "../support/child-process.ts"
import { cpuSeconds } from "../support/cpu-time.ts"
import { portalUrl } from "../support/guide.ts"
import { startNbdkit } from "../support/nbd-servers.ts"
import { findTool, missingTools, qemuIscsiDriver } from "../support/requires-tool.ts"
import { freePort, startTarget } from "../support/target-process.ts"
import { startTgt } from "../support/tgt-process.ts"
import { calibrate, fill, runWorkload, type Workload, workloads } from "./support/workload.ts"

const unitBytes = 1024 * 1024 * 1024
const memoryFolder = "/dev/shm"

interface Contender {
  readonly label: string
  readonly url: string
  readonly pid: number
}

interface Sample {
  readonly cpuMicrosPerIo: number
  readonly iops: number
}

interface Row {
  readonly workload: string
  readonly aimRatio: number
  readonly results: Readonly<Record<string, Sample>>
}

const options = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: workloads.map((each) => each.name).join(",") }
  }
}).values

const print = (text: string): void => {
  if (!options.json) console.log(text)
}

/** The sample with the median CPU per IO. */
const median = (samples: ReadonlyArray<Sample>): Sample => {
  const sorted = samples.toSorted((a, b) => a.cpuMicrosPerIo - b.cpuMicrosPerIo)
  return sorted[Math.floor(sorted.length / 2)] ?? { cpuMicrosPerIo: Number.NaN, iops: Number.NaN }
}

const sample = async (contender: Contender, workload: Workload, seconds: number, count: number): Promise<Sample> => {
  const before = cpuSeconds(contender.pid)
  const achieved = await runWorkload(workload, contender.url, seconds, count)
  const used = cpuSeconds(contender.pid) - before
  return { cpuMicrosPerIo: (used * 1e6) / achieved.operations, iops: achieved.operations / achieved.seconds }
}

/** Runs one workload against all contenders in turns, so that drift hits all alike. */
const measure = async (contenders: ReadonlyArray<Contender>, workload: Workload): Promise<Row> => {
  const seconds = Number(options.seconds)
  const counts = new Map<string, number>()
  const samples = new Map<string, Array<Sample>>()
  for (const each of contenders) counts.set(each.label, await calibrate(workload, each.url, seconds))
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const each of contenders) {
      const taken = samples.get(each.label) ?? []
      taken.push(await sample(each, workload, seconds, counts.get(each.label) ?? 0))
      samples.set(each.label, taken)
    }
  }
  const results = Object.fromEntries([...samples].map(([label, taken]) => [label, median(taken)]))
  return { workload: workload.name, aimRatio: workload.aimRatio, results }
}

const ratio = (row: Row, peer: string): number =>
  (row.results[peer]?.cpuMicrosPerIo ?? Number.NaN) / (row.results["lunlog"]?.cpuMicrosPerIo ?? Number.NaN)

const cell = (value: number, digits: number): string => value.toFixed(digits).padStart(10)

const printRow = (row: Row, labels: ReadonlyArray<string>): void => {
  const micros = labels.map((label) => cell(row.results[label]?.cpuMicrosPerIo ?? Number.NaN, 1)).join("")
  const rates = labels.map((label) => cell(row.results[label]?.iops ?? Number.NaN, 0)).join("")
  const reached = ratio(row, "tgt") >= row.aimRatio ? "met" : "missed"
  print(`${row.workload.padEnd(20)}${micros}${rates}${cell(ratio(row, "tgt"), 1)}   ${row.aimRatio} ${reached}`)
}

/** A target on 127.0.0.1 with a malloc disk, a file and an NBD export of `unitBytes`. */
const setUpLunlog = async (
  port: number,
  filename: string,
  nbdSocket: string
): Promise<Awaited<ReturnType<typeof startTarget>>> => {
  const target = await startTarget({ stateMode: "empty" })
  const call = target.rpc.call
  await call("bdev_malloc_create", { name: "Malloc0", num_blocks: unitBytes / 512, block_size: 512 })
  await call("bdev_aio_create", { name: "Aio0", filename, block_size: 512 })
  await call("bdev_nbd_create", { name: "Nbd0", path: nbdSocket })
  await call("iscsi_create_portal_group", { tag: 1, portals: [{ host: "127.0.0.1", port: String(port) }] })
  await call("iscsi_create_initiator_group", { tag: 1, initiators: ["ANY"], netmasks: ["127.0.0.0/8"] })
  await call("iscsi_create_target_node", {
    name: "iqn.2016-06.io.spdk:bench",
    alias_name: "bench",
    pg_ig_maps: [{ pg_tag: 1, ig_tag: 1 }],
    luns: [
      { bdev_name: "Malloc0", lun_id: 0 },
      { bdev_name: "Aio0", lun_id: 1 },
      { bdev_name: "Nbd0", lun_id: 2 }
    ],
    queue_depth: 128,
    disable_chap: true
  })
  return target
}

const describeMachine = async (): Promise<string> => {
  const version = await runCommand({ command: findTool("tgtd") ?? "tgtd", args: ["--version"] }, 5000)
  const load = loadavg()[0]?.toFixed(2)
  return `node ${process.version}, tgt ${version.stdout.trim()}, ${cpus().length} x ${cpus()[0]?.model}, load ${load}`
}

const main = async (): Promise<void> => {
  const missing = missingTools(["tgtd", "tgtadm", "nbdkit", "iscsi-perf", "qemu-img", qemuIscsiDriver])
  if (missing !== undefined) {
    console.error(
      `the data benchmark ${missing}\n(tgt's package starts a service on port 3260: disable it, it is not used)`
    )
    process.exitCode = 1
    return
  }
  const names = options.only.split(",")
  const chosen = workloads.filter((each) => names.includes(each.name))
  const machine = await describeMachine()
  const port = await freePort()
  const folder = mkdtempSync(join(memoryFolder, "lunlog-bench-"))
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, "disk")
  writeFileSync(file, "")
  truncateSync(file, unitBytes)
  const nbdSocket = join(folder, "nbd")
  await using _nbdkit = await startNbdkit(nbdSocket, "memory", String(unitBytes))
  await using lunlog = await setUpLunlog(port, file, nbdSocket)
  const units = [
    { store: "file", sizeBytes: unitBytes },
    { store: "null", sizeBytes: unitBytes }
  ] as const
  await using tgt = await startTgt(units, memoryFolder)
  const contenders: ReadonlyArray<Contender> = [
    { label: "lunlog", url: `${portalUrl(port)}/iqn.2016-06.io.spdk:bench/0`, pid: lunlog.pid },
    { label: "file", url: `${portalUrl(port)}/iqn.2016-06.io.spdk:bench/1`, pid: lunlog.pid },
    { label: "nbd", url: `${portalUrl(port)}/iqn.2016-06.io.spdk:bench/2`, pid: lunlog.pid },
    { label: "tgt", url: tgt.url(0), pid: tgt.pid },
    { label: "tgt-null", url: tgt.url(1), pid: tgt.pid }
  ]
  for (const each of contenders.slice(0, 4)) await fill(each.url, unitBytes)
  const labels = contenders.map((each) => each.label)
  print(`${machine}\nmicroseconds of target CPU per IO, then IO per second, then tgt's CPU by lunlog's (aim: at least)`)
  const heads = ["workload".padEnd(20), ...labels.map((each) => each.padStart(10))]
  print([...heads, ...labels.map((each) => each.padStart(10)), "ratio".padStart(10), "  aim"].join(""))
  const rows: Array<Row> = []
  for (const workload of chosen) {
    const row = await measure(contenders, workload)
    rows.push(row)
    printRow(row, labels)
  }
  if (options.json) console.log(JSON.stringify({ machine, rows }, null, 2))
}

await main()
