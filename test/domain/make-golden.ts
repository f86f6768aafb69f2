/**
 * Makes a golden log: `npm run golden -- NAME`, where NAME is the version that is to be released, or that version and
 * what is new. `--replace` makes one again that no release has yet: one that was released is never changed.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { goldenHistory } from "./golden-history.ts"
import { goldenFolder, recordLine, stateLine } from "./golden-log.ts"

const [name = "", ...options] = process.argv.slice(2)
if (!/^\d+\.\d+\.\d+[\w.+-]*$/u.test(name)) {
  throw new Error("name the version: npm run golden -- 0.2.0, or 0.2.0-quotas for what is new in it")
}
const folder = join(goldenFolder, name)
if (existsSync(folder) && !options.includes("--replace")) {
  throw new Error(`${folder} is there; if no release has it, --replace makes it again, else choose another name`)
}

const { states, values } = await Effect.runPromise(goldenHistory)
const text = (lines: ReadonlyArray<string>): string => `${lines.join("\n")}\n`
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, "log.ndjson"), text(values.map(recordLine)))
writeFileSync(join(folder, "states.ndjson"), text(states.map(stateLine)))
process.stdout.write(`${folder}: ${values.length} records, ${states.length} states\n`)
