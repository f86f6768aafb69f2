/**
 * What IO of disks in files costs, without sockets: in memory, through the page cache, past it, on the medium with each
 * write, on a block device, and what clearing blocks costs. CPU time is the process's with all its threads; what the
 * kernel does later, or in threads of its own, is not in it.
 *
 *   npm run bench -- files [--seconds=1] [--rounds=3] [--depth=8] [--directory=/var/tmp]
 */
import { truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type BdevIo, IoStatus } from "../../src/dataplane/bdev/Bdev.ts"
import type { AioSpec } from "../../src/dataplane/bdev/BdevSpec.ts"
import { AioBdev } from "../../src/dataplane/bdev/file/AioBdev.ts"
import { OpenFiles } from "../../src/dataplane/bdev/file/OpenFiles.ts"
import { openAioBdev } from "../../src/dataplane/bdev/file/open-aio-bdev.ts"
import { LoopDevice, loopDeviceRefusal } from "../support/loop-device.ts"
import { makeBenchFolder } from "./support/BenchFolder.ts"
import { type BenchContext, type Benchmark, roundOptions, runBenchmark } from "./support/Benchmark.ts"
import type { Row, Table } from "./support/BenchResult.ts"
import { rowOf } from "./support/samples.ts"

const diskBytes = 256 * 1024 * 1024
const memoryFolder = "/dev/shm"

type Submit = (disk: AioBdev, byteOffset: number, byteLength: number, data: Buffer, io: BdevIo) => void

const submits: Readonly<Record<string, Submit>> = {
  read: (disk, at, length, data, io) => disk.read(at, data, 0, length, io),
  write: (disk, at, length, data, io) => disk.write(at, data, 0, length, false, io),
  unmap: (disk, at, length, _data, io) => disk.unmap(at, length, io),
  zeroes: (disk, at, length, _data, io) => disk.writeZeroes(at, length, false, io)
}

/**
 * Microseconds of CPU per IO: so many at a time, each at another place, for a while; all that end in a turn are
 * followed by others in the next.
 */
const measure = (context: BenchContext, disk: AioBdev, submit: Submit, byteLength: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const [depth, millis] = [context.number("depth"), context.number("seconds") * 1000]
    const places = Math.floor(diskBytes / byteLength)
    const began = performance.now()
    const cpu = process.cpuUsage()
    let [started, ended] = [0, 0]
    const isOver = (): boolean => started > 0 && performance.now() - began >= millis
    const free: Array<Buffer> = Array.from({ length: depth }, (_, lane) => Buffer.alloc(byteLength, lane + 1))
    const next = (data: Buffer): void => {
      const ioDone = (status: IoStatus): void => {
        if (status !== IoStatus.ok) return reject(new Error(`an IO ended with status ${status}`))
        ended++
        if (free.push(data) === 1 || (ended === started && isOver())) setImmediate(turn)
      }
      // A stride that is no divisor of the number of places comes to each of them.
      submit(disk, ((started++ * 7919) % places) * byteLength, byteLength, data, { ioDone })
    }
    const turn = (): void => {
      if (!isOver()) return free.splice(0).forEach(next)
      if (ended < started) return
      const { system, user } = process.cpuUsage(cpu)
      resolve((system + user) / ended)
    }
    turn()
  })

const open = async (filename: string, changes: Partial<AioSpec>): Promise<AioBdev> => {
  const spec: AioSpec = { _tag: "Aio", filename, blockSize: 4096, readOnly: false, wholeBlocks: true, ...changes }
  const opening = { openFiles: new OpenFiles(), ioFailed: () => undefined, tell: () => undefined }
  const result = await openAioBdev("Bench", spec, opening, new AbortController().signal)
  if (result._tag === "BdevOpened" && result.bdev instanceof AioBdev) return result.bdev
  throw new Error(result._tag === "BdevFailure" ? result.detail : "no file")
}

type Kind = readonly [submit: string, byteLength: number]

