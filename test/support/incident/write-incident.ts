/** `npm run incident`: plays docs/incident.md and puts in what its commands print today. */
import { writeFileSync } from "node:fs"
import { readStory } from "../initiator/log-story.ts"
import { startIncidentPlayer } from "./IncidentPlayer.ts"
import {
  anchorsIn,
  anchorsOf,
  incidentPath,
  incidentSteps,
  incidentText,
  renumbered,
  rewritten
} from "./incident-page.ts"

const text = incidentText()
await using player = await startIncidentPlayer()
const numbers = anchorsIn(await readStory(player.night.process.rpc, 1))
const outputs: Array<string> = []
for (const { command } of incidentSteps(text)) {
  const own = renumbered(command, anchorsOf(text), numbers)
  process.stderr.write(`$ ${own}\n`)
  outputs.push(await player.run(own))
}
writeFileSync(incidentPath, rewritten(text, outputs, numbers))
