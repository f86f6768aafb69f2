/** The damage test of the event log at every byte of every file. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "vitest"
import { damagesOf, makeCompactedTemplate, makeTemplate, tryDamages } from "../eventlog/damage.ts"
import { runSeed } from "../support/initiator/random.ts"

describe("a damaged log", () => {
  it("that was compacted is whole or says what is wrong, at every second byte", { timeout: 3_600_000 }, async () => {
    const template = mkdtempSync(join(tmpdir(), "lunlog-template-"))
    try {
      const original = await makeCompactedTemplate(template)
      const damages = damagesOf(template, Number.POSITIVE_INFINITY, runSeed(6))
      await tryDamages(
        template,
        original,
        damages.filter(({ offset }) => offset % 2 === runSeed(6) % 2)
      )
    } finally {
      rmSync(template, { recursive: true, force: true })
    }
  })

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
