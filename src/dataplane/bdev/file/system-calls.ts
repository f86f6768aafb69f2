/**
 * System calls that Node does not offer: holes in files, transfers that do not wait, and several writes at once. They
 * come from libc by koffi, an optional package. Where it cannot be loaded (no prebuilt binary for this system, or
 * installed without optional packages) there are none, and everything works by reads and writes.
 *
 * Holes are made and looked for in libuv's thread pool, like Node's own operations: one takes about 40 us of processor
 * time here, of which half is the kernel's for a hole of 4 KiB. What does not wait is called on the thread that asks
 * for it: koffi adds less than 0.2 us to the call.
 */
import { bindLibc, type LoadedLibc, systemError } from "../../../host/load-libc.ts"
import { bindWriteBatches, type TakeWriteBatch } from "./kernel-aio.ts"
import { inPool } from "./pool-calls.ts"

/** Ends a call; the error has the errno name as `code`. */
type Done = (error: NodeJS.ErrnoException | null) => void

type OnRange = (descriptor: number, byteOffset: number, byteLength: number, done: Done) => void

type Seek = (
  descriptor: number,
  byteOffset: number,
  done: (error: NodeJS.ErrnoException | null, byteOffset: number) => void
) => void

/**
 * Reads or writes `[start, start + byteLength)` of `buffer` without waiting for a device. The number of bytes, which
 * may be fewer, or a negative errno: EAGAIN if it would have to wait, EOPNOTSUPP if the file cannot say so beforehand.
 */
export type TransferNow = (
  descriptor: number,
  buffer: Buffer,
  start: number,
  byteLength: number,
  byteOffset: number
) => number

/**
 * Calls on an open file or block device. `EOPNOTSUPP` is the answer of one that does not have it; of a device it comes
 * also where nothing less than writing would give zeros.
 */
export interface SystemCalls {
  /**
   * The range reads as zeros, and what held it is given back (fallocate(2) with FALLOC_FL_PUNCH_HOLE and
   * FALLOC_FL_KEEP_SIZE). A block device discards it where that is certain to give zeros, else writes zeros itself.
   */
  readonly punchHole: OnRange
  /** The range reads as zeros and stays allocated (FALLOC_FL_ZERO_RANGE and FALLOC_FL_KEEP_SIZE). */
  readonly zeroRange: OnRange
  /** The first byte at or after the offset that is no hole (lseek(2) with SEEK_DATA); `ENXIO` if there is none. */
  readonly seekData: Seek
  /** The first byte at or after the offset that is a hole (SEEK_HOLE): the end of the file is one. */
  readonly seekHole: Seek
  /** What the page cache holds (preadv2(2) with RWF_NOWAIT). Absent: libc does not have it. */
  readonly readNow: TransferNow | undefined
  /** Into the page cache, if there is room in it and the file has the blocks (pwritev2(2) with RWF_NOWAIT). */
  readonly writeNow: TransferNow | undefined
  /** Writes that share one trip through the pool. */
  readonly takeWriteBatch: TakeWriteBatch
}

/** Of linux/fs.h. */
const rwfNoWait = 0x08

/** Of linux/falloc.h and unistd.h, on every architecture. */
const Fallocate = { keepSize: 0x01, punchHole: 0x02, zeroRange: 0x10 } as const
const Whence = { data: 3, hole: 4 } as const

/** `off_t` has 64 bits here; with 32 these names of libc mean other functions. */
const architectures: ReadonlyArray<string> = ["x64", "arm64", "riscv64", "loong64"]

/** `preadv2` or `pwritev2`; the vector is one iovec of address and length, 64 bits each. */
const bindTransfer = ({ koffi, library: libc }: LoadedLibc, name: string): TransferNow | undefined => {
  try {
    const call = libc.func(`int64_t ${name}(int descriptor, const void *vector, int count, int64_t offset, int flags)`)
    const vector = new BigUint64Array(2)
    return (descriptor, buffer, start, byteLength, byteOffset) => {
      const isInside = start >= 0 && byteLength >= 0 && start + byteLength <= buffer.length
      if (!isInside) throw new RangeError(`${byteLength} bytes from ${start} are not in a buffer of ${buffer.length}`)
      vector[0] = koffi.address(buffer) + BigInt(start)
      vector[1] = BigInt(byteLength)
      const result: number = call(descriptor, vector, 1, byteOffset, rwfNoWait)
      return result >= 0 ? result : -koffi.errno()
    }
  } catch {
    // Of a C library that has no such function: musl before 1.2.5.
    return undefined
  }
}

const bind = (loadedLibc: LoadedLibc): SystemCalls => {
  const { koffi, library: libc } = loadedLibc
  const fallocate = libc.func("int fallocate(int descriptor, int mode, int64_t offset, int64_t length)")
  const lseek = libc.func("int64_t lseek(int descriptor, int64_t offset, int whence)")
  const changing =
    (mode: number): OnRange =>
    (descriptor, byteOffset, byteLength, done) =>
      fallocate.async(
        descriptor,
        mode,
        byteOffset,
        byteLength,
        inPool((error: Error | null, result: number) => {
          // Koffi puts the call's own errno back for the time of this callback.
          if (error !== null) done(error)
          else done(result === 0 ? null : systemError("fallocate", koffi.errno()))
        })
      )
  const seeking =
    (whence: number): Seek =>
    (descriptor, byteOffset, done) =>
      lseek.async(
        descriptor,
        byteOffset,
        whence,
        inPool((error: Error | null, result: number | bigint) => {
          if (error !== null) done(error, 0)
          else if (result < 0) done(systemError("lseek", koffi.errno()), 0)
          else done(null, Number(result))
        })
      )
  return {
    punchHole: changing(Fallocate.punchHole | Fallocate.keepSize),
    zeroRange: changing(Fallocate.zeroRange | Fallocate.keepSize),
    seekData: seeking(Whence.data),
    seekHole: seeking(Whence.hole),
    readNow: bindTransfer(loadedLibc, "preadv2"),
    writeNow: bindTransfer(loadedLibc, "pwritev2"),
    takeWriteBatch: bindWriteBatches(koffi, libc)
  }
}

const load = (): SystemCalls | string =>
  architectures.includes(process.arch) ? bindLibc(bind) : `they are not known for ${process.arch}`

let loaded: SystemCalls | string | undefined

/** They are loaded with the first call, which takes some 15 ms. A string is the reason why there are none. */
export const systemCalls = (): SystemCalls | string => {
  loaded ??= load()
  return loaded
}
