/**
 * One holder per log directory. LevelDB's own LOCK keeps other processes out, but it is a POSIX lock: it is released
 * when *any* descriptor of the file is closed in the process that holds it. So a second open in our own process must
 * fail before it touches LevelDB, and nothing here may ever open LOCK: copy a running directory from another process.
 */
import { readFileSync, statSync } from "node:fs"
import { unlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { processStart } from "./process-start.ts"

/** Real paths that this thread has open, and whether it signed. Other threads are known by the holder file. */
const ours = new Map<string, boolean>()

interface Holder {
  readonly pid: number
  /** Start of the process in clock ticks since boot: tells it from a later one with the same pid. "" if unknown. */
  readonly started: string
}

const holderFile = (directory: string): string => join(directory, "holder")

const startOf = (pid: number): string => processStart(pid) ?? ""

const readHolder = (directory: string): Holder | undefined => {
  try {
    const { pid, started } = JSON.parse(readFileSync(holderFile(directory), "utf8"))
    return Number.isSafeInteger(pid) && typeof started === "string" ? { pid, started } : undefined
  } catch {
    return undefined
  }
}

/** The kernel's word on who has LOCK, by inode: `12: POSIX  ADVISORY  WRITE 4711 fd:00:1234 0 EOF`. */
const lockHolder = (lockFile: string): number | undefined => {
  try {
    const { ino } = statSync(lockFile)
    const line = readFileSync("/proc/locks", "utf8")
      .split("\n")
      .find((line) => line.includes(`:${ino} `) && line.includes("WRITE"))
    const pid = Number(line?.trim().split(/\s+/)[4])
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/** Who holds a directory that LevelDB found locked, if that can be found out. */
export const holderOf = (directory: string, lockFile: string): number | undefined =>
  lockHolder(lockFile) ?? readHolder(directory)?.pid

/** Who has a directory open, as far as can be found out without touching its lock. */
export const livingHolder = (directory: string, lockFile: string): number | undefined => {
  const holder = readHolder(directory)
  const lives = holder !== undefined && holder.started !== "" && holder.started === startOf(holder.pid)
  return lockHolder(lockFile) ?? (lives ? holder.pid : undefined)
}

/** Claims the directory for this thread; `false` if this process has it open already. */
export const claim = (realPath: string): boolean => {
  if (ours.has(realPath)) return false
  const holder = readHolder(realPath)
  if (
    holder !== undefined &&
    holder.pid === process.pid &&
    holder.started !== "" &&
    holder.started === startOf(holder.pid)
  ) {
    return false
  }
  ours.set(realPath, false)
  return true
}

/** After LevelDB has the lock: says who it is. */
export const signHolder = async (realPath: string): Promise<void> => {
  const holder: Holder = { pid: process.pid, started: startOf(process.pid) }
  await writeFile(holderFile(realPath), `${JSON.stringify(holder)}\n`, { mode: 0o600 })
  ours.set(realPath, true)
}

/** Gives the claim back. */
export const release = async (realPath: string): Promise<void> => {
  if (ours.get(realPath) === true) await unlink(holderFile(realPath)).catch(() => undefined)
  ours.delete(realPath)
}
