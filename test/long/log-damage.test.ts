/** The damage test of the event log at every byte of every file. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "vitest"
import { damagesOf, makeTemplate, tryDamages } from "../eventlog/damage.ts"
import { runSeed } from "../support/initiator/random.ts"

describe("a damaged log", () => {
  it("is whole or says what is wrong, at every byte", { timeout: 3_600_000 }, async () => {
    const template = mkdtempSync(join(tmpdir(), "lunlog-template-"))
    try {
      const original = await makeTemplate(template)
      await tryDamages(template, original, damagesOf(template, Number.POSITIVE_INFINITY, runSeed(5)))
    } finally {
      rmSync(template, { recursive: true, force: true })
    }
  })
})
