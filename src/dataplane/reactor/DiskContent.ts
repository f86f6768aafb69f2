/**
 * The content of a RAM disk, to a file and from one: piece by piece between two turns of the event loop, so that IO
 * goes on meanwhile. What initiators write while it is copied is in the copy or not, block by block.
 *
 * Pieces of zeros are holes of the file, and memory that was never written stays with the operating system.
 */
import * as fs from "node:fs"
import { PathRefused } from "../../host/AllowedPaths.ts"
import { type Bdev, type BdevIo, IoStatus } from "../bdev/Bdev.ts"
import { errorCode } from "../bdev/error-code.ts"
import type { OpenFiles } from "../bdev/file/OpenFiles.ts"
import { MallocBdev } from "../bdev/memory/MallocBdev.ts"
import type { ReactorAnswer } from "./protocol.ts"

/** Bytes that are copied in one turn. */
const pieceBytes = 1024 * 1024
/** Copies at the same time: each has a thread of libuv's pool while its file is written or read. */
const copiesMax = 2

const { O_CREAT, O_RDONLY, O_WRONLY } = fs.constants

/** Readable by nobody else: it is what somebody's disk holds. */
const fileMode = 0o600

type Copied = (answer: ReactorAnswer) => void

const failed = (code: string, detail: string): ReactorAnswer => ({ _tag: "Failed", code, detail })

/** An IO of a RAM disk ends before its call returns. */
class Immediate implements BdevIo {
  status: IoStatus = IoStatus.aborted
  ioDone(status: IoStatus): void {
    this.status = status
  }
}

const cancelled = failed("ECANCELED", "nobody waits for the copy any more")

const explanations: Readonly<Record<string, string>> = {
  EEXIST: "it exists already; name one that does not",
  ENOENT: "there is no such file, or no such directory",
  EACCES: "the target's user may not write there, or not read it",
  ENOSPC: "there is no room for it"
}

const fileFailed = (file: string, error: unknown): ReactorAnswer => {
  if (error instanceof PathRefused) return failed(error.code, error.message)
  const code = errorCode(error)
  return failed(code, `${file}: ${explanations[code] ?? code}`)
}

const zeros = Buffer.alloc(pieceBytes)

/** One copy, in either direction. */
class Copy {
  readonly disk: MallocBdev
  readonly file: string
  readonly #descriptor: number
  readonly #done: Copied
  readonly #piece = Buffer.allocUnsafe(pieceBytes)
  readonly #io = new Immediate()
  readonly #byteLength: number
  #offset = 0
  /** Nobody waits for it any more. */
  isCancelled = false

  constructor(disk: MallocBdev, file: string, descriptor: number, done: Copied) {
    this.disk = disk
    this.file = file
    this.#descriptor = descriptor
    this.#done = done
    this.#byteLength = disk.blockCount * disk.blockSize
  }

  /** From the disk to the file, which has got its length before. */
  toFile(): void {
    const length = Math.min(pieceBytes, this.#byteLength - this.#offset)
    if (length === 0) return this.#end({ _tag: "Done" })
    if (this.isCancelled) return this.#end(cancelled)
    this.disk.read(this.#offset, this.#piece, 0, length, this.#io)
    if (this.#io.status !== IoStatus.ok) return this.#end(failed("ENODEV", "the disk was closed meanwhile"))
    const piece = this.#piece.subarray(0, length)
    if (piece.equals(zeros.subarray(0, length))) {
      this.#offset += length
      setImmediate(() => this.toFile())
      return
    }
    this.#writePiece(piece)
  }

  #writePiece(rest: Buffer): void {
    fs.write(this.#descriptor, rest, 0, rest.length, this.#offset, (error, written) => {
      if (error !== null) return this.#end(fileFailed(this.file, error))
      this.#offset += written
      if (written < rest.length) return this.#writePiece(rest.subarray(written))
      this.toFile()
    })
  }

  /** From the file to the disk. A file that is shorter leaves the rest of the disk as it is. */
  fromFile(): void {
    const length = Math.min(pieceBytes, this.#byteLength - this.#offset)
    if (length === 0) return this.#end({ _tag: "Done" })
    if (this.isCancelled) return this.#end(cancelled)
    fs.read(this.#descriptor, this.#piece, 0, length, this.#offset, (error, bytes) => {
      if (error !== null) return this.#end(fileFailed(this.file, error))
      if (bytes === 0) return this.#end({ _tag: "Done" })
      const piece = this.#piece.subarray(0, bytes)
      if (!piece.equals(zeros.subarray(0, bytes))) {
        this.disk.write(this.#offset, piece, 0, bytes, false, this.#io)
        if (this.#io.status !== IoStatus.ok) return this.#end(failed("ENODEV", "the disk was closed meanwhile"))
      }
      this.#offset += bytes
      this.fromFile()
    })
  }

  #end(answer: ReactorAnswer): void {
    fs.close(this.#descriptor, () => this.#done(answer))
  }
}

/** All copies of a reactor. */
export class DiskContent {
  readonly #running = new Set<Copy>()
  readonly #openFiles: OpenFiles
  #count = 0

  /** Its files have to be allowed, as those of disks. */
  constructor(openFiles: OpenFiles) {
    this.#openFiles = openFiles
  }

  /** Into a new file of the disk's size. What is left of one that fails is taken away again. */
  dump(bdev: Bdev | undefined, file: string, answer: Copied): void {
    this.#begin(bdev, answer, (disk, done) => {
      this.#open(file, O_WRONLY | O_CREAT, done, (descriptor) => {
        const ended = (result: ReactorAnswer): void => {
          if (result._tag !== "Failed") return done(result)
          const removed = this.#openFiles.withEntry(file, (entry) => fs.promises.unlink(entry))
          removed.catch(() => undefined).then(() => done(result))
        }
        fs.ftruncate(descriptor, disk.blockCount * disk.blockSize, (refused) => {
          if (refused === null) return this.#copy(disk, file, descriptor, ended).toFile()
          fs.close(descriptor, () => ended(fileFailed(file, refused)))
        })
      })
    })
  }

  /** Over what the disk holds. */
  load(bdev: Bdev | undefined, file: string, answer: Copied): void {
    this.#begin(bdev, answer, (disk, done) => {
      this.#open(file, O_RDONLY, done, (descriptor) => this.#copy(disk, file, descriptor, done).fromFile())
    })
  }

  /** Ends the copies between a disk and a file, between two pieces. */
  cancel(bdev: Bdev | undefined, file: string): void {
    for (const copy of this.#running) if (copy.disk === bdev && copy.file === file) copy.isCancelled = true
  }

  #open(file: string, flags: number, failed: Copied, opened: (descriptor: number) => void): void {
    this.#openFiles.open(file, flags, fileMode).then(opened, (error: unknown) => failed(fileFailed(file, error)))
  }

  #copy(disk: MallocBdev, file: string, descriptor: number, done: Copied): Copy {
    const copy = new Copy(disk, file, descriptor, (answer) => {
      this.#running.delete(copy)
      done(answer)
    })
    this.#running.add(copy)
    return copy
  }

  #begin(bdev: Bdev | undefined, answer: Copied, copy: (disk: MallocBdev, done: Copied) => void): void {
    if (!(bdev instanceof MallocBdev)) return answer(failed("EOPNOTSUPP", "it is no RAM disk that is open"))
    if (this.#count >= copiesMax) return answer(failed("EBUSY", `${copiesMax} copies run already; try again later`))
    this.#count++
    copy(bdev, (result) => {
      this.#count--
      answer(result)
    })
  }
}
