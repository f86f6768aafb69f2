/**
 * Every kind of disk, pulled out in every way, under load: the case that other targets crash on (1 MiB writes with R2T
 * and 1 MiB reads while the LUN goes), for each driver. `npm run test:long` plays thousands of these rounds.
 */
import { afterAll, assert, describe, it } from "vitest"
import { assertAlive, holdingsOf, untilDescriptors } from "../support/initiator/lunlog.ts"
import { runSeed } from "../support/initiator/random.ts"
import { MatrixScene } from "../support/initiator/removal-matrix/MatrixScene.ts"
import { matrixDrivers } from "../support/initiator/removal-matrix/matrix-drivers.ts"
import { askedWays, deviceWays, plansOf } from "../support/initiator/removal-matrix/matrix-plans.ts"
import { type MatrixPlan, playMatrixRound } from "../support/initiator/removal-matrix/matrix-round.ts"

/** Growth of resident memory that is not taken for a leak, in bytes. */
const residentSlack = 384 * 1024 * 1024
const timesEach = 2

describe("a disk that is pulled out under load", () => {
  let scene: MatrixScene | undefined
  let settled: ReturnType<typeof holdingsOf> | undefined
  afterAll(() => scene?.[Symbol.asyncDispose]())
  const seed = runSeed(43)

  const playAll = async (plans: ReadonlyArray<MatrixPlan>, signal: AbortSignal): Promise<void> => {
    const playing = scene ?? (await MatrixScene.start())
    const before = settled
    // What a round has left when it failed, or goes on with past its time, would be in the way of the others.
    scene = undefined
    settled = undefined
    const dispose = () => playing[Symbol.asyncDispose]()
    signal.addEventListener("abort", dispose)
    try {
      for (const plan of plans) await playMatrixRound(playing, plan)
    } catch (error) {
      await dispose()
      throw error
    }
    signal.throwIfAborted()
    scene = playing
    settled = before ?? holdingsOf(playing.lunlog.process)
  }

  for (const driver of matrixDrivers) {
    const { name, refusal } = driver
    const what = refusal === undefined ? name : `${name} (skipped: ${refusal})`
    it.skipIf(refusal !== undefined)(`${what}: whatever is asked for`, { timeout: 120_000 }, ({ signal }) =>
      playAll(plansOf(driver, askedWays(driver), seed, timesEach), signal)
    )
    if (driver.wayNames.length === 0) continue
    it.skipIf(refusal !== undefined)(`${what}: whatever its device does`, { timeout: 120_000 }, ({ signal }) =>
      playAll(plansOf(driver, deviceWays(driver), seed, 1), signal)
    )
  }

  it("leaves nothing behind: the sessions of the first round, their descriptors, and no memory", async () => {
    assert(scene !== undefined && settled !== undefined)
    assertAlive(scene.lunlog.process)
    const connections = await scene.lunlog.call("iscsi_get_connections")
    assert(Array.isArray(connections))
    assert.lengthOf(connections, scene.sessions.length)
    await untilDescriptors(scene.lunlog.process, settled.descriptors + 2)
    assert.isBelow(holdingsOf(scene.lunlog.process).residentBytes, settled.residentBytes + residentSlack)
    for (const session of scene.sessions) assert.strictEqual(await session.logout(), 0)
  })
})
