/**
 * Several writes by one system call, in one trip through libuv's thread pool: Linux's asynchronous IO (io_submit(2)),
 * which for files in the page cache is not asynchronous at all. It does one write after the other before it returns,
 * and their results are there to be fetched.
 *
 * The structures are those of linux/aio_abi.h on little-endian machines with 64 bits: `struct iocb` has 64 bytes,
 * `struct io_event` 32.
 */
import { constants } from "node:os"
import { inPool } from "./pool-calls.ts"

/** What one call takes. Each write is a page or a few: all of them keep a thread for less than a millisecond. */
export const batchWritesMax = 32

type Koffi = typeof import("koffi")
type CLibrary = ReturnType<Koffi["load"]>
type AsyncDone = (error: Error | null, result: number) => void

/** Numbers of the calls: x86-64 has its own, all later architectures share theirs. */
const numbersOf = (architecture: string) =>
  architecture === "x64" ? { setup: 206, getevents: 208, submit: 209 } : { setup: 0, getevents: 4, submit: 2 }

const iocbBytes = 64
const iocbAt = { opcode: 16, descriptor: 20, address: 24, byteLength: 32, byteOffset: 40 } as const
const opcodeWrite = 1
const eventBytes = 32
const eventAt = { index: 0, result: 16 } as const

const { EAGAIN } = constants.errno

/** Writes that are done together, one after the other. To be filled, submitted, and given back. */
export interface WriteBatch {
  readonly count: number
  /** Who calls keeps the buffer until the batch is back. */
  readonly add: (descriptor: number, buffer: Buffer, start: number, byteLength: number, byteOffset: number) => void
  readonly submit: (done: () => void) => void
  /** After it is back, of the write that was added at this place: bytes written, or a negative errno. */
  readonly resultOf: (index: number) => number
  /** It may be another's, empty again. */
  readonly give: () => void
}

/** Gives an empty batch, or undefined where there is none: the kernel limits their number, or forbids them. */
export type TakeWriteBatch = () => WriteBatch | undefined

class AioCalls {
  readonly #koffi: Koffi
  readonly #setup
  readonly #submit
  readonly #getevents
  readonly #numbers = numbersOf(process.arch)

  constructor(koffi: Koffi, libc: CLibrary) {
    this.#koffi = koffi
    this.#setup = libc.func("int64_t syscall(int64_t number, int64_t count, void *context)")
    this.#submit = libc.func("int64_t syscall(int64_t number, int64_t context, int64_t count, void *pointers)")
    this.#getevents = libc.func(
      "int64_t syscall(int64_t number, int64_t context, int64_t min, int64_t max, void *events, void *timeout)"
    )
  }

  address(memory: NodeJS.TypedArray): bigint {
    return this.#koffi.address(memory)
  }

  /** A context of the kernel for so many; undefined if there is none. */
  setup(count: number): bigint | undefined {
    const context = new BigUint64Array(1)
    const result: number = this.#setup(this.#numbers.setup, count, context)
    return result === 0 ? context[0] : undefined
  }

  /** How many the kernel has taken, in the pool; a negative errno if none. */
  submit(context: bigint, count: number, pointers: BigUint64Array, done: (taken: number) => void): void {
    const ended = inPool((error: Error | null, result: number) => {
      if (error !== null) done(-EAGAIN)
      else done(result >= 0 ? result : -this.#koffi.errno())
    })
    this.#submit.async(this.#numbers.submit, context, count, pointers, ended)
  }

  /** How many events there are by now. */
  events(context: bigint, max: number, events: Buffer): number {
    const result: number = this.#getevents(this.#numbers.getevents, context, 0, max, events, null)
    return Math.max(0, result)
  }

  /** Waits in the pool until there are so many. */
  awaitEvents(context: bigint, count: number, events: Buffer, done: AsyncDone): void {
    this.#getevents.async(this.#numbers.getevents, context, count, count, events, null, inPool(done))
  }
}

class KernelBatch implements WriteBatch {
  readonly #calls: AioCalls
  readonly #context: bigint
  readonly #free: Array<KernelBatch>
  readonly #iocbs = Buffer.alloc(batchWritesMax * iocbBytes)
  readonly #pointers = new BigUint64Array(batchWritesMax)
  readonly #events = Buffer.alloc(batchWritesMax * eventBytes)
  readonly #results = new Int32Array(batchWritesMax)
  count = 0

  constructor(calls: AioCalls, context: bigint, free: Array<KernelBatch>) {
    this.#calls = calls
    this.#context = context
    this.#free = free
    const address = calls.address(this.#iocbs)
    for (let index = 0; index < batchWritesMax; index++) {
      const at = index * iocbBytes
      this.#pointers[index] = address + BigInt(at)
      this.#iocbs.writeUInt32LE(index, at)
      this.#iocbs.writeUInt16LE(opcodeWrite, at + iocbAt.opcode)
    }
  }

  add(descriptor: number, buffer: Buffer, start: number, byteLength: number, byteOffset: number): void {
    const isInside = start >= 0 && byteLength >= 0 && start + byteLength <= buffer.length
    if (!isInside) throw new RangeError(`${byteLength} bytes from ${start} are not in a buffer of ${buffer.length}`)
    if (this.count >= batchWritesMax) throw new RangeError(`a batch has at most ${batchWritesMax} writes`)
    const at = this.count * iocbBytes
    const iocbs = this.#iocbs
    iocbs.writeUInt32LE(descriptor, at + iocbAt.descriptor)
    iocbs.writeBigUInt64LE(this.#calls.address(buffer) + BigInt(start), at + iocbAt.address)
    iocbs.writeBigUInt64LE(BigInt(byteLength), at + iocbAt.byteLength)
    iocbs.writeBigUInt64LE(BigInt(byteOffset), at + iocbAt.byteOffset)
    this.count++
  }

  submit(done: () => void): void {
    // What the kernel does not take at all has not been done.
    this.#results.fill(-EAGAIN)
    this.#calls.submit(this.#context, this.count, this.#pointers, (taken) => this.#fetch(Math.max(0, taken), done))
  }

  resultOf(index: number): number {
    return this.#results[index] ?? -EAGAIN
  }

  give(): void {
    this.count = 0
    this.#free.push(this)
  }

  /** Of the writes that the kernel has taken so many are not fetched yet. */
  #fetch(missing: number, done: () => void): void {
    const fetched = this.#calls.events(this.#context, missing, this.#events)
    this.#note(fetched)
    if (fetched >= missing) return done()
    // Never seen with the page cache; but a buffer that is written from must not be given back before.
    this.#calls.awaitEvents(this.#context, missing - fetched, this.#events, (_error, result) => {
      this.#note(Math.max(0, result))
      this.#fetch(missing - fetched - Math.max(0, result), done)
    })
  }

  #note(count: number): void {
    for (let index = 0; index < count; index++) {
      const at = index * eventBytes
      const place = this.#events.readUInt32LE(at + eventAt.index)
      if (place < batchWritesMax) this.#results[place] = Number(this.#events.readBigInt64LE(at + eventAt.result))
    }
  }
}

/** Batches of this thread, made as they are needed and used again. */
export const bindWriteBatches = (koffi: Koffi, libc: CLibrary): TakeWriteBatch => {
  const calls = new AioCalls(koffi, libc)
  const free: Array<KernelBatch> = []
  return () => {
    const used = free.pop()
    if (used !== undefined) return used
    const context = calls.setup(batchWritesMax)
    return context === undefined ? undefined : new KernelBatch(calls, context, free)
  }
}
