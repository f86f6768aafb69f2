/** What tests of stacked bdevs share: a base that answers late, and a model of a disk that every read is checked by. */
import { assert } from "vitest"
import { type Bdev, type BdevIo, IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { NullBdev } from "../../../src/dataplane/bdev/memory/NullBdev.ts"
import { PassthruBdev } from "../../../src/dataplane/bdev/wrapper/PassthruBdev.ts"
import type { Dice } from "../../domain/random.ts"

/** Answers only when it is told to, in any order; what it does is done when it answers. */
export class LateBdev extends PassthruBdev {
  readonly waiting: Array<{ readonly io: BdevIo; readonly run: () => void }> = []

  override read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    this.waiting.push({ io, run: () => this.base.read(byteOffset, target, targetStart, byteLength, io) })
  }

  override write(
    byteOffset: number,
    source: Buffer,
    start: number,
    byteLength: number,
    fua: boolean,
    io: BdevIo
  ): void {
    this.waiting.push({ io, run: () => this.base.write(byteOffset, source, start, byteLength, fua, io) })
  }

  override unmap(byteOffset: number, byteLength: number, io: BdevIo): void {
    this.waiting.push({ io, run: () => this.base.unmap(byteOffset, byteLength, io) })
  }

  override writeZeroes(byteOffset: number, byteLength: number, fua: boolean, io: BdevIo): void {
    this.waiting.push({ io, run: () => this.base.writeZeroes(byteOffset, byteLength, fua, io) })
  }

  override flush(io: BdevIo): void {
    this.waiting.push({ io, run: () => this.base.flush(io) })
  }

  override cancel(io: BdevIo): void {
    const at = this.waiting.findIndex((waiting) => waiting.io === io)
    if (at < 0) return
    this.waiting.splice(at, 1)
    io.ioDone(IoStatus.aborted)
  }

  /** Lets one go. */
  release(index: number): void {
    this.waiting.splice(index, 1)[0]?.run()
  }
}

/** Each block is full of a number; nothing is ever written to it. */
export class PatternBdev extends NullBdev {
  readonly #content: (block: number) => number

  constructor(blockCount: number, blockSize: number, content: (block: number) => number) {
    super({ _tag: "Null", blockCount, blockSize, physicalBlockSize: 0 })
    this.#content = content
  }

  override read(byteOffset: number, target: Buffer, targetStart: number, byteLength: number, io: BdevIo): void {
    for (let done = 0; done < byteLength; done += this.blockSize) {
      const start = targetStart + done
      target.fill(this.#content((byteOffset + done) / this.blockSize), start, start + this.blockSize)
    }
    io.ioDone(IoStatus.ok)
  }

  override write(): void {
    assert.fail("the base is written to")
  }

  override unmap(): void {
    assert.fail("the base is unmapped")
  }

  override writeZeroes(): void {
    assert.fail("the base is zeroed")
  }
}

/** Shows the first blocks of its base only, until it grows. */
export class GrowingBdev extends PassthruBdev {
  blocks: number

  constructor(base: Bdev, blocks: number) {
    super(base)
    this.blocks = blocks
  }

  override get blockCount(): number {
    return this.blocks
  }
}

interface Pending {
  readonly kind: "read" | "write"
  readonly first: number
  readonly end: number
  readonly allowed: ReadonlyArray<Set<number>>
  readonly target: Buffer | undefined
  /** Blocks that another write has met while this one was under way: either may be the last. */
  readonly contended: Set<number>
}

const none: Pending = { kind: "read", first: 0, end: 0, allowed: [], target: undefined, contended: new Set() }

/** Each block of the model is one number, 0 for zeros; a block's bytes on disk are all that number. */
export class ModelDisk {
  readonly bdev: Bdev
  /** What a block may hold: more than one while writes to it are under way, or were given up. */
  readonly blocks: Array<Set<number>>
  readonly pending = new Set<Pending>()
  ended = 0
  begun = 0
  /** Steps are taken from here on. */
  readonly #from: number

