/**
 * One round of the removal matrix: a disk of one kind goes in one way, under three sessions at different queue depths
 * and with connections that are cut at the same time. What must hold is checked on the wire, in the answers of the RPCs
 * and in the log.
 */
import { setTimeout as delay } from "node:timers/promises"
import { assert } from "vitest"
import { cdb, clearUnitAttentions, inquiry, reportLuns } from "../commands.ts"
import { type Load, type LoadReport, lunNotSupported } from "../load.ts"
import { numberOf, type StoryRecord } from "../log-story.ts"
import { assertAlive } from "../lunlog.ts"
import { makeRandom, type Random } from "../random.ts"
import { outcomeText } from "../ScsiTask.ts"
import type { Session } from "../Session.ts"
import {
  type MatrixLoads,
  type MatrixScene,
  matrixDeadlineMillis,
  matrixDiskMebibytes,
  matrixTargets,
  pulledLun,
  stableLun
} from "./MatrixScene.ts"
import type { DeviceWay, MatrixDisk, MatrixDriver } from "./matrix-drivers.ts"

/** How it goes: by RPC (of the top, of what it stands on, of the LUNs, of a target), or by itself. */
export type Way =
  | "RPC of the bdev"
  | "RPC of the base"
  | "RPC of the LUNs"
  | "RPC of the target"
  | "hangs, RPC of the base"
  | { readonly device: number }

/** One round's choices. */
export interface MatrixPlan {
  readonly driver: MatrixDriver
  readonly way: Way
  readonly seed: number
}

/** The plan's name in failures. */
export const matrixPlanText = ({ driver, seed, way }: MatrixPlan): string =>
  `${driver.name}, ${typeof way === "string" ? way : driver.wayNames[way.device]}, seed ${seed}`

/** What a loaded machine may add, and what a device that goes by itself may take until it is noticed. */
const slackMillis = 20_000
const noticedWithinMillis = 30_000

/** Back pressure is fair; a unit attention tells of LUNs or sizes that have changed. */
const fair = ["GOOD", "status 28h", "status 08h", "6/3f/0e", "6/2a/09", "6/28/00", "6/29/00"]
/** A disk that is on its way out: its blocks cannot be read or written, it has failed, it is not there, it is full. */
const failing = /^(?:3\/(?:11|0c)\/00|4\/44\/00|2\/04\/[0-9a-f]{2}|2\/3a\/00|7\/27\/[0-9a-f]{2})$/u
/** Of a disk that has become shorter before it went. */
const beyondTheEnd = "5/21/00"
const aborted = ["b/00/00", "b/06/00"]

const checkOutcomes = (who: string, report: LoadReport, isAllowed: (outcome: string) => boolean): void => {
  const strange = [...report.outcomes].filter(([outcome]) => !isAllowed(outcome))
  assert.deepStrictEqual(strange, [], `outcomes on ${who}`)
  assert.deepStrictEqual(report.mismatches, [], `data on ${who}`)
}

const isFair = (outcome: string): boolean => fair.includes(outcome)

const isAllowedOn =
  ({ way }: MatrixPlan) =>
  (outcome: string): boolean => {
    if (isFair(outcome) || outcome === lunNotSupported) return true
    if (way === "hangs, RPC of the base") return aborted.includes(outcome)
    return typeof way !== "string" && (failing.test(outcome) || [...aborted, beyondTheEnd].includes(outcome))
  }

/** Everybody's LUN 1. */
const mapLuns = async (scene: MatrixScene, top: string): Promise<void> => {
  for (const name of matrixTargets.slice(0, 2)) {
    await scene.lunlog.call("iscsi_target_node_add_lun", { name, bdev_name: top, lun_id: pulledLun })
  }
  for (const session of scene.sessions) {
    await clearUnitAttentions(session, stableLun)
    await clearUnitAttentions(session, pulledLun)
  }
}

