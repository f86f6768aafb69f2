/** Overlays in files that end at any moment, hundreds of times. */
import { describe, it } from "vitest"
import { runCrashes, shapes } from "../dataplane/bdev/overlay-crashes.ts"
import { runSeed } from "../support/initiator/random.ts"

const rounds = 400

describe("overlays in files", () => {
  it.each(["killed", "power"] as const)("have what they must when they end by: %s", async (end) => {
    const first = runSeed(47) % 1_000_000
    for (let round = 0; round < rounds; round++) {
      for (const shape of shapes) await runCrashes(shape, first + round, end)
    }
  })
})
