/** When a process began: with its pid it names one process, where the pid alone may have gone to another. */
import { readFileSync } from "node:fs"

/**
 * Field 22 of /proc/PID/stat, in clock ticks since boot; undefined where it cannot be read: no such process, or no
 * Linux. So it is for a process that has ended and is still to be reaped, which in a container may be never:
 * it holds nothing any more. The name in field 2 may hold spaces and parentheses.
 */
export const processStart = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return fields[0] === "Z" ? undefined : fields[19]
  } catch {
    return undefined
  }
}
