/**
 * `npm run chaos -- --seed N [--runs N] [--lives N] [--rounds N] [--seconds S] [--keep DIR] [--journal FILE]
 * [--shrink]` plays a seed, or a journal; several seeds from N on with `--runs` or `--seconds`.
 */
import { mkdirSync } from "node:fs"
import { parseArgs } from "node:util"
import { readJournal } from "./Action.ts"
import { defaultExtent, playSeed, playSteps } from "./play.ts"
import { shrink } from "./shrink.ts"

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "1" },
    lives: { type: "string", default: String(defaultExtent.lives) },
    rounds: { type: "string", default: String(defaultExtent.rounds) },
    seconds: { type: "string" },
    keep: { type: "string" },
    journal: { type: "string" },
    shrink: { type: "boolean", default: false },
    program: { type: "string" },
    verbose: { type: "boolean", default: false }
  }
})

// So that the servers of a run end with it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const extent = { ...defaultExtent, lives: Number(values.lives), rounds: Number(values.rounds) }
const common = {
  ...(values.keep === undefined ? {} : { keep: values.keep }),
  ...(values.program === undefined ? {} : { program: values.program }),
  ...(values.verbose ? { onRound: say } : {})
}
if (values.keep !== undefined) mkdirSync(values.keep, { recursive: true })

const one = async (seed: number): Promise<boolean> => {
  const began = performance.now()
  try {
    const { journal } = values
    const report =
      journal === undefined ? await playSeed(seed, extent, common) : await playSteps(seed, readJournal(journal), common)
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    say(`seed ${seed}: nothing wrong, ${seconds} s, ${JSON.stringify(report)}`)
    return true
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
    if (values.shrink) await shrink(seed, values.journal, extent, common, say)
    return false
  }
}

const from = Number(values.seed)
const until = values.seconds === undefined ? undefined : performance.now() + Number(values.seconds) * 1000
let failed = 0
for (let run = 0; until === undefined ? run < Number(values.runs) : performance.now() < until; run++) {
  if (!(await one(from + run))) failed++
}
process.exit(failed === 0 ? 0 : 1)
