/** NBD disks of tests: opened, with what they tell. */

import type { Bdev, IoStatus } from "../../../../src/dataplane/bdev/Bdev.ts"
import type { BdevNews } from "../../../../src/dataplane/bdev/BdevNews.ts"
import type { NbdSpec } from "../../../../src/dataplane/bdev/BdevSpec.ts"
import { OpenFiles } from "../../../../src/dataplane/bdev/file/OpenFiles.ts"
import { NbdBdev } from "../../../../src/dataplane/bdev/nbd/NbdBdev.ts"
import { openNbdBdev } from "../../../../src/dataplane/bdev/nbd/open-nbd-bdev.ts"
import type { OpenedBdev } from "../../../../src/dataplane/bdev/OpenedBdev.ts"
import { until } from "../../../support/until.ts"
import { RecordedIo } from "../recorded-io.ts"
import type { ScriptedNbdServer } from "./ScriptedNbdServer.ts"

export const nbdSpec = (server: NbdSpec["server"], changes: Partial<NbdSpec> = {}): NbdSpec => ({
  _tag: "Nbd",
  server,
  exportName: "",
  blockSize: 512,
  readOnly: false,
  connections: 4,
  reconnectSeconds: 20,
  replySeconds: 60,
  giveUpSeconds: 0,
  wholeBlocks: true,
  ...changes
})

/** What a disk has told, and failures as `write EIO at 512`. */
export interface Told {
  readonly news: Array<BdevNews>
  readonly failures: Array<string>
}

export const openNbd = (
  spec: NbdSpec,
  told: Told = { news: [], failures: [] },
  openFiles = new OpenFiles(),
  signal: AbortSignal = new AbortController().signal
): Promise<OpenedBdev> =>
  new Promise((resolve) => {
    const failed = (operation: string, code: string, at: number): void => {
      told.failures.push(`${operation} ${code} at ${at}`)
    }
    openNbdBdev("Nbd0", spec, { openFiles, tell: (news) => told.news.push(news), failed }, signal, resolve)
  })

/** An open disk, closed at the end; throws where there is none. */
export const openDisk = async (
  spec: NbdSpec,
  openFiles = new OpenFiles()
): Promise<{ readonly disk: NbdBdev; readonly told: Told } & AsyncDisposable> => {
  const told: Told = { news: [], failures: [] }
  const result = await openNbd(spec, told, openFiles)
  if (result._tag === "BdevFailure") throw new Error(result.detail)
  if (!(result.bdev instanceof NbdBdev)) throw new Error("it is no NBD disk")
  const disk = result.bdev
  return {
    disk,
    told,
    [Symbol.asyncDispose]: () => {
      disk.close()
      return new Promise((resolve) => disk.whenClosed(resolve))
    }
  }
}

export const read = (disk: Bdev, byteOffset: number, target: Buffer): RecordedIo => {
  const io = new RecordedIo()
  disk.read(byteOffset, target, 0, target.length, io)
  return io
}

export const write = (disk: Bdev, byteOffset: number, source: Buffer, fua = false): RecordedIo => {
  const io = new RecordedIo()
  disk.write(byteOffset, source, 0, source.length, fua, io)
  return io
}

export const flush = (disk: Bdev): RecordedIo => {
  const io = new RecordedIo()
  disk.flush(io)
  return io
}

export const unmap = (disk: Bdev, byteOffset: number, byteLength: number): Promise<IoStatus> => {
  const io = new RecordedIo()
  disk.unmap(byteOffset, byteLength, io)
  return io.answered
}

export const zeroes = (disk: Bdev, byteOffset: number, byteLength: number, fua = false): Promise<IoStatus> => {
  const io = new RecordedIo()
  disk.writeZeroes(byteOffset, byteLength, fua, io)
  return io.answered
}

export const run = (disk: Bdev, byteOffset: number, byteLength: number): Promise<number> =>
  new Promise((resolve) => disk.mappedRun(byteOffset, byteLength, resolve))

/**
 * Waits until a disk sends over so many connections. That the server has agreed does not say that the disk has heard
 * of it: so many reads at once show it. Leaves the server answering.
 */
export const untilSpread = async (server: ScriptedNbdServer, disk: Bdev, connections: number): Promise<void> => {
  server.settings.holds = true
  for (let seen = 0; seen < connections; ) {
    const probes = Array.from({ length: connections }, () => read(disk, 0, Buffer.alloc(512)))
    await until("they are out", () => server.held.length === connections)
    seen = new Set(server.held.map(({ socket }) => socket)).size
    server.release()
    await Promise.all(probes.map(({ answered }) => answered))
  }
  server.settings.holds = false
  server.requests.length = 0
}
