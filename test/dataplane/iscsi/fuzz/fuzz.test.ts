/** Whatever initiators send, before and after login, with and without digests: no internal error, nothing is left. */
import { assert, describe, it } from "vitest"
import { runSeed } from "../../../support/initiator/random.ts"
import { readCorpus } from "./corpus.ts"
import { playEpisodes } from "./FuzzEpisode.ts"
import { fuzzTexts } from "./fuzz-texts.ts"

describe("a target node", () => {
  it("outlives 20,000 inputs, and holds nothing afterwards", async () => {
    const logins = await playEpisodes(runSeed(5), 20_000)
    assert.isAbove(logins, 100, "the fuzzer reaches full feature phase")
  })
})

describe("the reader of keys", () => {
  it("takes or refuses 20,000 texts, and takes again what it has taken", () => {
    const taken = fuzzTexts(runSeed(6), 20_000)
    assert.isAbove(taken, 1000, "the fuzzer makes texts that are right, too")
  })
})

it("has a corpus of real initiators", () => {
  assert.isAtLeast(readCorpus().flat().length, 80)
})
