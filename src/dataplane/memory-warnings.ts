/** What `lunlog status` warns of when memory runs out. */
import type { MemoryBudget } from "./MemoryBudget.ts"

/** A sixteenth of the limit that is left is little. */
const littleShare = 1 / 16

const mebibytes = (bytes: number): string => `${Math.round(bytes / 1048576)} MiB`

/** None while there is enough. */
export const memoryWarnings = (budget: MemoryBudget): ReadonlyArray<string> => {
  const { limit, used } = budget
  if (used <= limit * (1 - littleShare)) return []
  return [
    `${mebibytes(used)} of ${mebibytes(limit)} memory are used: commands may get TASK SET FULL, logins be refused; ` +
      "delete disks in memory, or start the target with a larger --mem-size"
  ]
}
