/** Buffers that are kept for reuse: counted while they are there, dropped when nobody needs them, refused in time. */
import { assert, beforeEach, describe, it } from "vitest"
import { BufferPool } from "../../../src/dataplane/iscsi/BufferPool.ts"
import { noBuffer } from "../../../src/dataplane/iscsi/IscsiTask.ts"
import { OutputBuffers } from "../../../src/dataplane/iscsi/OutputBuffers.ts"
import { TaskPool } from "../../../src/dataplane/iscsi/TaskPool.ts"
import { outputBufferBytes, smallOutputBufferBytes } from "../../../src/dataplane/limits.ts"
import { type MemoryAccount, MemoryBudget } from "../../../src/dataplane/MemoryBudget.ts"

const kibibyte = 1024
const mebibyte = 1024 * kibibyte

describe("a pool of buffers", () => {
  let memory: MemoryAccount
  beforeEach(() => {
    memory = MemoryBudget.sized(8 * mebibyte).account("connections")
  })
  const taken = (pool: BufferPool, count: number): ReadonlyArray<Buffer> =>
    Array.from({ length: count }, () => {
      const buffer = pool.take()
      assert(buffer !== undefined)
      return buffer
    })

  it("counts what is used and what is kept, and gives up what it does not keep", () => {
    const pool = new BufferPool(mebibyte, 2, memory)
    const buffers = taken(pool, 3)
    assert.strictEqual(memory.used, 3 * mebibyte)
    for (const buffer of buffers) pool.give(buffer)
    assert.strictEqual(pool.keptBytes, 2 * mebibyte)
    assert.strictEqual(memory.used, 2 * mebibyte)
    taken(pool, 2)
    assert.strictEqual(memory.used, 2 * mebibyte)
  })

  it("has none beyond the budget, but for who must have one", () => {
    const pool = new BufferPool(mebibyte, 8, memory)
    taken(pool, 8)
    assert.isUndefined(pool.take())
    assert.strictEqual(pool.takeAnyway()?.length, mebibyte)
    assert.strictEqual(memory.used, 9 * mebibyte)
  })

  it("drops what nobody has needed between two looks, and no more", () => {
    const pool = new BufferPool(mebibyte, 8, memory)
    for (const buffer of taken(pool, 5)) pool.give(buffer)
    pool.trim()
    assert.strictEqual(pool.keptBytes, 5 * mebibyte, "they were needed a moment ago")
    for (const buffer of taken(pool, 3)) pool.give(buffer)
    pool.trim()
    assert.strictEqual(pool.keptBytes, 3 * mebibyte)
    pool.trim()
    assert.strictEqual(memory.used, 0)
  })

  it("counts nothing when the operating system has no memory", () => {
    const pool = new BufferPool(mebibyte, 8, memory, () => undefined)
    assert.isUndefined(pool.take())
    assert.isUndefined(pool.takeAnyway())
    assert.strictEqual(memory.used, 0)
  })

  it("takes an allocation that fails for no memory", () => {
    const pool = new BufferPool(2 ** 53, 8, MemoryBudget.sized(8 * mebibyte).account("output"))
    assert.isUndefined(pool.takeAnyway())
  })
})

describe("buffers of commands", () => {
  it("are refused beyond the budget, and had again when others give theirs back", () => {
    const memory = MemoryBudget.sized(16 * mebibyte).account("commands")
    const pool = new TaskPool(undefined, memory)
    const first = pool.take()
    assert.isTrue(pool.giveBuffer(first, 4 * mebibyte))
    const tasks = Array.from({ length: 4 }, () => pool.take())
    assert.deepStrictEqual(
      tasks.map((task) => pool.giveBuffer(task, 4 * mebibyte)),
      [true, true, false, false]
    )
    pool.give(first)
    const [, , third] = tasks
    assert(third !== undefined)
    assert.isTrue(pool.giveBuffer(third, 4 * mebibyte))
  })

  it("of one size make room for another", () => {
    const memory = MemoryBudget.sized(16 * mebibyte).account("commands")
    const pool = new TaskPool(undefined, memory)
    const many = Array.from({ length: 2 }, () => pool.take())
    for (const task of many) assert.isTrue(pool.giveBuffer(task, 4 * mebibyte))
    for (const task of many) pool.give(task)
    assert.strictEqual(pool.keptBytes, 8 * mebibyte)
    const other = Array.from({ length: 7 }, () => pool.take())
    assert.isTrue(other.every((task) => pool.giveBuffer(task, 2 * mebibyte)))
    assert.strictEqual(pool.keptBytes, 0)
  })

  it("go when nobody needs them, and the tasks stay few", () => {
    const memory = MemoryBudget.sized(64 * mebibyte).account("commands")
    const pool = new TaskPool(undefined, memory)
    const tasks = Array.from({ length: 2000 }, () => pool.take())
    for (const task of tasks) pool.giveBuffer(task, 4096)
    for (const task of tasks) pool.give(task)
    assert.isTrue(tasks.every(({ buffer }) => buffer === noBuffer))
    pool.trim()
    pool.trim()
    assert.strictEqual(pool.keptBytes, 0)
    assert.isAtMost(memory.used, 4 * mebibyte)
  })
})

describe("buffers of output", () => {
  const outputOf = (bytes: number) => {
    const memory = MemoryBudget.sized(bytes).account("output")
    return { memory, buffers: new OutputBuffers(memory) }
  }

  it("are small beyond the budget, where that is enough, and say that memory is scarce", () => {
    const { buffers } = outputOf(2 * mebibyte)
    const large = [buffers.take(), buffers.take()]
    assert.isFalse(buffers.isScarce)
    assert.strictEqual(buffers.take(48).length, smallOutputBufferBytes)
    assert.isTrue(buffers.isScarce)
    const needed = buffers.take(256 * kibibyte)
    assert.strictEqual(needed.length, outputBufferBytes)
    buffers.give(needed)
    assert.isTrue(buffers.isScarce)
    for (const buffer of large) buffers.give(buffer)
    assert.isFalse(buffers.isScarce)
    assert.strictEqual(buffers.usedBytes, smallOutputBufferBytes)
  })

  it("of a socket that may still read them are not counted any more", () => {
    const { buffers, memory } = outputOf(4 * mebibyte)
    buffers.abandon(buffers.take())
    buffers.abandon(buffers.takeSmall())
    assert.strictEqual(memory.used, 0)
    assert.strictEqual(buffers.keptBytes, 0)
  })
})
