/**
 * One round of hot removal: a LUN is pulled out under load while three other LUNs of the same two sessions go on. What
 * must hold is checked on the wire, in the RPC's answer and in the log.
 */
import { truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { assert } from "vitest"
import { cdb, clearUnitAttentions, inquiry, reportLuns } from "./commands.ts"
import { type Load, type LoadOptions, type LoadReport, lunNotSupported, startLoad } from "./load.ts"
import { numberOf, readStory, type StoryRecord } from "./log-story.ts"
import { assertAlive, bringTogether, type Lunlog, mallocParams, nodeBase } from "./lunlog.ts"
import { planText, type RemovalPlan } from "./removal-plan.ts"
import { outcomeText } from "./ScsiTask.ts"
import type { Session } from "./Session.ts"

/**
 * Milliseconds that a removal waits for commands before it aborts them; servers of these rounds are started with it.
 */
export const removalDeadlineMillis = 500
/** What a loaded machine may add to the deadline. */
const slackMillis = 15_000

const targetNames = [`${nodeBase}:pull-a`, `${nodeBase}:pull-b`] as const
const stableLun = 0
const pulledLun = 1
const stableIoBytes = 4096

/** A server with two targets, a session to each, and LUN 0 of each under way from round to round. */
export interface RemovalScene {
  readonly lunlog: Lunlog
  readonly sessions: readonly [Session, Session]
  /** Where the log's records of the next round begin. */
  nextSeq: number
}

/** What a round found. */
export interface RoundReport {
  readonly drained: number
  readonly aborted: number
}

/** Creates what stays over all rounds. */
export const makeScene = async (lunlog: Lunlog): Promise<RemovalScene> => {
  for (const [index, name] of targetNames.entries()) {
    await lunlog.createMalloc(`Stable${index}`, 1)
    await lunlog.createTarget({ name, luns: { [stableLun]: `Stable${index}` }, queueDepth: 64 })
  }
  await bringTogether(lunlog, targetNames, pulledLun)
  const [first, second] = targetNames
  const keys = { InitialR2T: "No", ImmediateData: "Yes", FirstBurstLength: "65536", MaxOutstandingR2T: "4" }
  return { lunlog, sessions: [await lunlog.open(first, { keys }), await lunlog.open(second, { keys })], nextSeq: 1 }
}

const deleteDisk = ({ medium }: RemovalPlan): string => `bdev_${medium}_delete`

/** The bdev that is pulled, and all bdevs of the round with how each is deleted, top first. */
interface Bdevs {
  readonly top: string
  readonly base: string
  readonly deleteTop: string
  readonly other: string | undefined
}

/** Creates what the LUNs of a round are on. */
const createDisk = async ({ call, process }: Lunlog, plan: RemovalPlan, name: string, mebibytes: number) => {
  if (plan.medium === "malloc") return call("bdev_malloc_create", mallocParams(name, mebibytes))
  const filename = join(process.directory, `${name}.img`)
  writeFileSync(filename, "")
  truncateSync(filename, mebibytes * 1024 * 1024)
  return call("bdev_aio_create", { name, filename, block_size: 512 })
}

const createBdevs = async (lunlog: Lunlog, plan: RemovalPlan): Promise<Bdevs> => {
  const { call } = lunlog
  // Twice the load's slots: with one bdev for both, each load has its own half.
  const mebibytes = Math.max(1, (2 * plan.ioBytes * plan.queueDepth) / (1024 * 1024))
  await createDisk(lunlog, plan, "Pulled", mebibytes)
  if (!plan.shared) await createDisk(lunlog, plan, "Other", mebibytes)
  const other = plan.shared ? undefined : "Other"
  if (plan.kind === "plain") return { top: "Pulled", base: "Pulled", deleteTop: deleteDisk(plan), other }
  if (plan.kind === "hung") {
    await call("bdev_error_create", { base_name: "Pulled" })
    return { top: "EE_Pulled", base: "Pulled", deleteTop: "bdev_error_delete", other }
  }
  await call("bdev_delay_create", {
    base_bdev_name: "Pulled",
    name: "Delayed",
    avg_read_latency: plan.delayMicros,
    p99_read_latency: plan.delayMicros,
    avg_write_latency: plan.delayMicros,
    p99_write_latency: plan.delayMicros
  })
  return { top: "Delayed", base: "Pulled", deleteTop: "bdev_delay_delete", other }
}

const mapLuns = async (lunlog: Lunlog, bdevs: Bdevs): Promise<void> => {
  const [first, second] = targetNames
  const add = (name: string, bdev: string) =>
    lunlog.call("iscsi_target_node_add_lun", { name, bdev_name: bdev, lun_id: pulledLun })
  await add(first, bdevs.top)
  await add(second, bdevs.other ?? bdevs.top)
}

/** The loads of a round: on the pulled LUN, on LUN 1 of the other target, and on both LUNs 0. */
interface Loads {
  readonly pulled: Load
  readonly neighbour: Load
  readonly stable: readonly [Load, Load]
}

const startLoads = (scene: RemovalScene, plan: RemovalPlan): Loads => {
  const [first, second] = scene.sessions
  const { random, ioBytes, queueDepth, reads } = plan
  const waitMillis = slackMillis + 15_000
  const late = plan.lateDataMillis === undefined ? {} : { lateDataMillis: plan.lateDataMillis }
  const heavy = { random, ioBytes, queueDepth, reads, slots: queueDepth, refusalsMax: queueDepth, waitMillis, ...late }
  const light: Omit<LoadOptions, "session"> = {
    lun: stableLun,
    random,
    ioBytes: stableIoBytes,
    queueDepth: 2,
    reads: 0.5,
    slots: 8,
    contents: "unknown",
    waitMillis
  }
  const upperHalf = (queueDepth * ioBytes) / 512
  return {
    pulled: startLoad({ session: first, lun: pulledLun, ...heavy }),
    neighbour: startLoad({ session: second, lun: pulledLun, ...heavy, firstBlock: upperHalf }),
    stable: [startLoad({ session: first, ...light }), startLoad({ session: second, ...light })]
  }
}

/** NOPs that bring everything that was on its way into the target: commands, their R2Ts' data, and once more. */
const settleNops = 4

/** From its answer on, nothing on the pulled bdev ends any more. */
const hang = async (scene: RemovalScene): Promise<void> => {
  const injection = { name: "EE_Pulled", io_type: "all", error_type: "pending", num: 1_000_000 }
  await scene.lunlog.call("bdev_error_inject_error", injection)
  for (let count = 0; count < settleNops; count++) {
    for (const session of scene.sessions) await session.nop()
  }
}

const remove = (lunlog: Lunlog, plan: RemovalPlan, bdevs: Bdevs): Promise<unknown> => {
  const [first] = targetNames
  if (plan.removal === "lun") return lunlog.call("iscsi_target_node_remove_lun", { name: first, lun_id: pulledLun })
  if (plan.removal === "bdev") return lunlog.call(bdevs.deleteTop, { name: bdevs.top })
  return lunlog.call(deleteDisk(plan), { name: bdevs.base })
}

/** Back pressure is a fair answer to a deep queue; a unit attention tells of LUNs that came or went. */
const fairOutcomes = ["GOOD", "status 28h", "status 08h", "6/3f/0e"]

const checkOutcomes = (who: string, report: LoadReport, allowed: ReadonlyArray<string>): void => {
  const strange = [...report.outcomes].filter(([outcome]) => !allowed.includes(outcome))
  assert.deepStrictEqual(strange, [], `outcomes on ${who}`)
  assert.deepStrictEqual(report.mismatches, [], `data on ${who}`)
}

const checkGone = async (session: Session): Promise<void> => {
  const refused = await session.command({ lun: pulledLun, cdb: cdb.testUnitReady() })
  assert.strictEqual(outcomeText(refused), lunNotSupported)
  const [peripheral = 0] = await inquiry(session, pulledLun, 36)
  assert.strictEqual(peripheral >> 5, 3, "peripheral qualifier of a LUN that is gone")
  assert.deepStrictEqual(await reportLuns(session, stableLun), [stableLun])
}

const checkLoads = async (scene: RemovalScene, plan: RemovalPlan, loads: Loads): Promise<void> => {
  const neighbourGone = plan.shared && plan.removal !== "lun"
  // Everything that stays must still be served after the removal.
  for (const load of loads.stable) await load.more(4)
  if (!neighbourGone) await loads.neighbour.more(2)
  const pulled = await loads.pulled.done
  if (!neighbourGone) loads.neighbour.stop()
  for (const load of loads.stable) load.stop()
  const neighbour = await loads.neighbour.done
  const stable = await Promise.all(loads.stable.map((load) => load.done))
  const aborted = plan.kind === "hung" ? [...fairOutcomes, "b/00/00", "b/06/00"] : fairOutcomes
  checkOutcomes("the pulled LUN", pulled, [...aborted, lunNotSupported])
  assert.isAbove(pulled.outcomes.get(lunNotSupported) ?? 0, 0, "commands after the removal are refused")
  checkOutcomes("the neighbour", neighbour, neighbourGone ? [...aborted, lunNotSupported] : fairOutcomes)
  for (const report of stable) checkOutcomes("LUN 0", report, fairOutcomes)
  assert.isAbove(stable[0]?.outcomes.get("6/3f/0e") ?? 0, 0, "LUN 0 tells that the LUNs have changed")
  for (const session of scene.sessions) {
    assert.isFalse(session.isClosed, "the session stays up")
    assert.deepStrictEqual(session.violations, [])
  }
}

const checkStory = (plan: RemovalPlan, story: ReadonlyArray<StoryRecord>): RoundReport => {
  const ofType = (type: string) => story.filter((record) => record.type === type)
  const started = ofType("LunRemovalStarted")
  const removed = ofType("LunRemoved")
  const luns = plan.shared && plan.removal !== "lun" ? 2 : 1
  assert.strictEqual(started.length, luns, "LunRemovalStarted")
  assert.strictEqual(removed.length, luns, "LunRemoved")
  for (const record of removed) {
    const start = started.find((other) => other.payload["incarnation"] === record.payload["incarnation"])
    assert(start !== undefined && start.seq < record.seq, "a removal starts before it ends")
  }
  const bdevsRemoved = plan.removal === "lun" ? 0 : plan.removal === "base" ? 2 : 1
  assert.strictEqual(ofType("BdevRemoved").length, bdevsRemoved, "BdevRemoved")
  const lastLun = Math.max(...removed.map(({ seq }) => seq))
  for (const record of ofType("BdevRemoved")) assert.isAbove(record.seq, lastLun, "a bdev goes after its last LUN")
  const sum = (key: string) => removed.reduce((total, record) => total + numberOf(record, key), 0)
  const report = { drained: sum("drained"), aborted: sum("aborted") }
  assert(Number.isSafeInteger(report.drained + report.aborted), "LunRemoved counts what was drained and aborted")
  if (plan.kind === "hung") assert.isAbove(report.aborted, 0, "commands that hung were aborted")
  else assert.strictEqual(report.aborted, 0, "nothing had to be aborted")
  return report
}

const cleanUp = async (lunlog: Lunlog, plan: RemovalPlan, bdevs: Bdevs): Promise<void> => {
  const left = plan.removal === "base" ? [] : plan.removal === "bdev" ? [bdevs.base] : [bdevs.top, bdevs.base]
  const gone = plan.removal === "bdev" && bdevs.base === bdevs.top
  for (const name of gone ? [] : new Set(left)) {
    await lunlog.call(name === bdevs.base ? deleteDisk(plan) : bdevs.deleteTop, { name })
  }
  if (bdevs.other !== undefined) await lunlog.call(deleteDisk(plan), { name: bdevs.other })
}

/** The records since the last call. */
const nextStory = async (scene: RemovalScene): Promise<ReadonlyArray<StoryRecord>> => {
  const story = await readStory(scene.lunlog.process.rpc, scene.nextSeq)
  scene.nextSeq = (story.at(-1)?.seq ?? scene.nextSeq - 1) + 1
  return story
}

const play = async (scene: RemovalScene, plan: RemovalPlan): Promise<RoundReport> => {
  const { lunlog } = scene
  await nextStory(scene)
  const bdevs = await createBdevs(lunlog, plan)
  await mapLuns(lunlog, bdevs)
  for (const session of scene.sessions) {
    await clearUnitAttentions(session, stableLun)
    await clearUnitAttentions(session, pulledLun)
  }
  const loads = startLoads(scene, plan)
  await Promise.all([loads.pulled.more(plan.warmUp), loads.neighbour.more(1)])
  if (plan.kind === "hung") await hang(scene)
  // The moment is what is random here; nothing waits for it to have passed.
  await delay(plan.momentMillis)
  const startedAt = performance.now()
  assert.strictEqual(await remove(lunlog, plan, bdevs), true)
  assert.isBelow(performance.now() - startedAt, removalDeadlineMillis + slackMillis, "the RPC returns in time")
  const story = await nextStory(scene)
  await checkLoads(scene, plan, loads)
  await checkGone(scene.sessions[0])
  const report = checkStory(plan, story)
  await cleanUp(lunlog, plan, bdevs)
  return report
}

/** Plays a round; a failure names the plan and comes with the server's fate. */
export const playRound = async (scene: RemovalScene, plan: RemovalPlan, what: string): Promise<RoundReport> => {
  try {
    return await play(scene, plan)
  } catch (error) {
    assertAlive(scene.lunlog.process)
    throw new Error(`${what} (${planText(plan)}): ${error instanceof Error ? error.message : String(error)}`, {
      cause: error
    })
  }
}
