/**
 * The data path against tgt, in turns in one run: microseconds of target CPU per IO, which on a busy machine is
 * steadier than IO per second. lunlog has its malloc disk, files on a tmpfs and on a real disk, and a disk at an nbdkit
 * (whose own work does not count); tgt has files on the same two, the first also with parameters as good as lunlog's,
 * and its null store, which is its protocol alone.
 *
 *   npm run bench -- data [--seconds=2] [--rounds=3] [--only=NAME,NAME] [--contenders=NAME,NAME] [--workers=N]
 */
import { truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { cpuSeconds } from "../support/cpu-time.ts"
import { portalUrl } from "../support/guide.ts"
import { startLunlog } from "../support/initiator/lunlog.ts"
import { startNbdkit } from "../support/nbd-servers.ts"
import { qemuIscsiDriver } from "../support/requires-tool.ts"
import { startTgt } from "../support/tgt-process.ts"
import { makeBenchFolder } from "./support/BenchFolder.ts"
import { type BenchContext, type Benchmark, roundOptions, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import { lunlogArgs, lunlogOptions } from "./support/lunlog-options.ts"
import { inTurns, type RatioOf, rowOf, type Samples } from "./support/samples.ts"
import { calibrate, fill, runWorkload, type Workload, workloads } from "./support/workload.ts"

const memoryFolder = "/dev/shm"
const targetName = "iqn.2016-06.io.spdk:bench"

interface Contender {
  readonly label: string
  readonly url: string
  readonly pid: number
}

/** In memory, and in files: tgt's file on a tmpfs is in both. */
const inMemory = ["lunlog", "tgt", "tgt-tuned", "tgt-null"]
const inFiles = ["file", "tgt", "disk", "tgt-disk", "nbd"]
const all = [...new Set([...inMemory, ...inFiles])]

const memoryRatios = ({ aims }: Workload): ReadonlyArray<RatioOf> => [
  { over: "tgt", under: "lunlog", aim: { atLeast: aims.tgt } },
  { over: "tgt-tuned", under: "lunlog", ...(aims.tuned === undefined ? {} : { aim: { atLeast: aims.tuned } }) },
  { over: "tgt-null", under: "lunlog", ...(aims.null === undefined ? {} : { aim: { atLeast: aims.null } }) }
]

const fileRatios: ReadonlyArray<RatioOf> = [
  { over: "tgt", under: "file", aim: { atLeast: 1 } },
  { over: "tgt-disk", under: "disk", aim: { atLeast: 1 } }
]

/** CPU per IO in microseconds, and IO per second, of each contender. */
interface Measured {
  readonly workload: Workload
  readonly cpu: Samples
  readonly rate: Samples
}

/** Runs one workload against all contenders in turns, so that drift hits all alike. */
const measure = async (
  context: BenchContext,
  contenders: ReadonlyArray<Contender>,
  workload: Workload
): Promise<Measured> => {
  const [seconds, rounds] = [context.number("seconds"), context.number("rounds")]
  const counts = new Map<string, number>()
  for (const { label, url } of contenders) counts.set(label, await calibrate(workload, url, seconds))
  // Rounds that do not count: targets compile what they run. Calibrating has done that for writes.
  const isWarm = context.flag("smoke") || workload.client === "qemu-img"
  for (const { label, url } of isWarm ? [] : contenders) {
    await runWorkload(workload, url, seconds, counts.get(label) ?? 0)
  }
  const rate: Record<string, Array<number>> = {}
  const cpu = await inTurns(contenders, rounds, async ({ label, pid, url }, round) => {
    const before = cpuSeconds(pid)
    const { operations, seconds: took } = await runWorkload(workload, url, seconds, counts.get(label) ?? 0)
    const micros = ((cpuSeconds(pid) - before) * 1e6) / operations
    rate[label] = [...(rate[label] ?? []), operations / took]
    context.progress(`${workload.name}, round ${round + 1}, ${label}: ${micros.toFixed(1)} us`)
    return micros
  })
  return { workload, cpu, rate }
}

const chosenOf = (samples: Samples, labels: ReadonlyArray<string>): Samples =>
  Object.fromEntries(Object.entries(samples).filter(([label]) => labels.includes(label)))

const tablesOf = (measured: ReadonlyArray<Measured>, chosen: ReadonlyArray<string>): ReadonlyArray<Table> => {
  const table = (labels: ReadonlyArray<string>, of: (each: Measured, mine: ReadonlyArray<string>) => Row) => {
    const contenders = labels.filter((label) => chosen.includes(label))
    return { contenders, rows: measured.map((each) => of(each, contenders)) }
  }
  const unit = "microseconds of the target's CPU per IO"
  const chart = { kind: "bars" } as const
  const memory = table(inMemory, (each, mine) =>
    rowOf(each.workload, chosenOf(each.cpu, mine), memoryRatios(each.workload))
  )
  const files = table(inFiles, (each, mine) => rowOf(each.workload, chosenOf(each.cpu, mine), fileRatios))
  const rates = table(all, (each, mine) => rowOf(each.workload, chosenOf(each.rate, mine)))
  const tables: ReadonlyArray<Table> = [
    { name: "memory", title: "RAM disks", unit, chart, ...memory },
    { name: "files", title: "Disks in files and at an NBD server", unit, chart, ...files },
    { name: "rates", title: "IO per second", unit: "by the clock", ...rates }
  ]
  return tables.filter(({ contenders }) => contenders.length > 0)
}

const sparseFile = (folder: string, bytes: number): string => {
  const path = join(folder, "disk")
  writeFileSync(path, "")
  truncateSync(path, bytes)
  return path
}

interface Place {
  readonly memory: string
  readonly disk: string
  readonly mebibytes: number
}

/** All targets; `use` gets who takes part. */
const withContenders = async (
  context: BenchContext,
  { disk, mebibytes, memory }: Place,
  use: (contenders: ReadonlyArray<Contender>) => Promise<ReadonlyArray<Table>>
): Promise<ReadonlyArray<Table>> => {
  const sizeBytes = mebibytes * 1024 * 1024
  const nbdSocket = join(memory, "nbd")
  await using _nbdkit = await startNbdkit(nbdSocket, "memory", String(sizeBytes))
  await using lunlog = await startLunlog({ args: lunlogArgs(context) })
  await lunlog.createMalloc("Malloc0", mebibytes)
  await lunlog.call("bdev_aio_create", { name: "Aio0", filename: sparseFile(memory, sizeBytes), block_size: 512 })
  await lunlog.call("bdev_aio_create", { name: "Aio1", filename: sparseFile(disk, sizeBytes), block_size: 512 })
  await lunlog.call("bdev_nbd_create", { name: "Nbd0", path: nbdSocket })
  const luns = { 0: "Malloc0", 1: "Aio0", 2: "Aio1", 3: "Nbd0" }
  await lunlog.createTarget({ name: targetName, luns, queueDepth: 128 })
  const units = [
    { store: "file", sizeBytes },
    { store: "file", sizeBytes, folder: disk },
    { store: "null", sizeBytes },
    { store: "file", sizeBytes, tuned: true }
  ] as const
  await using tgt = await startTgt(units, memory)
  const own = (lun: number) => ({
    url: `${portalUrl(lunlog.endpoint.port)}/${targetName}/${lun}`,
    pid: lunlog.process.pid
  })
  const peer = (index: number) => ({ url: tgt.url(index), pid: tgt.pid })
  const contenders: ReadonlyArray<Contender> = [
    { label: "lunlog", ...own(0) },
    { label: "file", ...own(1) },
    { label: "disk", ...own(2) },
    { label: "nbd", ...own(3) },
    { label: "tgt", ...peer(0) },
    { label: "tgt-tuned", ...peer(3) },
    { label: "tgt-disk", ...peer(1) },
    { label: "tgt-null", ...peer(2) }
  ]
  const chosen = contenders.filter(({ label }) => context.text("contenders").split(",").includes(label))
  for (const { label, url } of chosen) if (label !== "tgt-null") await fill(url, sizeBytes)
  return await use(chosen)
}

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  const names = context.text("only").split(",")
  using memory = makeBenchFolder(memoryFolder)
  using disk = makeBenchFolder(context.text("directory"))
  const place = { memory: memory.path, disk: disk.path, mebibytes: context.number("mebibytes") }
  return await withContenders(context, place, async (chosen) => {
    const measured: Array<Measured> = []
    for (const workload of workloads.filter(({ name }) => names.includes(name))) {
      measured.push(await measure(context, chosen, workload))
    }
    return tablesOf(
      measured,
      chosen.map(({ label }) => label)
    )
  })
}

/** See the head of this file. */
export const dataBenchmark: Benchmark = {
  name: "data",
  about: "the data path against tgt (its Debian package starts a service on port 3260, which is not used: disable it)",
  tools: ["tgtd", "tgtadm", "nbdkit", "iscsi-perf", "qemu-img", qemuIscsiDriver],
  peers: ["tgtd"],
  options: {
    ...roundOptions("3", "2"),
    only: {
      about: "workloads",
      default: workloads.map(({ name }) => name).join(","),
      smoke: "randread4k-qd32,write1m-qd4"
    },
    contenders: { about: "who takes part", default: all.join(","), smoke: "lunlog,tgt-tuned" },
    mebibytes: { about: "size of each disk", default: "1024", smoke: "64" },
    directory: { about: "a folder on a real disk", default: "/var/tmp" },
    ...lunlogOptions
  },
  run
}

if (import.meta.main) await runBenchmark(dataBenchmark)
