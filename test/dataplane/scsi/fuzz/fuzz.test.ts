/** Whatever commands and parameter lists initiators send: each ends with a status that there is, and leaves nothing. */
import { assert, it } from "vitest"
import { commandSet } from "../../../../src/dataplane/scsi/command-set.ts"
import { runSeed } from "../../../support/initiator/random.ts"
import { readCorpus } from "./corpus.ts"
import { fuzzCommands } from "./ScsiFuzz.ts"

it("ends 20,000 commands", async () => {
  const succeeded = await fuzzCommands(runSeed(7), 20_000)
  assert.isAbove(succeeded, 4000, "the fuzzer sends commands that are right, too")
})

it("has a corpus with every command", () => {
  const seen = new Set(readCorpus().map(({ cdb }) => `${cdb[0]} ${(cdb[1] ?? 0) & 0x1f}`))
  const opcodes = new Set(readCorpus().map(({ cdb }) => cdb[0]))
  for (const { name, opcode, serviceAction } of commandSet) {
    assert.isTrue(serviceAction === undefined ? opcodes.has(opcode) : seen.has(`${opcode} ${serviceAction}`), name)
  }
})
