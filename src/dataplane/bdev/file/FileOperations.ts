/**
 * What disks in files use of Node, so that tests can have files that hang, fail and read less than was asked. IO has
 * callbacks: promises cost two and a half times as much per operation.
 */
import * as fs from "node:fs"
import { fileShortcuts } from "./file-shortcuts.ts"
import { type SystemCalls, systemCalls } from "./system-calls.ts"

type Transfer = (
  descriptor: number,
  buffer: Buffer,
  start: number,
  byteLength: number,
  byteOffset: number,
  done: (error: NodeJS.ErrnoException | null, bytes: number) => void
) => void

type Plain = (descriptor: number, done: (error: NodeJS.ErrnoException | null) => void) => void

/** What is asked of a file before it is used; numbers that may need 64 bits. */
export type FileStat = Pick<
  fs.BigIntStats,
  "dev" | "ino" | "rdev" | "size" | "blksize" | "isFile" | "isDirectory" | "isBlockDevice"
>

/** Operations on files. */
export interface FileOperations {
  readonly stat: (path: string) => Promise<FileStat>
  readonly open: (path: string, flags: number, mode?: number) => Promise<number>
  readonly fstat: (descriptor: number) => Promise<FileStat>
  readonly read: Transfer
  readonly write: Transfer
  readonly fdatasync: Plain
  /** For new files: their length, and that they are there after a power failure. */
  readonly truncate: (descriptor: number, byteLength: number) => Promise<void>
  readonly fsync: (descriptor: number) => Promise<void>
  readonly unlink: (path: string) => Promise<void>
  /** What a file of the kernel (sysfs, procfs) says, or the beginning of it. */
  readonly readText: (path: string) => Promise<string>
  readonly close: Plain
  /** What Node does not offer, or why there is nothing. */
  readonly systemCalls: () => SystemCalls | string
  /** What of an open file or device needs no trip through the pool, or fewer. */
  readonly shortcuts: typeof fileShortcuts
}

const promised = <A>(run: (done: (error: NodeJS.ErrnoException | null, value: A) => void) => void): Promise<A> =>
  new Promise((resolve, reject) => {
    run((error, value) => (error === null ? resolve(value) : reject(error)))
  })

const settled = (run: (done: (error: NodeJS.ErrnoException | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    run((error) => (error === null ? resolve() : reject(error)))
  })

/** Bytes; what sysfs says in one file is at most a page. */
const textBytesMax = 64 * 1024

const readText = async (path: string): Promise<string> => {
  const file = await fs.promises.open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(textBytesMax), 0, textBytesMax, 0)
    return buffer.toString("utf8", 0, bytesRead)
  } finally {
    await file.close()
  }
}

/** The real ones. */
export const nodeFiles: FileOperations = {
  stat: (path) => promised<fs.BigIntStats>((done) => fs.stat(path, { bigint: true }, done)),
  open: (path, flags, mode) => promised<number>((done) => fs.open(path, flags, mode, done)),
  fstat: (descriptor) => promised<fs.BigIntStats>((done) => fs.fstat(descriptor, { bigint: true }, done)),
  read: fs.read,
  write: fs.write,
  fdatasync: fs.fdatasync,
  truncate: (descriptor, byteLength) => settled((ended) => fs.ftruncate(descriptor, byteLength, ended)),
  fsync: (descriptor) => settled((ended) => fs.fsync(descriptor, ended)),
  unlink: (path) => settled((ended) => fs.unlink(path, ended)),
  readText,
  close: fs.close,
  systemCalls,
  shortcuts: fileShortcuts
}
