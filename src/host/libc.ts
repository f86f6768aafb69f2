/**
 * Calls of libc that Node does not offer, made at once (not in libuv's pool): on descriptors of sockets, on the calling
 * thread, and on memory. They come by koffi, an optional package. One takes a quarter of a microsecond more than the
 * system call.
 */
import { bindLibc, type LoadedLibc, systemError } from "./load-libc.ts"

/** Calls that succeed, or throw an error with the errno name as `code`. */
export interface Libc {
  /** Another descriptor of the same socket, which a child process does not get (fcntl(2) with F_DUPFD_CLOEXEC). */
  readonly duplicate: (descriptor: number) => number
  /** close(2): of a descriptor that no part of Node has. */
  readonly close: (descriptor: number) => void
  /** The number of the calling thread (gettid). */
  readonly threadId: () => number
  /** The cores that the calling thread may run on (sched_getaffinity), in ascending order. */
  readonly threadCores: () => ReadonlyArray<number>
  /** The calling thread runs on these cores alone from now on (sched_setaffinity). */
  readonly pinThread: (cores: ReadonlyArray<number>) => void
  /** Where memory begins that neither moves nor ends before its user has done with it. */
  readonly addressOf: (memory: Buffer) => number
  /** writev(2) of `count` vectors at an address: bytes written, or -1, whatever the reason. */
  readonly writeVectors: (descriptor: number, vectors: number, count: number) => number
  /**
   * Makes memory read as zeros, and gives its pages back to the operating system (madvise, MADV_DONTNEED); in libuv's
   * pool, as a GiB takes some tenths of a second.
   */
  readonly release: (memory: SharedArrayBuffer) => Promise<void>
  /**
   * Gives memory back to the operating system that libc keeps for its next allocations (malloc_trim(3)), in libuv's
   * pool; nothing where libc has no such call (musl).
   */
  readonly trim: () => Promise<void>
}

/** Of fcntl.h and mman.h, on every architecture of Linux. */
const duplicateCloseOnExec = 1030
const dontNeed = 4
/** The lowest descriptor that `duplicate` gives: none of the standard streams. */
const descriptorMin = 3
/** Of the largest mask of cores that the kernel may have, in bytes. */
const coreMaskBytes = 1024
/** Bytes; a multiple of every page size in use. */
const pageBytes = 65_536
const bitsPerByte = 8

const coresOf = (mask: Buffer): ReadonlyArray<number> => {
  const cores: Array<number> = []
  for (const [at, byte] of mask.entries()) {
    for (let bit = 0; bit < bitsPerByte; bit++) if ((byte & (1 << bit)) !== 0) cores.push(at * bitsPerByte + bit)
  }
  return cores
}

const maskOf = (cores: ReadonlyArray<number>): Buffer => {
  const mask = Buffer.alloc(Math.ceil((Math.max(0, ...cores) + 1) / (bitsPerByte * bitsPerByte)) * bitsPerByte)
  for (const core of cores) {
    const at = Math.floor(core / bitsPerByte)
    mask[at] = (mask[at] ?? 0) | (1 << (core % bitsPerByte))
  }
  return mask
}

const optional = <A>(find: () => A): A | undefined => {
  try {
    return find()
  } catch {
    return undefined
  }
}

const bind = ({ koffi, library: libc }: LoadedLibc): Libc => {
  const fcntl = libc.func("int fcntl(int descriptor, int command, ...)")
  const close = libc.func("int close(int descriptor)")
  const gettid = libc.func("int gettid()")
  const setAffinity = libc.func("int sched_setaffinity(int thread, size_t bytes, const uint8_t *mask)")
  const getAffinity = libc.func("int sched_getaffinity(int thread, size_t bytes, _Out_ uint8_t *mask)")
  // Addresses are numbers: below 2^53 on every system, and handed over for less than a Buffer.
  const writev = libc.func("int64_t writev(int descriptor, uintptr_t vectors, int count)")
  const madvise = libc.func("int madvise(void *address, size_t length, int advice)")
  const mallocTrim = optional(() => libc.func("int malloc_trim(size_t kept)"))
  const checked = (call: string, result: number): number => {
    if (result < 0) throw systemError(call, koffi.errno())
    return result
  }
  /** Whole pages of it, as the bytes before and behind them belong to somebody else's pages, too. */
  const pagesOf = (memory: Buffer): Buffer => {
    const before = Number(-koffi.address(memory) & BigInt(pageBytes - 1))
    const length = Math.floor(Math.max(0, memory.length - before) / pageBytes) * pageBytes
    return memory.subarray(before, before + length)
  }
  return {
    duplicate: (descriptor) => checked("fcntl", fcntl(descriptor, duplicateCloseOnExec, "int", descriptorMin)),
    close: (descriptor) => void checked("close", close(descriptor)),
    threadId: () => gettid(),
    threadCores: () => {
      const mask = Buffer.alloc(coreMaskBytes)
      checked("sched_getaffinity", getAffinity(0, mask.length, mask))
      return coresOf(mask)
    },
    pinThread: (cores) => {
      const mask = maskOf(cores)
      checked("sched_setaffinity", setAffinity(0, mask.length, mask))
    },
    addressOf: (memory) => Number(koffi.address(memory)),
    writeVectors: (descriptor, vectors, count) => writev(descriptor, vectors, count),
    release: (memory) =>
      new Promise((resolve, reject) => {
        const all = Buffer.from(memory)
        const pages = pagesOf(all)
        all.fill(0, 0, pages.byteOffset - all.byteOffset)
        all.fill(0, pages.byteOffset - all.byteOffset + pages.length)
        if (pages.length === 0) return resolve()
        madvise.async(pages, pages.length, dontNeed, (error: Error | null, result: number) => {
          if (error === null && result === 0) resolve()
          else reject(error ?? systemError("madvise", koffi.errno()))
        })
      }),
    trim: () =>
      new Promise((resolve) => {
        if (mallocTrim === undefined) resolve()
        else mallocTrim.async(0, () => resolve())
      })
  }
}

let loaded: Libc | string | undefined

/** They are loaded with the first call, which takes some 15 ms. A string is the reason why there are none. */
export const libc = (): Libc | string => {
  loaded ??= bindLibc(bind)
  return loaded
}
