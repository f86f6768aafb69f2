/** Memory for what is nice to have: the last quarter of all is for those who need it. */
import type { MemoryAccount } from "../../MemoryBudget.ts"

/** Takes so many bytes; false: they are not to spare, and nothing was taken. */
export const takeSpare = (memory: MemoryAccount, bytes: number): boolean =>
  memory.left - bytes >= memory.limit / 4 && memory.take(bytes)
