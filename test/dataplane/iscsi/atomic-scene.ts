/**
 * A scene with commands of several blocks and several steps, and what must hold of them in whatever order they end. All
 * blocks of a region hold the same number. Numbers that are written are never used again, so that what is read tells
 * which command has written it.
 */
import { assert, vi } from "vitest"
import { copyList, extendedCopyCdb } from "../../support/initiator/copy-list.ts"
import { turn } from "./fixture.ts"
import { blockCount, lunCount, play, Scene, unitIndexOf } from "./scene.ts"

const regionBlocks = 4
/** Numbers, written by all kinds of commands. */
const numbersAt = blockCount
/** Bits that only ORWRITE sets. */
const bitsAt = blockCount + regionBlocks
/** Copies of the numbers. */
const copiesAt = blockCount + 2 * regionBlocks

/** A command that may have written a number. */
interface Writer {
  readonly begun: number
  /** Infinity: it has not ended yet. */
  ended: number
  isGood: boolean
  /** COMPARE AND WRITE: the number that it was to replace. */
  readonly replaced?: number
}

const blocksOf = (value: number): Buffer => {
  const data = Buffer.alloc(regionBlocks * 512)
  for (let at = 0; at < data.length; at += 4) data.writeUInt32BE(value, at)
  return data
}

const cdb16 = (opcode: number, lba: number, blocks: number): Buffer => {
  const cdb = Buffer.alloc(16)
  cdb[0] = opcode
  cdb.writeBigUInt64BE(BigInt(lba), 2)
  cdb.writeUInt32BE(blocks, 10)
  return cdb
}

const compareAndWrite = (): Buffer => {
  const cdb = cdb16(0x89, numbersAt, 0)
  cdb[13] = regionBlocks
  return cdb
}

/** WRITE(16), WRITE AND VERIFY(16), WRITE ATOMIC(16) and WRITE SAME(16). */
const write16 = (opcode: 0x8a | 0x8e | 0x9c | 0x93): Buffer => cdb16(opcode, numbersAt, regionBlocks)

/** See the top of the file. */
export class AtomicScene extends Scene {
  readonly #writers = new Map<number, Writer>([[0, { begun: -2, ended: -1, isGood: true }]])
  readonly #replaced = new Set<number>()
  /** Bits whose ORWRITE was answered with GOOD, and all that were sent. */
  #bitsSet = 0
  #bitsSent = 0
  #now = 0
  #value = 0
  /** The number that was read last. */
  #known = 0
  /** Commands that ended with GOOD. */
  good = 0

  override async step(): Promise<void> {
    this.#now++
    // No more than the command window has room for.
    if (this.sent.length > 24) {
      vi.advanceTimersByTime(this.random.below(60))
      return this.settle()
    }
    if (this.random.chance(0.5)) return super.step()
    const kind = this.random.below(100)
    if (kind < 30) this.#compareAndWrite()
    else if (kind < 45) this.#writeNumber()
    else if (kind < 60) this.#setBits()
    else if (kind < 70) this.#copy()
    else if (kind < 90) this.#read()
    else if (kind < 95) this.#verify()
    else this.#reserve(kind === 95 ? 0x16 : 0x17)
  }

  /** Operations take several turns of the event loop, which do not wait for the clock. */
  override async settle(): Promise<void> {
    for (let more = 0; more < 5; more++) await turn()
    await super.settle()
  }

