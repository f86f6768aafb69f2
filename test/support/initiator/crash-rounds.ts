/**
 * kill -9 at a random moment under concurrent requests, restart, and a look at what is there: every acknowledged
 * request, and of the others all or nothing.
 */
import { setTimeout as delay } from "node:timers/promises"
import { assert } from "vitest"
import { connectRpc, type RpcClient, RpcUnanswered } from "../rpc-client.ts"
import { freePort, makeDirectory, removeDirectory, startTarget, type TargetProcess } from "../target-process.ts"
import { cdb } from "./commands.ts"
import { emptyLane, type LaneNames, type LaneState, laneNames, nextStep } from "./crash-lane.ts"
import { asLunlog, createGroups, type Lunlog, nodeBase } from "./lunlog.ts"
import { makeRandom, type Random } from "./random.ts"
import { outcomeText } from "./ScsiTask.ts"

const laneCount = 6
const fixedTarget = `${nodeBase}:always-there`
/** A kill comes at most this many milliseconds after the first request. */
const killMillisMax = 60
/** The whole log is read and its chain checked after every so many crashes, and after the last. */
const verifyEvery = 10

/** A lane with what its objects may be now. */
interface Lane {
  readonly names: LaneNames
  acknowledged: LaneState
  unanswered: LaneState | undefined
}

type Listed = ReadonlyArray<Readonly<Record<string, unknown>>>

const listed = async (rpc: RpcClient, method: string): Promise<Listed> => {
  const answer = await rpc.call(method)
  assert(Array.isArray(answer), method)
  return answer
}

const texts = (list: unknown, text: (item: Readonly<Record<string, unknown>>) => string): ReadonlyArray<string> =>
  Array.isArray(list) ? list.map(text) : []

/** What the server says about all lanes' objects. */
const observe = async (rpc: RpcClient): Promise<(names: LaneNames) => LaneState> => {
  const bdevs = await listed(rpc, "bdev_get_bdevs")
  const initiatorGroups = await listed(rpc, "iscsi_get_initiator_groups")
  const portalGroups = await listed(rpc, "iscsi_get_portal_groups")
  const targets = await listed(rpc, "iscsi_get_target_nodes")
  return (names) => {
    const own = Array.from({ length: 10 }, (_, index) => names.bdev(index))
    const target = targets.find(({ name }) => name === names.target)
    const initiators = initiatorGroups.find(({ tag }) => tag === names.tag)?.["initiators"]
    const portalGroup = portalGroups.find(({ tag }) => tag === names.tag)
    const maps = texts(target?.["pg_ig_maps"], (map) => `${map["pg_tag"]}:${map["ig_tag"]}`)
    return {
      bdevs: texts(bdevs, ({ name }) => String(name))
        .filter((name) => own.includes(name))
        .toSorted(),
      initiators: Array.isArray(initiators) ? initiators.map(String) : undefined,
      portals: portalGroup && texts(portalGroup["portals"], ({ host, port }) => `${host}:${port}`),
      target: target && {
        luns: texts(target["luns"], (lun) => `${lun["lun_id"]}:${lun["bdev_name"]}`).toSorted(),
        mapped: maps.includes(`${names.tag}:${names.tag}`)
      }
    }
  }
}

/** Each lane's objects are as after its last acknowledged request, or as after the one that got no answer. */
const checkLanes = async (rpc: RpcClient, lanes: ReadonlyArray<Lane>): Promise<void> => {
  const observed = await observe(rpc)
  for (const lane of lanes) {
    const now = observed(lane.names)
    const asNow = (state: LaneState | undefined) => JSON.stringify(state) === JSON.stringify(now)
    if (!asNow(lane.unanswered)) assert.deepStrictEqual(now, lane.acknowledged, `objects of ${lane.names.target}`)
    lane.acknowledged = now
    lane.unanswered = undefined
  }
}

/** Requests one after the other until the server dies. A refusal of a valid request is a failure. */
const runLane = async (rpc: RpcClient, lane: Lane, random: Random): Promise<number> => {
  for (let answered = 0; ; answered++) {
    const step = nextStep(lane.names, lane.acknowledged, random)
    lane.unanswered = step.after
    try {
      await rpc.call(step.method, step.params)
    } catch (error) {
      if (error instanceof RpcUnanswered) return answered
      throw error
    }
    lane.acknowledged = step.after
    lane.unanswered = undefined
  }
}

const logInAgain = async (lunlog: Lunlog): Promise<void> => {
  const session = await lunlog.open(fixedTarget, {}, 0)
  assert.strictEqual(outcomeText(await session.command({ lun: 0, cdb: cdb.testUnitReady() })), "GOOD")
  assert.deepStrictEqual(session.violations, [])
  session.drop()
}

/** Everything that one round does between two starts. Resolves with the number of acknowledged requests. */
const crashOnce = async (process: TargetProcess, lanes: ReadonlyArray<Lane>, random: Random): Promise<number> => {
  const clients = await Promise.all(lanes.map(() => connectRpc(process.socketPath)))
  const running = Promise.all(lanes.map((lane, index) => runLane(clients[index] ?? process.rpc, lane, random)))
  const kill = delay(random.between(0, killMillisMax)).then(() => process.kill())
  const [answered] = await Promise.all([running, kill])
  for (const client of clients) client.close()
  return answered.reduce((sum, count) => sum + count, 0)
}

const verifyLog = async (rpc: RpcClient): Promise<void> => {
  const report = await rpc.call("eventlog_verify")
  assert.deepInclude(report, { clean: true })
}

/** Crashes a server `rounds` times. Rejects at the first round that breaks a promise; its seed is in the message. */
export const crashRounds = async (seed: number, rounds: number): Promise<void> => {
  const directory = makeDirectory("crash")
  const endpoint = { host: "127.0.0.1", port: await freePort() }
  const lanes = Array.from(
    { length: laneCount },
    (_, index): Lane => ({ names: laneNames(index, endpoint.port), acknowledged: emptyLane, unanswered: undefined })
  )
  let answered = 0
  try {
    for (let round = 0; round <= rounds; round++) {
      const process = await startTarget({ directory, stateMode: "resume" })
      try {
        const lunlog = asLunlog(process, endpoint)
        if (round === 0) {
          await createGroups(process, endpoint)
          await lunlog.createMalloc("Fixed", 1)
          await lunlog.createTarget({ name: fixedTarget, luns: { 0: "Fixed" } })
        }
        await checkLanes(process.rpc, lanes)
        await logInAgain(lunlog)
        if (round % verifyEvery === 0 || round === rounds) await verifyLog(process.rpc)
        if (round < rounds) answered += await crashOnce(process, lanes, makeRandom(seed * 1_000_003 + round))
        else assert.deepStrictEqual(await process.stop(), { code: 0, signal: null })
      } catch (error) {
        throw new Error(`crash ${round} of seed ${seed}:\n${process.stderr().slice(-2000)}`, { cause: error })
      } finally {
        await process.kill()
      }
    }
  } finally {
    removeDirectory(directory)
  }
  assert.isAbove(answered, rounds, "requests were acknowledged between the crashes")
}
