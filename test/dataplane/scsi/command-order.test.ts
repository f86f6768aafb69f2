/** Task attributes: who waits for whom, against a model that says it as SAM-5 8.6 does. */
import { afterEach, assert, beforeEach, describe, it, vi } from "vitest"
import {
  CommandOrder,
  type OrderedCommand,
  orderPatienceMillis,
  TaskAttribute
} from "../../../src/dataplane/scsi/CommandOrder.ts"
import { ScsiTask } from "../../../src/dataplane/scsi/ScsiTask.ts"
import { TaskSet } from "../../../src/dataplane/scsi/TaskSet.ts"
import { makeRandom, type Random, runSeed } from "../../support/initiator/random.ts"

const { headOfQueue, ordered, simple, untagged } = TaskAttribute

/** A command of the test, and of the model beside it. */
class Command implements OrderedCommand {
  readonly scsi = new ScsiTask()
  readonly id: number
  inOrder = false
  runs = 0
  isReady = false
  endedLate = false
  /** The model's: may run as soon as its data is there. */
  isEnabled = false

  constructor(id: number, attribute: number) {
    this.id = id
    this.scsi.taskAttribute = attribute
  }

  takeTurn(): void {
    this.runs++
  }

  endLate(): void {
    this.endedLate = true
  }
}

class Scene {
  readonly taskSet = new TaskSet()
  readonly order = new CommandOrder(this.taskSet)
  /** In order of arrival. */
  readonly alive: Array<Command> = []
  #lastId = 0

  /** A head of queue, or else the oldest. */
  get next(): Command | undefined {
    return this.alive.find(({ scsi }) => scsi.taskAttribute === headOfQueue) ?? this.alive[0]
  }

  /** As the transport does it: SIMPLE commands are not told of while nothing has an order. */
  async come(attribute: number): Promise<Command> {
    const command = new Command(++this.#lastId, attribute)
    const isSimple = attribute === simple || attribute === untagged
    if (!isSimple || !this.order.idle) {
      command.inOrder = true
      this.order.arrive(command, () => {
        for (const other of this.alive) other.inOrder = true
        return this.alive
      })
    }
    this.alive.push(command)
    await this.settle()
    return command
  }

  async ready(command: Command): Promise<void> {
    command.isReady = true
    if (!command.inOrder || this.order.mayRun(command)) command.runs++
    await this.settle()
  }

  async end(command: Command): Promise<void> {
    this.alive.splice(this.alive.indexOf(command), 1)
    if (command.inOrder) this.order.leave(command)
    await this.settle()
  }

  /** SAM-5 8.6.2 to 8.6.4, by looking at all commands of the task set again and again. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < 3; turns++) await Promise.resolve()
    const heads = this.alive.filter(({ scsi }) => scsi.taskAttribute === headOfQueue)
    this.alive.forEach((command, at) => {
      const older = this.alive.slice(0, at)
      const { taskAttribute } = command.scsi
      const waitsFor =
        taskAttribute === headOfQueue
          ? []
          : taskAttribute === ordered
            ? [...heads, ...older]
            : [...heads, ...older.filter(({ scsi }) => scsi.taskAttribute === ordered)]
      if (waitsFor.length === 0) command.isEnabled = true
    })
  }

  check(): void {
    for (const command of this.alive) {
      const { id, isEnabled, isReady, runs, scsi } = command
      const expected = isEnabled && isReady ? 1 : 0
      assert.strictEqual(runs, expected, `command ${id} of attribute ${scsi.taskAttribute}`)
    }
    const asksForOrder = this.alive.some(({ scsi }) => scsi.taskAttribute > simple)
    assert.strictEqual(this.order.idle, !asksForOrder)
    assert.strictEqual(this.taskSet.open, !asksForOrder)
  }

  async step(random: Random): Promise<void> {
    const one = this.alive[random.below(this.alive.length)]
    const kind = random.below(10)
    if (one === undefined || kind < 4) {
      const command = await this.come(random.pick([simple, simple, simple, untagged, ordered, ordered, headOfQueue]))
      if (random.chance(0.7)) await this.ready(command)
    } else if (!one.isReady && kind < 8) {
      await this.ready(one)
    } else if (one.runs > 0 || kind === 9) {
      await this.end(one)
    }
  }
}

describe("the order of commands", () => {
  it("is SAM-5's, for any commands that come, get their data, end and are aborted in any order", async () => {
    for (let round = 0; round < 60; round++) {
      const seed = runSeed(1) * 1000 + round
      const random = makeRandom(seed)
      const scene = new Scene()
      try {
        for (let step = 0; step < 120; step++) {
          await scene.step(random)
          scene.check()
        }
        for (let command = scene.next; command !== undefined; command = scene.next) {
          if (!command.isReady) await scene.ready(command)
          scene.check()
          assert.strictEqual(command.runs, 1, "this one waits for nothing")
          await scene.end(command)
        }
      } catch (error) {
        throw new Error(`seed ${seed}: ${error}`, { cause: error })
      }
      scene.check()
    }
  })

  it("costs SIMPLE commands nothing: the gate stays open, and they are not kept", async () => {
    const scene = new Scene()
    for (let count = 0; count < 10; count++) await scene.ready(await scene.come(simple))
    assert.isTrue(scene.alive.every((command) => !command.inOrder))
    assert.isTrue(scene.taskSet.open)
  })
})

describe("a command that stands in the way", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }))
  afterEach(() => {
    vi.useRealTimers()
  })

  it("of an ORDERED one is ended after a while, whatever keeps it; younger ones are left alone", async () => {
    const scene = new Scene()
    const atDisk = await scene.come(simple)
    await scene.ready(atDisk)
    const withoutData = await scene.come(simple)
    const barrier = await scene.come(ordered)
    await scene.ready(barrier)
    const younger = await scene.come(simple)
    vi.advanceTimersByTime(orderPatienceMillis - 1)
    assert.isFalse(atDisk.endedLate)
    vi.advanceTimersByTime(orderPatienceMillis)
    assert.deepStrictEqual(
      [atDisk, withoutData, barrier, younger].map(({ endedLate }) => endedLate),
      [true, true, false, false]
    )
  })

  it("of SIMPLE ones is ended, too: the ORDERED one at a disk that hangs, or the head of queue", async () => {
    for (const attribute of [ordered, headOfQueue]) {
      const scene = new Scene()
      const blocker = await scene.come(attribute)
      await scene.ready(blocker)
      const waits = await scene.come(simple)
      await scene.ready(waits)
      assert.strictEqual(waits.runs, 0)
      vi.advanceTimersByTime(2 * orderPatienceMillis)
      assert.deepStrictEqual([blocker.endedLate, waits.endedLate], [true, false])
      await scene.end(blocker)
      assert.strictEqual(waits.runs, 1)
    }
  })

  it("of nobody is left alone", async () => {
    const scene = new Scene()
    const alone = await scene.come(ordered)
    await scene.ready(alone)
    vi.advanceTimersByTime(4 * orderPatienceMillis)
    assert.isFalse(alone.endedLate)
  })
})
