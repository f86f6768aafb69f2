/** CPU time of a process with all its threads and live children, from Linux's /proc. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { processTree } from "./child-process.ts"

const ticksPerSecond = (): number => Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }))

/**
 * User and system time are fields 14 and 15 of /proc/PID/stat; counted behind the command's name, which may hold
 * blanks.
 */
const ticksOf = (pid: number): number => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return Number(fields[11]) + Number(fields[12])
  } catch {
    return 0
  }
}

/** Seconds of CPU (user and system) that `pid` and its live descendants have used so far. */
export const cpuSeconds = (pid: number): number =>
  processTree(pid).reduce((sum, each) => sum + ticksOf(each), 0) / ticksPerSecond()

/** Seconds of CPU that all children of this process used that have ended (fields 16 and 17). */
export const endedChildrenCpuSeconds = (): number => {
  const stat = readFileSync("/proc/self/stat", "utf8")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond()
}

const statusBytes = (pid: number, field: string): number => {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))
  return Number(match?.[1] ?? Number.NaN) * 1024
}

/** Bytes of `pid` that are resident in memory now (VmRSS). */
export const residentBytes = (pid: number): number => statusBytes(pid, "VmRSS")

/** Those among them that are no pages of files, which the kernel takes back when it needs memory. */
export const anonymousBytes = (pid: number): number => statusBytes(pid, "RssAnon")
