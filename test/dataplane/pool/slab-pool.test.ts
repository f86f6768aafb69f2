/** RAM disks on memory that outlives them: what they hold is there for the next on it, and never for another disk. */
import { assert, describe, it } from "vitest"
import { IoStatus } from "../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev, slabBytesOf } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { SlabPool } from "../../../src/dataplane/pool/SlabPool.ts"
import { libc } from "../../../src/host/libc.ts"
import { mallocSpec, okIo, RecordedIo } from "../bdev/recorded-io.ts"

const blocks = 4096
const diskBytes = blocks * 512
const spec = mallocSpec({ blockCount: blocks })

class Budget {
  readonly limit: number
  left: number
  #changed: Array<() => void> = []
  constructor(left: number) {
    this.limit = left
    this.left = left
  }
  take = (bytes: number): boolean => {
    if (bytes > this.left) return false
    this.left -= bytes
    return true
  }
  give = (bytes: number): void => {
    this.left += bytes
    for (const tell of this.#changed.splice(0)) tell()
  }
  given = (): Promise<void> => new Promise((resolve) => this.#changed.push(resolve))
}

const release = (slab: SharedArrayBuffer): Promise<void> => {
  const calls = libc()
  if (typeof calls === "string") throw new Error(calls)
  return calls.release(slab)
}

const taken = (pool: SlabPool, bytes = diskBytes): SharedArrayBuffer => {
  const slab = pool.take(bytes)
  assert(slab !== undefined)
  return slab
}

const contentOf = (bdev: MallocBdev): Buffer => {
  const content = Buffer.alloc(diskBytes)
  bdev.read(0, content, 0, diskBytes, okIo)
  return content
}

describe("a disk on a slab", () => {
  it("has what the one before it on the slab had, to the byte and to what it knows to be empty", () => {
    const slab = new SharedArrayBuffer(slabBytesOf(diskBytes))
    const before = new MallocBdev(spec, false, slab)
    before.write(70_000 - (70_000 % 512), Buffer.alloc(1024, 3), 0, 1024, false, okIo)
    before.write(diskBytes - 512, Buffer.alloc(512, 5), 0, 512, false, okIo)
    const content = contentOf(before)
    const { allocatedBytes } = before.provisioning
    assert.strictEqual(allocatedBytes, 2 * 64 * 1024)
    before.close()
    const after = new MallocBdev(spec, false, slab)
    assert.isTrue(contentOf(after).equals(content))
    assert.strictEqual(after.provisioning.allocatedBytes, allocatedBytes)
    assert.strictEqual(after.memory?.length, diskBytes)
    after.unmap(diskBytes - 65_536, 65_536, okIo)
    assert.isTrue(new MallocBdev(spec, false, slab).provisioning.allocatedBytes === 64 * 1024)
  })

  it("does nothing any more once it is closed, as the slab may be another's", () => {
    const slab = new SharedArrayBuffer(slabBytesOf(diskBytes))
    const bdev = new MallocBdev(spec, false, slab)
    bdev.close()
    const io = new RecordedIo()
    bdev.write(0, Buffer.alloc(512, 9), 0, 512, false, io)
    bdev.read(0, Buffer.alloc(512), 0, 512, io)
    bdev.unmap(0, 512, io)
    assert.isTrue(Buffer.from(slab, 0, diskBytes).every((byte) => byte === 0))
    assert.isUndefined(bdev.memory)
    assert.deepEqual(io.answers, [IoStatus.failed, IoStatus.failed, IoStatus.failed])
  })
})

describe("the pool of slabs", () => {
  it("gives a slab again only as zeros, and keeps it for a disk of the same size", async () => {
    const budget = new Budget(1e9)
    const pool = new SlabPool(budget, release)
    const slab = taken(pool)
    Buffer.from(slab).fill(0xa5)
    const given = budget.given()
    pool.give(slab)
    assert.notStrictEqual(taken(pool), slab, "its content is not gone yet")
    await given
    const other = taken(pool, diskBytes / 2)
    assert.strictEqual(other.byteLength, slabBytesOf(diskBytes / 2))
    const again = taken(pool)
    assert.strictEqual(again, slab)
    assert.isTrue(Buffer.from(again).equals(Buffer.alloc(again.byteLength)))
  })

  it("takes no more than its budget has, and gives all of it back", async () => {
    const budget = new Budget(slabBytesOf(diskBytes) * 2)
    const pool = new SlabPool(budget, release)
    const slabs = [taken(pool), taken(pool)]
    assert.isUndefined(pool.take(diskBytes))
    for (const slab of slabs) {
      const given = budget.given()
      pool.give(slab)
      await given
    }
    assert.strictEqual(budget.left, slabBytesOf(diskBytes) * 2)
    taken(pool)
  })

  it("takes what cannot be had for too much, and what cannot be released for gone", async () => {
    const budget = new Budget(Number.MAX_SAFE_INTEGER)
    const pool = new SlabPool(budget, () => Promise.reject(new Error("locked into memory")))
    assert.isUndefined(pool.take(2 ** 52))
    assert.strictEqual(budget.left, Number.MAX_SAFE_INTEGER)
    const slab = taken(pool)
    const given = budget.given()
    pool.give(slab)
    await given
    assert.notStrictEqual(taken(pool), slab)
  })
})
