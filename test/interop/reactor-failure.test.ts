/**
 * A real server with two reactors, of which one fails: the sessions of the other do not notice, its own come back to
 * their disks as they were, and the log says what has happened.
 */
import { existsSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Predicate } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { clearUnitAttentions, readBlocks, reportLuns, writeBlocks } from "../support/initiator/commands.ts"
import { readStory, type StoryRecord } from "../support/initiator/log-story.ts"
import { holdingsOf, type Lunlog, nodeBase, startLunlog, untilDescriptors } from "../support/initiator/lunlog.ts"
import { makePattern } from "../support/initiator/pattern.ts"
import { OutAction, ReservationType, readKeys, readReservation, reserveOut } from "../support/initiator/reservations.ts"
import type { Session } from "../support/initiator/Session.ts"
import { makeDirectory, projectDirectory, removeDirectory } from "../support/target-process.ts"
import { until } from "../support/until.ts"

const red = `${nodeBase}:red`
const green = `${nodeBase}:green`
const host = { initiatorName: "iqn.2024-01.test.lunlog:red", isid: Buffer.from("800000000001", "hex") }
const key = 0xa1n
/** RAM disk, file, and what is stacked on the RAM disk. */
const redLuns = [0, 1, 2]

const directory = makeDirectory("fail")
const failFile = join(directory, "fail")
let lunlog: Lunlog

interface ReactorView {
  readonly index: number
  readonly state: string
  readonly targets: ReadonlyArray<string>
  readonly connections: number
  readonly failures: number
}

const reactors = async (): Promise<ReadonlyArray<ReactorView>> => {
  const status: unknown = await lunlog.call("lunlog_status")
  assert(Predicate.hasProperty(status, "reactors") && Array.isArray(status.reactors))
  return status.reactors
}

const homeOf = async (target: string): Promise<ReactorView> => {
  const home = (await reactors()).find(({ targets }) => targets.includes(target))
  assert(home !== undefined, `${target} has a home`)
  return home
}

/** The records of a type, when there are so many. */
const recorded = async (type: string, count: number): Promise<ReadonlyArray<StoryRecord>> => {
  let found: ReadonlyArray<StoryRecord> = []
  await until(`${count} of ${type}`, async () => {
    found = (await readStory(lunlog.process.rpc, 1)).filter((record) => record.type === type)
    return found.length >= count
  })
  return found
}

/** Reads and writes one block after the other until it is told to stop; gives how many. */
const keepBusy = (session: Session): { readonly stop: () => Promise<number> } => {
  let isOver = false
  const run = async (): Promise<number> => {
    let count = 0
    while (!isOver) {
      const data = makePattern(count % 1000, 8, count, 512)
      await writeBlocks(session, 0, count % 1000, data)
      assert.isTrue((await readBlocks(session, 0, count % 1000, 8)).equals(data))
      count++
    }
    return count
  }
  const running = run()
  return {
    stop: () => {
      isOver = true
      return running
    }
  }
}

/** A login that was with the reactor when it failed is cut, as by a target that restarts: initiators repeat it. */
const logInAgain = async (): Promise<Session> => {
  let session: Session | undefined
  await until("a login to a target that is back", async () => {
    session = await lunlog.open(red, host).catch(() => undefined)
    return session !== undefined
  })
  assert(session !== undefined)
  return session
}

beforeAll(async () => {
  lunlog = await startLunlog({
    directory,
    args: ["--workers", "2"],
    preload: join(projectDirectory, "test/support/fail-reactor.mjs"),
    environment: { LUNLOG_TEST_FAIL_FILE: failFile }
  })
  writeFileSync(join(directory, "disk"), Buffer.alloc(4 * 1024 * 1024))
  await lunlog.createMalloc("Ram", 4)
  await lunlog.call("bdev_aio_create", { name: "File", filename: join(directory, "disk"), block_size: 512 })
  await lunlog.call("bdev_passthru_create", { name: "Above", base_bdev_name: "Ram" })
  await lunlog.createTarget({ name: red, luns: { 0: "Ram", 1: "File", 2: "Above" } })
  await lunlog.createMalloc("Other", 4)
  await lunlog.createTarget({ name: green, luns: { 0: "Other" } })
})
afterAll(async () => {
  await lunlog[Symbol.asyncDispose]()
  removeDirectory(directory)
})

describe("a reactor that fails", () => {
  it("has each target at one of them", async () => {
    const [front, ...homes] = await reactors()
    assert.deepInclude(front, { index: 0, targets: [], state: "up" })
    assert.deepStrictEqual(
      homes.map(({ targets }) => targets),
      [[red], [green]]
    )
  })

  it.each(["throw", "exit", "memory"])("by %s is replaced by one that has all it had", async (how) => {
    const before = await homeOf(red)
    const own = await lunlog.open(red, host, 0)
    for (const lun of redLuns) await clearUnitAttentions(own, lun)
    const other = await lunlog.open(green, {}, 0)
    const ram = makePattern(0, 100, 1, 512)
    const file = makePattern(0, 100, 2, 512)
    await writeBlocks(own, 0, 50, ram)
    await writeBlocks(own, 1, 50, file)
    await reserveOut(own, { lun: 0, action: OutAction.registerAndIgnore, serviceKey: key })
    await reserveOut(own, { lun: 0, action: OutAction.reserve, key, type: ReservationType.writeExclusive })
    const held = holdingsOf(lunlog.process).descriptors
    const busy = keepBusy(other)
    // In place at once: it must not be read half written.
    writeFileSync(`${failFile}.new`, how)
    renameSync(`${failFile}.new`, `${failFile}.${before.index}`)
    while (!own.isClosed) await readBlocks(own, 0, 50, 100).catch(() => undefined)
    assert.isFalse(existsSync(`${failFile}.${before.index}`))

    const again = await logInAgain()
    assert.deepStrictEqual(await reportLuns(again), redLuns)
    const attentions = await clearUnitAttentions(again, 0)
    assert.notInclude(attentions, "6/28/00", "its content is not another")
    for (const lun of [1, 2]) await clearUnitAttentions(again, lun)
    assert.isTrue((await readBlocks(again, 0, 50, 100)).equals(ram), "the RAM disk's content")
    assert.isTrue((await readBlocks(again, 2, 50, 100)).equals(ram), "and through what is stacked on it")
    assert.isTrue((await readBlocks(again, 1, 50, 100)).equals(file), "the file's")
    assert.include((await readKeys(again, 0)).keys, key)
    assert.deepStrictEqual(await readReservation(again, 0), { key, type: ReservationType.writeExclusive })

    assert.isAbove(await busy.stop(), 0)
    assert.deepStrictEqual(other.violations, [])
    const after = await homeOf(red)
    assert.deepInclude(after, { index: before.index, state: "up", failures: before.failures + 1, connections: 1 })
    assert.strictEqual((await homeOf(green)).failures, 0)
    await recorded("ReactorCrashed", after.failures)
    const ends = await recorded("SessionClosed", 1)
    const closed = ends.find(({ payload }) => payload["tsih"] === own.login.tsih)?.payload
    assert.deepInclude(closed, { targetName: red, ending: "internalError" })
    const recovered = await recorded("ReactorRecovered", after.failures)
    assert.deepInclude(recovered.at(-1)?.payload, { reactor: before.index, targets: 1, bdevs: 3, contentLost: [] })
    await reserveOut(again, { lun: 0, action: OutAction.clear, key })
    await again.logout()
    await other.logout()
    await untilDescriptors(lunlog.process, held)
  })
})