/** A connection with commands under way, to be cut. */
const openVictim = async (scene: MatrixScene): Promise<Session> => {
  const victim = await scene.lunlog.open(matrixTargets[0], {})
  await clearUnitAttentions(victim, pulledLun)
  for (let index = 0; index < 4; index++) {
    const request = { lun: pulledLun, cdb: cdb.read16(index * 8, 2048), readBytes: 1024 * 1024 }
    void victim.command(request).catch(() => undefined)
  }
  return victim
}

/** From the last answer on, nothing on the disk ends any more. */
const hang = async (scene: MatrixScene, top: string): Promise<void> => {
  const injection = { name: top, io_type: "all", error_type: "pending", num: 1_000_000 }
  await scene.lunlog.call("bdev_error_inject_error", injection)
  for (let count = 0; count < 4; count++) for (const session of scene.sessions) await session.nop()
}

const deleteTop = async ({ lunlog }: MatrixScene, { deletions }: MatrixDisk): Promise<void> => {
  const [top] = deletions
  assert(top !== undefined)
  assert.strictEqual(await lunlog.call(top.method, top.params), true)
}

const deleteBase = async ({ lunlog }: MatrixScene, { deletions }: MatrixDisk): Promise<void> => {
  const base = deletions.at(-1)
  assert(base !== undefined)
  assert.strictEqual(await lunlog.call(base.method, base.params), true)
}

const removeLuns = ({ lunlog }: MatrixScene): Promise<unknown> =>
  Promise.all(
    matrixTargets.slice(0, 2).map((name) => lunlog.call("iscsi_target_node_remove_lun", { name, lun_id: pulledLun }))
  )

/**
 * Waits for the records of a removal that nobody has asked for, and gives those up to its end: a write that was under
 * way may have made a file longer again, and then the disk is there again.
 */
const untilGone = async (scene: MatrixScene, top: string, way: DeviceWay): Promise<ReadonlyArray<StoryRecord>> => {
  const story: Array<StoryRecord> = []
  const deadline = performance.now() + noticedWithinMillis
  for (;;) {
    story.push(...(await scene.nextStory()))
    const gone = story.findIndex(({ payload, type }) => type === "BdevRemoved" && payload["name"] === top)
    if (gone >= 0) {
      way.end?.()
      return story.slice(0, gone + 1)
    }
    assert.isBelow(performance.now(), deadline, "the bdev goes when its device has gone")
    if (way.isRepeated && !story.some(({ type }) => type === "LunRemoved")) await way.go()
    await delay(20)
  }
}

/** Waits until what has come back since the last records is gone as well. */
const untilGoneAgain = async (scene: MatrixScene): Promise<void> => {
  const last = new Map<unknown, string>()
  const deadline = performance.now() + noticedWithinMillis
  for (;;) {
    for (const { payload, type } of await scene.nextStory()) {
      if (type === "BdevCreated" || type === "BdevRemoved") last.set(payload["name"], type)
    }
    if (![...last.values()].includes("BdevCreated")) return
    assert.isBelow(performance.now(), deadline, "a bdev that has come back goes with its device again")
    await delay(20)
  }
}

/** A target of its own, with one session, is deleted while the others go on. */
const deleteTarget = async (scene: MatrixScene, top: string): Promise<void> => {
  const { lunlog } = scene
  await scene.nextStory()
  const name = matrixTargets[2]
  await lunlog.createTarget({ name, luns: { [stableLun]: top } })
  const session: Session = await lunlog.open(name, { onAsyncMessage: () => void session.logout().catch(() => {}) }, 0)
  const reads = Array.from({ length: 8 }, () =>
    session
      .command({ lun: stableLun, cdb: cdb.read16(0, 2048), readBytes: 1024 * 1024 })
      .then(outcomeText, () => "lost")
  )
  assert.strictEqual(await lunlog.call("iscsi_delete_target_node", { name }), true)
  for (const outcome of await Promise.all(reads)) {
    assert.include([...fair, lunNotSupported, "lost", ...aborted], outcome, "of the target that is deleted")
  }
  const story = await scene.nextStory()
  const causes = story.filter(({ type }) => type === "LunRemoved").map(({ payload }) => payload["cause"])
  assert.deepStrictEqual(causes, ["target-deleted"])
}