  #send(cdb: Buffer, data: Buffer, ended: (status: string, data: Buffer) => void, readBytes = 0, lun = this.lun()) {
    const peer = this.peer()
    const counted = (status: string, read: Buffer): void => {
      this.#now++
      if (status === "GOOD") this.good++
      ended(status, read)
    }
    this.start({ peer, tag: peer.nextTag(), lun, fill: 0, data, ended: counted }, cdb, readBytes)
  }

  #begin(replaced?: number): readonly [value: number, ended: (status: string) => void] {
    const value = ++this.#value
    const writer: Writer = {
      begun: this.#now,
      ended: Number.POSITIVE_INFINITY,
      isGood: false,
      ...(replaced === undefined ? {} : { replaced })
    }
    this.#writers.set(value, writer)
    return [
      value,
      (status) => {
        writer.ended = this.#now
        writer.isGood = status === "GOOD"
      }
    ]
  }

  #compareAndWrite(): void {
    const expected = this.#known
    const begun = this.#now
    const [value, ended] = this.#begin(expected)
    this.#send(compareAndWrite(), Buffer.concat([blocksOf(expected), blocksOf(value)]), (status) => {
      ended(status)
      if (status !== "GOOD") return
      this.#known = value
      assert.isFalse(this.#replaced.has(expected), `${expected} is replaced by ${value}, and was before`)
      this.#replaced.add(expected)
      this.#checkFresh(expected, begun, value)
    })
  }

  #writeNumber(): void {
    const [value, ended] = this.#begin()
    const opcode = this.random.pick([0x8a, 0x8e, 0x9c, 0x93] as const)
    const cdb = write16(opcode)
    if (opcode === 0x9c) cdb.writeUInt32BE(regionBlocks, 10)
    const data = blocksOf(value).subarray(0, opcode === 0x93 ? 512 : undefined)
    // Data of a write goes into a RAM disk's memory as it comes: all blocks of the region at once only by other disks.
    const lun = this.random.pick([1, 2, 4])
    this.#send(cdb, data, ended, 0, lun)
  }

  #setBits(): void {
    const bits = 2 ** this.random.below(31)
    this.#bitsSent |= bits
    this.#send(cdb16(0x8b, bitsAt, regionBlocks), blocksOf(bits), (status) => {
      if (status === "GOOD") this.#bitsSet |= bits
    })
  }

  #copy(): void {
    const lun = this.lun()
    const other = this.random.below(lunCount)
    const designators = [lun, other].map((at) => this.units[unitIndexOf(at)]?.identity.naa ?? Buffer.alloc(16))
    const cscds = designators.map((designator) => ({ designator, blockLength: 512 }))
    const segment = { source: 0, destination: 1, blocks: regionBlocks, sourceLba: numbersAt, destinationLba: copiesAt }
    const list = copyList(cscds, [segment], { listIdUsage: 3, listIdentifier: 0 })
    this.#send(extendedCopyCdb(list.length), list, () => {}, 0, lun)
  }

  #read(): void {
    const begun = this.#now
    const bits = this.#bitsSet
    const at = this.random.pick([numbersAt, bitsAt, copiesAt])
    const ended = (status: string, data: Buffer): void => {
      if (status !== "GOOD") return
      if (at === bitsAt) this.#checkBits(data, bits)
      else this.#known = this.#checkNumber(data, at === numbersAt ? begun : -1)
    }
    this.#send(cdb16(0x88, at, regionBlocks), Buffer.alloc(0), ended, regionBlocks * 512)
  }

  /** What was read last is there or not: either is right, and no lock may be left behind. */
  #verify(): void {
    const cdb = cdb16(0x8f, numbersAt, regionBlocks)
    cdb[1] = 0x02
    this.#send(cdb, blocksOf(this.#known), () => {})
  }

  /** RESERVE(6), or RELEASE(6) of both. */
  #reserve(opcode: 0x16 | 0x17): void {
    const lun = this.lun()
    for (const peer of opcode === 0x16 ? [this.peer()] : this.peers) {
      const sent = { peer, tag: peer.nextTag(), lun, fill: 0, data: Buffer.alloc(0) }
      this.start(sent, Buffer.from([opcode, 0, 0, 0, 0, 0]))
    }
  }

  #uniform(data: Buffer): number {
    const value = data.readUInt32BE(0)
    assert.isTrue(
      data.equals(blocksOf(value)),
      `a region is torn: ${data.toString("hex").replace(/(.{8})\1*/gu, "$1 ")}`
    )
    return value
  }

  #checkBits(data: Buffer, set: number): void {
    const bits = this.#uniform(data)
    assert.strictEqual((bits & set) >>> 0, set >>> 0, "bits that were set are not there")
    assert.strictEqual((bits & ~this.#bitsSent) >>> 0, 0, "bits are there that nobody has set")
  }

  /** Read, or replaced, by what has begun at `begun`; -1: it may be old. */
  #checkNumber(data: Buffer, begun: number): number {
    const value = this.#uniform(data)
    this.#checkFresh(value, begun)
    return value
  }

  /** Nothing was written wholly between the end of its writer and `begun`. */
  #checkFresh(value: number, begun: number, except = -1): void {
    const writer = this.#writers.get(value)
    assert(writer !== undefined, `${value} was never written`)
    for (const [other, { begun: later, ended, isGood }] of this.#writers) {
      if (other === except || !isGood || later <= writer.ended || ended >= begun) continue
      assert.fail(`${value} is there, though ${other} was written after it`)
    }
  }

  /** What is there at the end, and what that has replaced, is not older than anything else that was written. */
  checkEnd(memory: Buffer): void {
    const region = (at: number): Buffer => memory.subarray(at * 512, (at + regionBlocks) * 512)
    this.#checkBits(region(bitsAt), this.#bitsSet)
    this.#uniform(region(copiesAt))
    const seen = new Set<number>()
    let value: number | undefined = this.#uniform(region(numbersAt))
    while (value !== undefined) {
      seen.add(value)
      const writer = this.#writers.get(value)
      assert(writer !== undefined, `${value} was never written`)
      for (const [other, { begun, isGood }] of this.#writers) {
        if (isGood && begun > writer.ended && !seen.has(other)) {
          assert.fail(`${other} is lost: it was written after ${value}, on which the content is based`)
        }
      }
      value = writer.replaced
    }
  }
}

/** Plays one scene, with fake timers; gives how many of its commands ended with GOOD. */
export const playAtomic = async (seed: number): Promise<number> => {
  const scene = new AtomicScene(seed)
  try {
    await play(scene, 400)
    scene.checkEnd(scene.units[0]?.bdev.memory ?? Buffer.alloc(0))
  } catch (error) {
    throw new Error(`seed ${seed}: ${error}`, { cause: error })
  }
  return scene.good
}