/** Of a column. */
const nameOf = ([submit, byteLength]: Kind): string =>
  `${byteLength >= 1048576 ? `${byteLength / 1048576} MiB` : `${byteLength / 1024} KiB`} ${submit}`

/** Does all of `kinds` in their order, in each round, and closes the disk. */
const row = async (context: BenchContext, disk: AioBdev, title: string, kinds: ReadonlyArray<Kind>): Promise<Row> => {
  const samples: Record<string, Array<number>> = {}
  for (let round = 0; round < context.number("rounds"); round++) {
    for (const kind of kinds) {
      const submit = submits[kind[0]]
      if (submit === undefined) throw new Error(`there is no IO '${kind[0]}'`)
      const micros = await measure(context, disk, submit, kind[1])
      context.progress(`${title}, round ${round + 1}, ${nameOf(kind)}: ${micros.toFixed(1)} us`)
      samples[nameOf(kind)] = [...(samples[nameOf(kind)] ?? []), micros]
    }
  }
  await new Promise<void>((resolve) => {
    disk.close()
    disk.whenClosed(resolve)
  })
  return rowOf({ name: title.replaceAll(/\W+/g, "-").replace(/-$/, ""), title }, samples)
}

const transfers: ReadonlyArray<Kind> = [
  ["write", 1048576],
  ["write", 4096],
  ["read", 4096],
  ["read", 1048576]
]

/** Each unmap takes away what a write has put there. */
const thinTransfers: ReadonlyArray<Kind> = [
  ["write", 1048576],
  ["unmap", 4096],
  ["write", 1048576],
  ["unmap", 1048576],
  ["write", 4096],
  ["zeroes", 1048576]
]

const makeDisk = (folder: string): string => {
  const path = join(folder, "disk")
  writeFileSync(path, "")
  truncateSync(path, diskBytes)
  return path
}

/** A file whose content is in memory. */
const memoryRow = async (context: BenchContext): Promise<Row> => {
  using folder = makeBenchFolder(memoryFolder)
  return await row(context, await open(makeDisk(folder.path), {}), "file on tmpfs", transfers)
}

const rowsIn = async (context: BenchContext, folder: string): Promise<ReadonlyArray<Row>> => {
  const path = makeDisk(folder)
  const rows = [
    await memoryRow(context),
    await row(context, await open(path, {}), "file", transfers),
    await row(context, await open(path, { direct: true }), "file, direct", transfers),
    await row(context, await open(path, { dsync: true }), "file, dsync", transfers),
    await row(context, await open(path, { fallocate: true }), "file, thin", thinTransfers)
  ]
  if (loopDeviceRefusal !== undefined) {
    context.progress(`no block device: ${loopDeviceRefusal}`)
    return rows
  }
  using device = LoopDevice.attach(path)
  const thin = await open(device.path, { fallocate: true })
  rows.push(await row(context, thin, "block device (loop)", [...transfers, ["unmap", 1048576]]))
  const direct = await open(device.path, { direct: true })
  rows.push(await row(context, direct, "block device, direct", transfers))
  return rows
}

const run = async (context: BenchContext): Promise<ReadonlyArray<Table>> => {
  using folder = makeBenchFolder(context.text("directory"))
  const rows = await rowsIn(context, folder.path)
  const small = ["read", "write", "unmap"].map((each) => nameOf([each, 4096]))
  const large = ["read", "write", "unmap", "zeroes"].map((each) => nameOf([each, 1048576]))
  const [title, unit] = ["Disks in files, without sockets", "microseconds of CPU per IO"]
  return [{ name: "cost", title, unit, heading: "disk", contenders: [...small, ...large], rows }]
}

/** See the head of this file. */
export const filesBenchmark: Benchmark = {
  name: "files",
  about: "what IO of disks in files costs, without sockets",
  options: {
    ...roundOptions("3", "1"),
    seconds: { about: "length of a sample", default: "1", smoke: "0.02" },
    depth: { about: "IOs at a time", default: "8" },
    directory: { about: "where the file is", default: tmpdir() }
  },
  run
}

if (import.meta.main) await runBenchmark(filesBenchmark)