const remove = async (scene: MatrixScene, plan: MatrixPlan, disk: MatrixDisk): Promise<ReadonlyArray<StoryRecord>> => {
  const { way } = plan
  if (typeof way !== "string") {
    const device = disk.ways[way.device]
    assert(device !== undefined)
    await device.go()
    return untilGone(scene, disk.top, device)
  }
  const startedAt = performance.now()
  if (way === "RPC of the LUNs") await removeLuns(scene)
  else if (way === "RPC of the base" || way === "hangs, RPC of the base") await deleteBase(scene, disk)
  else await deleteTop(scene, disk)
  assert.isBelow(performance.now() - startedAt, matrixDeadlineMillis + slackMillis, "the RPC returns in time")
  return scene.nextStory()
}

const causesOf = (way: Way): { readonly lun: string; readonly bdev: string | undefined } => {
  if (typeof way !== "string") return { lun: "bdev-vanished", bdev: "vanished" }
  if (way === "RPC of the LUNs") return { lun: "requested", bdev: undefined }
  return { lun: "bdev-deleted", bdev: "requested" }
}

const checkStory = ({ way }: MatrixPlan, top: string, story: ReadonlyArray<StoryRecord>): void => {
  const ofType = (type: string) => story.filter((record) => record.type === type)
  const { bdev, lun } = causesOf(way)
  const [started, removed] = [ofType("LunRemovalStarted"), ofType("LunRemoved")]
  assert.deepStrictEqual(
    started.map(({ payload }) => payload["cause"]),
    [lun, lun],
    "LunRemovalStarted"
  )
  assert.lengthOf(removed, 2, "LunRemoved")
  for (const record of removed) {
    const start = started.find((other) => other.payload["incarnation"] === record.payload["incarnation"])
    assert(start !== undefined && start.seq < record.seq, "a removal starts before it ends")
    assert(Number.isSafeInteger(numberOf(record, "drained") + numberOf(record, "aborted")), "what ended is counted")
  }
  const sum = removed.reduce((total, record) => total + numberOf(record, "aborted"), 0)
  if (way === "hangs, RPC of the base") assert.isAbove(sum, 0, "commands that hung were aborted")
  else if (typeof way === "string") assert.strictEqual(sum, 0, "nothing had to be aborted")
  const causes = ofType("BdevRemovalStarted").map(({ payload }) => payload["cause"])
  if (bdev === undefined) return assert.deepStrictEqual(causes, [])
  assert.include(causes, bdev, "BdevRemovalStarted")
  const last = Math.max(...removed.map(({ seq }) => seq))
  const gone = ofType("BdevRemoved").find(({ payload }) => payload["name"] === top)
  assert(gone !== undefined && gone.seq > last, "a bdev goes after its last LUN")
}

const finish = async (loads: ReadonlyArray<Load>): Promise<ReadonlyArray<LoadReport>> => {
  for (const load of loads) load.stop()
  return Promise.all(loads.map((load) => load.done))
}

