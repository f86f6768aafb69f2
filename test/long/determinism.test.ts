/** The histories of CI, 2,000 of them, folded in other processes. */
import { describe, it } from "vitest"
import { assertFoldsElsewhere } from "../domain/fold-elsewhere.ts"
import { randomHistory } from "../domain/random-history.ts"
import { runSeed } from "../support/initiator/random.ts"

const rounds = 50
const perRound = 40

describe("random histories", () => {
  it("fold to the same bytes elsewhere, 2,000 of them", async () => {
    const first = runSeed(61) % 1_000_000
    for (let round = 0; round < rounds; round++) {
      const seed = first + round * perRound
      await assertFoldsElsewhere(
        Array.from({ length: perRound }, (_, index) => randomHistory(seed + index)),
        seed
      )
    }
  })
})
