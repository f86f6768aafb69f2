/**
 * `npm run bench [-- NAME...] [OPTIONS]`: runs the benchmarks of this folder, one process each; without a name all of
 * them. `npm run bench -- NAME --help` says what its options are; with `--record` the results of this run are committed
 * next.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { benchDirectory, benchmarkNames } from "./support/benchmark-names.ts"

const benchmarks = benchmarkNames()
const args = process.argv.slice(2)
const names = args.filter((arg) => !arg.startsWith("-"))
const unknown = names.find((name) => !benchmarks.includes(name))
if (unknown !== undefined) {
  console.error(`there is no benchmark '${unknown}'; there are: ${benchmarks.join(", ")}`)
  process.exit(2)
}
const options = args.filter((arg) => arg.startsWith("-"))
let failed = false
for (const name of names.length === 0 ? benchmarks : names) {
  const result = spawnSync(process.execPath, [join(benchDirectory, `${name}.ts`), ...options], {
    stdio: "inherit",
    // As the launcher has it.
    env: { UV_THREADPOOL_SIZE: "64", ...process.env }
  })
  failed ||= result.status !== 0
}
process.exit(failed ? 1 : 0)
