/** Tasks and buffers are reused, counted and bounded. */
import { assert, describe, it } from "vitest"
import { noBuffer } from "../../../src/dataplane/iscsi/IscsiTask.ts"
import { TaskPool } from "../../../src/dataplane/iscsi/TaskPool.ts"
import { reactorTaskBufferBytesMax } from "../../../src/dataplane/limits.ts"
import { maxTransferBytes } from "../../../src/dataplane/scsi/LogicalUnit.ts"

describe("the task pool", () => {
  it("gives a task again that was given back, without its buffer", () => {
    const pool = new TaskPool()
    const task = pool.take()
    assert.isTrue(pool.giveBuffer(task, 5000))
    assert.isAtLeast(task.buffer.length, 5000)
    pool.give(task)
    assert.strictEqual(task.buffer, noBuffer)
    assert.strictEqual(pool.take(), task)
    assert.notStrictEqual(pool.take(), task)
  })

  it("reuses buffers of the same size class", () => {
    const pool = new TaskPool()
    const task = pool.take()
    pool.giveBuffer(task, 5000)
    const { buffer } = task
    pool.give(task)
    const other = pool.take()
    pool.giveBuffer(other, 8192)
    assert.strictEqual(other.buffer, buffer)
  })

  it("has room for every length that a command may have, and counts what tasks hold", () => {
    const pool = new TaskPool()
    for (const bytes of [1, 512, 4096, 4097, 65_536, 1024 * 1024, maxTransferBytes - 512, maxTransferBytes]) {
      const task = pool.take()
      assert.isTrue(pool.giveBuffer(task, bytes), String(bytes))
      assert.isAtLeast(task.buffer.length, bytes)
      assert.strictEqual(pool.bufferBytes, task.buffer.length)
      pool.give(task)
      assert.strictEqual(pool.bufferBytes, 0)
    }
  })

  it("gives no buffer beyond the reactor's limit, nor a longer one than any command needs", () => {
    const pool = new TaskPool()
    const tasks = []
    for (let held = 0; held < reactorTaskBufferBytesMax; held += maxTransferBytes) {
      const task = pool.take()
      assert.isTrue(pool.giveBuffer(task, maxTransferBytes))
      tasks.push(task)
    }
    const refused = pool.take()
    assert.isFalse(pool.giveBuffer(refused, 512))
    assert.strictEqual(refused.buffer, noBuffer)
    const [first] = tasks
    assert(first !== undefined)
    pool.give(first)
    assert.isTrue(pool.giveBuffer(refused, 512))
    assert.isFalse(new TaskPool().giveBuffer(refused, maxTransferBytes + 1))
  })
})
