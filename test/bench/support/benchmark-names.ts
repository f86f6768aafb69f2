/** The benchmarks: each file of the folder that is no test, but the one that runs the others. */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { projectDirectory } from "../../support/target-process.ts"

/** Where they are. */
export const benchDirectory = join(projectDirectory, "test/bench")

/** Their names, as `npm run bench -- NAME` has them. */
export const benchmarkNames = (): ReadonlyArray<string> =>
  readdirSync(benchDirectory)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && name !== "run.ts")
    .map((name) => name.slice(0, -".ts".length))
    .toSorted()
