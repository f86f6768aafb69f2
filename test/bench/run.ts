/**
 * `npm run bench [-- NAME...] [--json]`: runs the benchmarks of this folder, one process each.
 *
 *   npm run bench                    all of them
 *   npm run bench -- data --json     lunlog against tgt, as JSON
 *   npm run bench -- path            what a command costs without sockets
 *   npm run bench -- log             the event log
 *   npm run bench -- files           disks in files and on block devices
 *   npm run bench -- config          plan and apply of 10,000 LUNs
 *   npm run bench -- history         questions to the log of a million records
 */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"

const benchmarks = ["log", "path", "data", "files", "config", "history"].filter((name) =>
  existsSync(join(import.meta.dirname, `${name}.ts`))
)

const args = process.argv.slice(2)
const unknown = args.filter((arg) => !arg.startsWith("-")).find((arg) => !benchmarks.includes(arg))
if (unknown !== undefined) {
  console.error(`there is no benchmark '${unknown}'; there are: ${benchmarks.join(", ")}`)
  process.exit(2)
}
const chosen = args.filter((arg) => benchmarks.includes(arg))
const options = args.filter((arg) => arg.startsWith("-"))
let failed = false
for (const name of chosen.length === 0 ? benchmarks : chosen) {
  const result = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`), ...options], {
    stdio: "inherit",
    // As the launcher has it.
    env: { UV_THREADPOOL_SIZE: "64", ...process.env }
  })
  failed ||= result.status !== 0
}
process.exit(failed ? 1 : 0)
