/** What a load costs a target. */
import { cpuSeconds } from "../../../support/cpu-time.ts"
import type { LoadGenerator } from "./LoadGenerator.ts"

/** Runs the load, and gives the microseconds of `pid`'s CPU for each operation; throws when operations have failed. */
export const cpuPerOperation = async (load: LoadGenerator, pid: number, seconds: number): Promise<number> => {
  const before = cpuSeconds(pid)
  const { errors, operations } = await load.run(seconds)
  if (errors > 0) throw new Error(`${errors} of ${operations} operations of the load have failed`)
  return ((cpuSeconds(pid) - before) * 1e6) / operations
}
