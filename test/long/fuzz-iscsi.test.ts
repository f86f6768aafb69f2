/** The fuzzing of PDUs and texts of CI, millions of them, and no memory that is kept. */
import { assert, describe, it } from "vitest"
import { playEpisodes } from "../dataplane/iscsi/fuzz/FuzzEpisode.ts"
import { fuzzTexts } from "../dataplane/iscsi/fuzz/fuzz-texts.ts"
import { runSeed } from "../support/initiator/random.ts"
import { reachableBytes } from "../support/reachable-bytes.ts"

const parts = 10
const inputsPerPart = 300_000
const growthBytesMax = 32 * 1024 * 1024

describe("a target node", () => {
  it("outlives 3,000,000 inputs, and keeps nothing of them", async () => {
    const seed = runSeed(21)
    await playEpisodes(seed, inputsPerPart)
    const first = reachableBytes()
    for (let part = 1; part < parts; part++) {
      await playEpisodes(seed + part, inputsPerPart)
      assert.isBelow(reachableBytes() - first, growthBytesMax, `after part ${part} of seed ${seed}`)
    }
  })
})

describe("the reader of keys", () => {
  it("reads 3,000,000 texts", () => {
    assert.isAbove(fuzzTexts(runSeed(22), 3_000_000), 100_000)
  })
})