const checkLoads = async (scene: MatrixScene, plan: MatrixPlan, loads: MatrixLoads): Promise<void> => {
  // Everything that stays must still be served after the removal.
  for (const load of loads.stable) await load.more(4)
  const pulled = await Promise.all(loads.pulled.map((load) => load.done))
  if (typeof plan.way !== "string") await untilGoneAgain(scene)
  for (const report of pulled) {
    checkOutcomes("the pulled LUN", report, isAllowedOn(plan))
    assert.isAbove(report.outcomes.get(lunNotSupported) ?? 0, 0, "commands after the removal are refused")
  }
  for (const report of await finish(loads.stable)) {
    checkOutcomes("LUN 0", report, isFair)
    assert.isAbove(report.outcomes.get("6/3f/0e") ?? 0, 0, "LUN 0 tells that the LUNs have changed")
  }
  for (const session of scene.sessions) {
    assert.isFalse(session.isClosed, "the session stays up")
    assert.deepStrictEqual(session.violations, [])
    await clearUnitAttentions(session, stableLun)
    assert.strictEqual(
      outcomeText(await session.command({ lun: pulledLun, cdb: cdb.testUnitReady() })),
      lunNotSupported
    )
    const [peripheral = 0] = await inquiry(session, pulledLun, 36)
    assert.strictEqual(peripheral >> 5, 3, "peripheral qualifier of a LUN that is gone")
    assert.deepStrictEqual(await reportLuns(session, stableLun), [stableLun])
  }
}

/** What the way has left is deleted, the top first: so the names are free for the next round. */
const cleanUp = async (scene: MatrixScene, { way }: MatrixPlan, disk: MatrixDisk): Promise<void> => {
  const { deletions } = disk
  const isWhole = way === "RPC of the LUNs"
  const base = deletions.at(-1)
  const left = way === "RPC of the bdev" || way === "RPC of the target" ? deletions.slice(1) : isWhole ? deletions : []
  // One that has gone by itself stays declared, with what was on it.
  const forgotten = typeof way === "string" || base === undefined ? [] : [base]
  for (const { method, params } of [...left, ...forgotten]) {
    assert.strictEqual(await scene.lunlog.call(method, params), true)
  }
}

const underHang = async (scene: MatrixScene, disk: MatrixDisk): Promise<MatrixDisk> => {
  await scene.lunlog.call("bdev_error_create", { base_name: disk.top })
  return { ...disk, top: `EE_${disk.top}` }
}

const play = async (scene: MatrixScene, plan: MatrixPlan, random: Random): Promise<void> => {
  const { driver, way } = plan
  const { folder, lunlog, tree } = scene
  const place = { lunlog, folder, tree, mebibytes: matrixDiskMebibytes, round: scene.rounds++ }
  await scene.nextStory()
  const made = await driver.make(place)
  let loads: MatrixLoads | undefined
  try {
    const disk = way === "hangs, RPC of the base" ? await underHang(scene, made) : made
    await mapLuns(scene, disk.top)
    const isLate = way !== "hangs, RPC of the base" && random.chance(0.5)
    const late = isLate ? { lateDataMillis: random.between(1, 20) } : {}
    const victim = random.chance(0.5) ? await openVictim(scene) : undefined
    const isEmptied = typeof way !== "string" && disk.ways[way.device]?.isRepeated === true
    loads = scene.startLoads(random, { forgetful: driver.forgetful === true || isEmptied, ...late })
    await Promise.all(loads.pulled.map((load) => load.more(random.between(1, 4))))
    if (way === "hangs, RPC of the base") await hang(scene, disk.top)
    if (way === "RPC of the target") await deleteTarget(scene, disk.top)
    // The moment is what is random here; nothing waits for it to have passed.
    await delay(random.between(0, 10))
    victim?.drop()
    const story = await remove(scene, plan, disk)
    await checkLoads(scene, plan, loads)
    checkStory(plan, disk.top, story)
    await cleanUp(scene, plan, made)
  } finally {
    for (const load of [...(loads?.pulled ?? []), ...(loads?.stable ?? [])]) load.stop()
    await made.dispose?.()
  }
}

/** Plays a round; a failure names the plan and comes with the server's fate. */
export const playMatrixRound = async (scene: MatrixScene, plan: MatrixPlan): Promise<void> => {
  try {
    await play(scene, plan, makeRandom(plan.seed))
  } catch (error) {
    assertAlive(scene.lunlog.process)
    throw new Error(`${matrixPlanText(plan)}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error
    })
  }
}
