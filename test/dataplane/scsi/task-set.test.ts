/** Which commands run side by side, and in which order those go on that had to wait. */
import { assert, describe, it } from "vitest"
import { ScsiAction, ScsiTask } from "../../../src/dataplane/scsi/ScsiTask.ts"
import { type SetCommand, TaskSet } from "../../../src/dataplane/scsi/TaskSet.ts"
import { makeRandom, runSeed } from "../../support/initiator/random.ts"

/** A command on some bytes that notes when it may go on. */
class Command implements SetCommand {
  readonly scsi = new ScsiTask()
  proceeded = 0
  readonly #onProceed: () => void

  constructor(kind: "plain" | "atomic" | "flush", from: number, to: number, onProceed: () => void = () => {}) {
    if (kind === "atomic") this.scsi.operate({ use: "atomic", begin: () => {} }, 0, from, to - from)
    else {
      this.scsi.action = kind === "flush" ? ScsiAction.flush : ScsiAction.write
      this.scsi.byteOffset = from
      this.scsi.byteLength = to - from
    }
    this.#onProceed = onProceed
  }

  proceed(): void {
    this.proceeded++
    this.#onProceed()
  }
}

const microtasks = (): Promise<void> => Promise.resolve()

describe("a task set", () => {
  it("is open while only ordinary commands run", () => {
    const set = new TaskSet()
    const [a, b] = [new Command("plain", 0, 10), new Command("plain", 5, 15)]
    assert.deepStrictEqual([set.enter(a), set.enter(b), set.open], [true, true, true])
    set.leave(a)
    set.leave(b)
    assert.isTrue(set.open)
  })

  it("gives an atomic command its blocks to itself, and no others", () => {
    const set = new TaskSet()
    const atomic = new Command("atomic", 10, 20)
    assert.isTrue(set.enter(atomic))
    assert.isFalse(set.open)
    const [beside, inside, flush] = [
      new Command("plain", 0, 10),
      new Command("plain", 19, 25),
      new Command("flush", 0, 0)
    ]
    assert.deepStrictEqual([set.enter(beside), set.enter(inside), set.enter(flush)], [true, false, true])
    set.leave(atomic)
    assert.strictEqual(inside.proceeded, 1)
    set.leave(inside)
    assert.isTrue(set.open)
  })

  it("lets an atomic command begin when what was there before has left", () => {
    const set = new TaskSet()
    const [write, other] = [new Command("plain", 10, 20), new Command("plain", 30, 40)]
    set.enter(write)
    set.enter(other)
    const atomic = new Command("atomic", 15, 25)
    assert.isFalse(set.enter(atomic))
    const later = new Command("plain", 24, 26)
    assert.isFalse(set.enter(later), "who comes later does not overtake")
    set.leave(other)
    assert.strictEqual(atomic.proceeded, 0)
    set.leave(write)
    assert.deepStrictEqual([atomic.proceeded, later.proceeded], [1, 0])
    set.leave(atomic)
    assert.strictEqual(later.proceeded, 1)
  })

  it("forgets one that is withdrawn, and lets those behind it go in a moment", async () => {
    const set = new TaskSet()
    const [write, atomic, later] = [
      new Command("plain", 0, 10),
      new Command("atomic", 0, 10),
      new Command("plain", 0, 10)
    ]
    for (const command of [write, atomic, later]) set.enter(command)
    assert.strictEqual(set.waitingCount, 2)
    set.withdraw(atomic)
    assert.strictEqual(later.proceeded, 0)
    await microtasks()
    assert.deepStrictEqual([atomic.proceeded, later.proceeded, set.waitingCount, set.open], [0, 1, 0, true])
  })

  it("goes on when commands end within proceed, one after the other", () => {
    const set = new TaskSet()
    const first = new Command("atomic", 0, 10)
    set.enter(first)
    const chain = Array.from({ length: 500 }, () => {
      const command: Command = new Command("atomic", 0, 10, () => set.leave(command))
      return command
    })
    for (const command of chain) assert.isFalse(set.enter(command))
    set.leave(first)
    assert.isTrue(chain.every(({ proceeded }) => proceeded === 1))
    assert.isTrue(set.open)
  })

  it("knows the blocks of late writes until they are back", () => {
    const set = new TaskSet()
    const late = new Command("plain", 10, 20)
    set.enter(late)
    set.orphan(late, true)
    assert.isFalse(set.open)
    assert.isTrue(set.enter(new Command("atomic", 10, 20)), "it may never end: nobody waits for it")
    assert.isTrue(set.awaitsLateWrite({ byteOffset: 19, byteLength: 1 }))
    assert.isFalse(set.awaitsLateWrite({ byteOffset: 20, byteLength: 1 }))
    set.leave(late)
    assert.isFalse(set.awaitsLateWrite({ byteOffset: 19, byteLength: 1 }))
  })

  it("lets those go in a moment that wait for a command that nobody waits for any more", async () => {
    const set = new TaskSet()
    const [atomic, later] = [new Command("atomic", 0, 10), new Command("plain", 0, 10)]
    set.enter(atomic)
    set.enter(later)
    set.orphan(atomic, true)
    assert.strictEqual(later.proceeded, 0)
    await microtasks()
    assert.deepStrictEqual([later.proceeded, set.open], [1, false])
    set.leave(atomic)
    assert.isTrue(set.open)
  })

  it("never runs an atomic command beside one on its blocks, and strands nobody", async () => {
    const random = makeRandom(runSeed(77))
    const set = new TaskSet()
    const running = new Set<Command>()
    const waiting = new Set<Command>()
    const isAtomic = ({ scsi }: Command): boolean => scsi.action === ScsiAction.operate
    const check = (): void => {
      for (const a of running) {
        if (!isAtomic(a)) continue
        for (const b of running) {
          const apart =
            b.scsi.byteOffset >= a.scsi.byteOffset + a.scsi.byteLength ||
            a.scsi.byteOffset >= b.scsi.byteOffset + b.scsi.byteLength
          assert.isTrue(a === b || apart)
        }
      }
    }
    const leaveOne = (): void => {
      const [command] = [...running].slice(random.below(running.size))
      if (command === undefined) return
      running.delete(command)
      set.leave(command)
    }
    for (let round = 0; round < 3000; round++) {
      const from = random.below(50)
      const command: Command = new Command(
        random.chance(0.3) ? "atomic" : "plain",
        from,
        from + random.between(1, 9),
        () => {
          waiting.delete(command)
          running.add(command)
        }
      )
      if (set.enter(command)) running.add(command)
      else waiting.add(command)
      check()
      for (let count = random.below(4); count > 0; count--) leaveOne()
      const [unlucky] = waiting
      if (unlucky !== undefined && random.chance(0.05)) {
        waiting.delete(unlucky)
        set.withdraw(unlucky)
        await microtasks()
      }
      check()
    }
    while (running.size > 0) leaveOne()
    assert.deepStrictEqual([waiting.size, set.waitingCount, set.open], [0, 0, true])
  })
})
