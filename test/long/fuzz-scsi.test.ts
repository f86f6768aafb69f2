/** The fuzzing of commands and parameter lists of CI, millions of them, and no memory that is kept. */
import { assert, it } from "vitest"
import { fuzzCommands } from "../dataplane/scsi/fuzz/ScsiFuzz.ts"
import { runSeed } from "../support/initiator/random.ts"
import { reachableBytes } from "../support/reachable-bytes.ts"

const parts = 10
const commandsPerPart = 300_000
/** Of a part's disks and buffers some are still to be finalized after a collection. */
const growthBytesMax = 64 * 1024 * 1024

it("ends 3,000,000 commands, and keeps nothing of them", async () => {
  const seed = runSeed(23)
  await fuzzCommands(seed, commandsPerPart)
  const first = reachableBytes()
  for (let part = 1; part < parts; part++) {
    await fuzzCommands(seed + part, commandsPerPart)
    assert.isBelow(reachableBytes() - first, growthBytesMax, `after part ${part} of seed ${seed}`)
  }
})
