/** When a process began: with its pid it names one process, where the pid alone may have gone to another. */
import { readFileSync } from "node:fs"

/**
 * Field 22 of /proc/PID/stat, in clock ticks since boot; undefined where it cannot be read: no such process, or no
 * Linux. The name in field 2 may hold spaces and parentheses.
 */
export const processStart = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
  } catch {
    return undefined
  }
}
