/**
 * `npm run soak -- [--minutes N] [--seed S] [--rounds N] [--json] [-- ARGS of lunlog serve]`: a server under everything
 * at once for so long, and whether what it holds stays the same. Ends with 1, and with what grew, if it does not.
 */
import { parseArgs } from "node:util"
import { trendTable, whatGrew } from "./Measure.ts"
import { soak } from "./soak.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    rounds: { type: "string", default: "20" },
    json: { type: "boolean", default: false }
  }
})

// So that the server ends with it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const rounds = Math.max(2, Number(values.rounds))
const roundMillis = (Number(values.minutes) * 60_000) / rounds
const report = await soak({
  seed: Number(values.seed),
  rounds,
  roundMillis,
  args: positionals,
  onSample: ({ atSeconds, operations, rounds: round, values: now }) => {
    if (values.json) return
    const parts = [
      `${(now.anonymous / 1_048_576).toFixed(0)} MiB anonymous`,
      `${(now.heap / 1_048_576).toFixed(1)} MiB heap`,
      `${now.descriptors} descriptors`,
      `${now.timers} timers`
    ]
    say(`${atSeconds} s, round ${round}, ${operations} operations: ${parts.join(", ")}`)
  }
})
const grown = whatGrew(report.trends)
if (values.json) say(JSON.stringify({ seed: Number(values.seed), ...report, grown }, null, 2))
else say(`\n${trendTable(report.trends)}\n\n${grown.length === 0 ? "flat" : grown.join("\n")}`)
process.exit(grown.length === 0 ? 0 : 1)
