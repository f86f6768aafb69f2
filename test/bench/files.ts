/**
 * What IO of disks in files costs, without sockets: through the page cache, past it, on the medium with each write, on
 * a block device, and what clearing blocks costs. CPU time is the process's with all its threads; what the kernel does
 * later, or in threads of its own, is not in it.
 *
 *   npm run bench -- files [--seconds=1] [--depth=8] [--directory=/var/tmp]
 */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type BdevIo, IoStatus } from "../../src/dataplane/bdev/Bdev.ts"
import type { AioSpec } from "../../src/dataplane/bdev/BdevSpec.ts"
import { AioBdev } from "../../src/dataplane/bdev/file/AioBdev.ts"
import { OpenFiles } from "../../src/dataplane/bdev/file/OpenFiles.ts"
import { openAioBdev } from "../../src/dataplane/bdev/file/open-aio-bdev.ts"
import { LoopDevice, loopDeviceRefusal } from "../support/loop-device.ts"

const diskBytes = 256 * 1024 * 1024

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    seconds: { type: "string", default: "1" },
    depth: { type: "string", default: "8" },
    directory: { type: "string", default: tmpdir() }
  }
})
const depth = Number(values.depth)
const millis = Number(values.seconds) * 1000

/** What one measurement came to, per IO. */
interface Cost {
  readonly cpuMicros: number
  readonly elapsedMicros: number
}

type Submit = (disk: AioBdev, byteOffset: number, byteLength: number, data: Buffer, io: BdevIo) => void

const submits: Readonly<Record<string, Submit>> = {
  read: (disk, at, length, data, io) => disk.read(at, data, 0, length, io),
  write: (disk, at, length, data, io) => disk.write(at, data, 0, length, false, io),
  unmap: (disk, at, length, _data, io) => disk.unmap(at, length, io),
  zeroes: (disk, at, length, _data, io) => disk.writeZeroes(at, length, false, io)
}

/** `depth` at a time, each at another place, for a while; all that end in a turn are followed by others in the next. */
const measure = (disk: AioBdev, submit: Submit, byteLength: number): Promise<Cost> =>
  new Promise((resolve, reject) => {
    const places = Math.floor(diskBytes / byteLength)
    const began = performance.now()
    const cpu = process.cpuUsage()
    let [started, ended] = [0, 0]
    const isOver = (): boolean => performance.now() - began >= millis
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
      const elapsed = (performance.now() - began) * 1000
      resolve({ cpuMicros: (system + user) / ended, elapsedMicros: elapsed / ended })
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

const print = (text: string): void => void process.stdout.write(`${text}\n`)

const row = async (disk: AioBdev, label: string, kinds: ReadonlyArray<readonly [string, number]>): Promise<void> => {
  for (const [kind, byteLength] of kinds) {
    const submit = submits[kind]
    if (submit === undefined) continue
    const { cpuMicros, elapsedMicros } = await measure(disk, submit, byteLength)
    const size = byteLength >= 1048576 ? `${byteLength / 1048576} MiB` : `${byteLength / 1024} KiB`
    print(
      `${label.padEnd(24)} ${`${size} ${kind}`.padEnd(16)} ${cpuMicros.toFixed(0).padStart(8)} us CPU, ` +
        `one each ${elapsedMicros.toFixed(0).padStart(7)} us`
    )
  }
  await new Promise<void>((resolve) => {
    disk.close()
    disk.whenClosed(resolve)
  })
}

const transfers = [
  ["write", 1048576],
  ["write", 4096],
  ["read", 4096],
  ["read", 1048576]
] as const

const main = async (): Promise<void> => {
  const folder = mkdtempSync(join(values.directory, "lunlog-bench-"))
  try {
    const path = join(folder, "disk")
    writeFileSync(path, "")
    truncateSync(path, diskBytes)
    print(`${depth} at a time, ${values.seconds} s each, in ${values.directory}`)
    await row(await open(path, {}), "file", transfers)
    await row(await open(path, { direct: true }), "file, direct", transfers)
    await row(await open(path, { dsync: true }), "file, dsync", transfers)
    await row(await open(path, { fallocate: true }), "file, thin", [
      ["write", 1048576],
      ["unmap", 4096],
      ["write", 1048576],
      ["unmap", 1048576],
      ["write", 4096],
      ["zeroes", 1048576]
    ])
    if (loopDeviceRefusal === undefined) {
      using device = LoopDevice.attach(path)
      await row(await open(device.path, { fallocate: true }), "loop device", [...transfers, ["unmap", 1048576]])
      await row(await open(device.path, { direct: true }), "loop device, direct", transfers)
    } else print(`no block device: ${loopDeviceRefusal}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
