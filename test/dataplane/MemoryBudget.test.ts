/** The budget of memory: what it refuses, what each purpose leaves for others, and that threads share it. */
import { Worker } from "node:worker_threads"
import { assert, describe, it } from "vitest"
import { MemoryBudget, memoryPurposes } from "../../src/dataplane/MemoryBudget.ts"
import { limitWarning } from "../../src/dataplane/memory-limit.ts"
import { makeRandom } from "../support/initiator/random.ts"

const mebibyte = 1024 * 1024

describe("a budget of memory", () => {
  it("counts whole pages, by purpose", () => {
    const budget = MemoryBudget.sized(64 * mebibyte)
    const commands = budget.account("commands")
    assert.isTrue(commands.take(1))
    assert.isTrue(budget.account("output").take(mebibyte))
    assert.strictEqual(commands.used, 4096)
    assert.strictEqual(budget.used, mebibyte + 4096)
    commands.give(1)
    assert.deepStrictEqual(budget.report(), {
      limit: 64 * mebibyte,
      used: mebibyte,
      usedFor: { connections: 0, commands: 0, output: mebibyte, disks: 0 }
    })
  })

  it("refuses what is too much, and takes nothing then", () => {
    const budget = MemoryBudget.sized(64 * mebibyte)
    const connections = budget.account("connections")
    assert.isTrue(connections.take(60 * mebibyte))
    assert.isFalse(connections.take(5 * mebibyte))
    assert.isFalse(connections.take(Number.POSITIVE_INFINITY))
    assert.strictEqual(budget.used, 60 * mebibyte)
    assert.strictEqual(connections.left, 4 * mebibyte)
    assert.isTrue(connections.take(4 * mebibyte))
  })

  it("keeps disks from taking what IO needs, and commands what their answers need", () => {
    const budget = MemoryBudget.sized(64 * mebibyte)
    assert.isFalse(budget.account("disks").take(49 * mebibyte))
    assert.isTrue(budget.account("disks").take(48 * mebibyte))
    assert.isFalse(budget.account("commands").take(13 * mebibyte))
    assert.isTrue(budget.account("commands").take(12 * mebibyte))
    assert.isTrue(budget.account("connections").take(4 * mebibyte))
    assert.strictEqual(budget.account("output").left, 0)
  })

  it("lets an answer that has begun end, and refuses more until it is below the limit again", () => {
    const budget = MemoryBudget.sized(mebibyte)
    const output = budget.account("output")
    output.takeAnyway(2 * mebibyte)
    assert.strictEqual(budget.used, 2 * mebibyte)
    assert.strictEqual(output.left, 0)
    assert.isFalse(output.take(1))
    output.give(2 * mebibyte)
    assert.isTrue(output.take(1))
  })

  it("gives back what a reactor had that is no more", () => {
    const budget = MemoryBudget.sized(64 * mebibyte)
    const other = new MemoryBudget(budget.shared, 2)
    assert.isTrue(other.account("commands").take(3 * mebibyte))
    assert.isTrue(other.account("output").take(mebibyte))
    assert.isTrue(budget.account("output").take(mebibyte))
    budget.forget(2)
    assert.strictEqual(budget.used, mebibyte)
    assert.strictEqual(other.account("commands").used, 0)
  })

  it("has no row for a reactor that there cannot be", () => {
    const { shared } = MemoryBudget.sized(mebibyte)
    for (const row of [-1, 0.5, 4096]) assert.throws(() => new MemoryBudget(shared, row), RangeError, `${row}`)
  })

  it("has used what its accounts have, whatever is taken and given", () => {
    const random = makeRandom(20_261_123)
    const budget = MemoryBudget.sized(4 * mebibyte)
    const rows = [budget, new MemoryBudget(budget.shared, 1), new MemoryBudget(budget.shared, 2)]
    const accounts = rows.flatMap((row) => memoryPurposes.map((purpose) => row.account(purpose)))
    const held: Array<readonly [(typeof accounts)[number], number]> = []
    for (let round = 0; round < 5000; round++) {
      const account = accounts[random.below(accounts.length)]
      const bytes = 1 + random.below(100_000)
      if (account?.take(bytes) === true) held.push([account, bytes])
      else held.splice(random.below(held.length), 3).forEach(([holder, taken]) => void holder.give(taken))
      const pages = held.reduce((sum, [, taken]) => sum + Math.ceil(taken / 4096), 0)
      assert.strictEqual(budget.used, pages * 4096)
      assert.isAtMost(budget.used, budget.limit)
    }
    for (const [holder, taken] of held) holder.give(taken)
    assert.deepStrictEqual(Object.values(budget.report().usedFor), [0, 0, 0, 0])
  })
})

describe("threads that share a budget", () => {
  it("never take more than there is, and lose nothing", async () => {
    const budget = MemoryBudget.sized(100 * 4096)
    const code = `
      const { parentPort, workerData } = require("node:worker_threads")
      import(workerData.module).then(({ MemoryBudget }) => {
        const budget = new MemoryBudget(workerData.shared, workerData.row)
        const account = budget.account("connections")
        let tooMuch = 0
        let held = 0
        for (let round = 0; round < 200_000; round++) {
          if (held < 60 && account.take(4096)) held++
          else if (held > 0) { account.give(4096); held-- }
          if (budget.used > budget.limit) tooMuch++
        }
        parentPort.postMessage({ tooMuch, held })
      })`
    const module = new URL("../../src/dataplane/MemoryBudget.ts", import.meta.url).href
    const ends = [1, 2, 3].map((row) => {
      const worker = new Worker(code, { eval: true, workerData: { module, shared: budget.shared, row } })
      return new Promise<{ readonly tooMuch: number; readonly held: number }>((resolve, reject) => {
        worker.once("message", resolve)
        worker.once("error", reject)
      })
    })
    const results = await Promise.all(ends)
    assert.deepStrictEqual(
      results.map(({ tooMuch }) => tooMuch),
      [0, 0, 0]
    )
    assert.strictEqual(
      budget.used,
      results.reduce((sum, { held }) => sum + held * 4096, 0)
    )
  })
})

describe("a limit", () => {
  const gibibyte = 1024 ** 3

  it("is warned of where it is more than the process can have", () => {
    assert.isUndefined(limitWarning(gibibyte, gibibyte))
    assert.match(limitWarning(2 * gibibyte, gibibyte) ?? "", /^--mem-size: 2048 MiB is more than the 1024 MiB /)
  })
})