  constructor(bdev: Bdev, content: (block: number) => number, from = 0) {
    this.bdev = bdev
    this.#from = from
    this.blocks = Array.from({ length: bdev.blockCount }, (_, block) => new Set([content(block)]))
  }

  /** Writes a number into blocks, or zeros by another way. */
  write(first: number, count: number, value: number, how: "write" | "unmap" | "zeroes", fua = false): void {
    const { blockSize } = this.bdev
    const end = first + count
    // A read that is under way may see it, and so may everything until it has ended.
    for (const reader of this.pending) {
      if (reader.kind !== "read") continue
      for (let block = Math.max(first, reader.first); block < Math.min(end, reader.end); block++) {
        reader.allowed[block - reader.first]?.add(value)
      }
    }
    for (let block = first; block < end; block++) this.blocks[block]?.add(value)
    const contended = new Set<number>()
    for (const other of this.pending) {
      if (other.kind !== "write") continue
      for (let block = Math.max(first, other.first); block < Math.min(end, other.end); block++) {
        contended.add(block)
        other.contended.add(block)
      }
    }
    const pending: Pending = { kind: "write", first, end, allowed: [], target: undefined, contended }
    const io = this.#io(pending, (status) => {
      if (status !== IoStatus.ok) return
      for (let block = first; block < end; block++) if (!contended.has(block)) this.blocks[block] = new Set([value])
    })
    if (how === "unmap") this.bdev.unmap(first * blockSize, count * blockSize, io)
    else if (how === "zeroes") this.bdev.writeZeroes(first * blockSize, count * blockSize, fua, io)
    else this.bdev.write(first * blockSize, Buffer.alloc(count * blockSize, value), 0, count * blockSize, fua, io)
  }

  read(first: number, count: number): void {
    const { blockSize } = this.bdev
    const target = Buffer.alloc(count * blockSize, 0xee)
    const allowed = this.blocks.slice(first, first + count).map((values) => new Set(values))
    const pending: Pending = { kind: "read", first, end: first + count, allowed, target, contended: new Set() }
    const io = this.#io(pending, (status) => {
      if (status !== IoStatus.ok) return
      for (let index = 0; index < count; index++) {
        const bytes = target.subarray(index * blockSize, (index + 1) * blockSize)
        const [value = 0] = bytes
        assert.isTrue(bytes.equals(Buffer.alloc(blockSize, value)), `block ${first + index} is torn`)
        assert.isTrue(
          allowed[index]?.has(value),
          `block ${first + index} has ${value}, of ${[...(allowed[index] ?? [])]}`
        )
      }
    })
    this.bdev.read(first * blockSize, target, 0, target.length, io)
  }

  flush(ended: (status: IoStatus) => void = () => {}): void {
    this.bdev.flush(this.#io({ ...none }, ended))
  }

  /** Does something. */
  step({ pick, roll }: Dice, value: number): void {
    const first = this.#from + roll(this.bdev.blockCount - this.#from)
    const count = 1 + roll(Math.min(this.bdev.blockCount - first, pick([1, 8, 64, 400])))
    const kind = roll(12)
    if (kind < 5) this.read(first, count)
    else if (kind < 9) this.write(first, count, value, "write", roll(4) === 0)
    else if (kind === 9) this.write(first, count, 0, "unmap")
    else if (kind === 10) this.write(first, count, 0, "zeroes", roll(2) === 0)
    else this.flush()
  }

  #io(pending: Pending, ended: (status: IoStatus) => void): BdevIo {
    let isOver = false
    this.begun++
    this.pending.add(pending)
    return {
      ioDone: (status) => {
        assert.isFalse(isOver, "an IO ends once")
        isOver = true
        this.ended++
        this.pending.delete(pending)
        ended(status)
      }
    }
  }
}
