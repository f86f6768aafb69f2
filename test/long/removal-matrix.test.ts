/**
 * The removal matrix, thousands of rounds: every kind of disk, pulled out in every way, under load. `--seed` draws
 * other moments.
 */
import { describe, it } from "vitest"
import { runSeed } from "../support/initiator/random.ts"
import { MatrixScene } from "../support/initiator/removal-matrix/MatrixScene.ts"
import { matrixDrivers } from "../support/initiator/removal-matrix/matrix-drivers.ts"
import { askedWays, deviceWays, plansOf } from "../support/initiator/removal-matrix/matrix-plans.ts"
import { playMatrixRound } from "../support/initiator/removal-matrix/matrix-round.ts"

/** Servers for each driver, and times that each plays every way: what hangs keeps its buffers for its life. */
const servers = 5
const timesEach = 10

describe("a disk that is pulled out under load", () => {
  for (const driver of matrixDrivers) {
    const { name, refusal } = driver
    const what = refusal === undefined ? name : `${name} (skipped: ${refusal})`
    it.skipIf(refusal !== undefined)(`${what}: in every way, hundreds of times`, async () => {
      const ways = [...askedWays(driver), ...deviceWays(driver)]
      for (let server = 0; server < servers; server++) {
        await using scene = await MatrixScene.start()
        for (const plan of plansOf(driver, ways, runSeed(43) + server, timesEach)) await playMatrixRound(scene, plan)
      }
    })
  }
})
