/**
 * docs/incident.md, command by command, on a night that is played for it: what is printed must be what the page shows,
 * save times, numbers and widths.
 */
import { assert, it } from "vitest"
import { startIncidentPlayer } from "../support/incident/IncidentPlayer.ts"
import {
  anchorsIn,
  anchorsOf,
  incidentSteps,
  incidentText,
  renumbered,
  steady
} from "../support/incident/incident-page.ts"
import { readStory } from "../support/initiator/log-story.ts"

it("the page of the incident shows what its commands print", { timeout: 180_000 }, async () => {
  const text = incidentText()
  const steps = incidentSteps(text)
  assert.isAbove(steps.length, 8)
  await using player = await startIncidentPlayer()
  const numbers = anchorsIn(await readStory(player.night.process.rpc, 1))
  for (const { command, output } of steps) {
    const printed = await player.run(renumbered(command, anchorsOf(text), numbers))
    assert.strictEqual(steady(printed), steady(output), `$ ${command}\nIf that is right: npm run incident`)
  }
})
