/**
 * Debian's tgt as a child process with one target: the peer that the benchmark compares with, and something to develop
 * the tests' own clients against. Needs neither root nor its system service.
 */
import { truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { type Child, runCommand, startChild } from "./child-process.ts"
import { findTool } from "./requires-tool.ts"
import { freePort, makeDirectory, removeDirectory } from "./target-process.ts"

/**
 * One logical unit: `file` is a sparse file through the page cache (RAM when its folder is a tmpfs), `null` stores
 * nothing.
 */
export interface TgtUnit {
  readonly store: "file" | "null"
  readonly sizeBytes: number
}

/** A running tgtd with one target whose LUNs start at 1; LUN 0 is tgt's own controller. */
export interface TgtProcess extends AsyncDisposable {
  readonly pid: number
  readonly port: number
  readonly targetName: string
  /** `iscsi://...` of the unit at `index` (from 0). */
  readonly url: (index: number) => string
  readonly stop: () => Promise<void>
}

const targetName = "iqn.2001-04.org.example:tgt"
const readyMillis = 10_000

/** Runs tgtadm; throws what it says when it fails. */
const administer = (socketPath: string) => {
  return async (...args: ReadonlyArray<string>): Promise<void> => {
    const command = findTool("tgtadm") ?? "tgtadm"
    const environment = { TGT_IPC_SOCKET: socketPath }
    const result = await runCommand({ command, args: ["--lld", "iscsi", ...args], environment }, readyMillis)
    if (result.code !== 0) throw new Error(`tgtadm ${args.join(" ")}: ${result.stderr.trim()}`)
  }
}

const whenReady = async (child: Child, admin: ReturnType<typeof administer>): Promise<void> => {
  const deadline = performance.now() + readyMillis
  for (;;) {
    try {
      return await admin("--mode", "target", "--op", "show")
    } catch (error) {
      if (child.exitStatus() !== undefined || performance.now() > deadline) {
        child.signal("SIGKILL")
        throw new Error(`tgtd did not start: ${child.stderr()}`, { cause: error })
      }
      await delay(20)
    }
  }
}

const addUnit = async (admin: ReturnType<typeof administer>, unit: TgtUnit, lun: number, folder: string) => {
  const target = ["--mode", "logicalunit", "--op", "new", "--tid", "1", "--lun", String(lun)]
  if (unit.store === "null") {
    const size = `size=${Math.floor(unit.sizeBytes / (1024 * 1024))}m`
    await admin(...target, "--bstype", "null", "--backing-store", size)
    return
  }
  const path = join(folder, `lun${lun}.raw`)
  writeFileSync(path, "")
  truncateSync(path, unit.sizeBytes)
  await admin(...target, "--bstype", "rdwr", "--backing-store", path)
}

/** Starts tgtd on a free loopback port. `storeDirectory` holds the backing files: a tmpfs, for units in RAM. */
export const startTgt = async (units: ReadonlyArray<TgtUnit>, storeDirectory?: string): Promise<TgtProcess> => {
  const folder = makeDirectory("tgt")
  const store = storeDirectory ?? folder
  const socketPath = join(folder, "ipc")
  const port = await freePort()
  const child = await startChild({
    command: findTool("tgtd") ?? "tgtd",
    args: ["-f", "--iscsi", `portal=127.0.0.1:${port}`],
    environment: { TGT_IPC_SOCKET: socketPath }
  })
  const admin = administer(socketPath)
  await whenReady(child, admin)
  await admin("--mode", "target", "--op", "new", "--tid", "1", "-T", targetName)
  for (const [index, unit] of units.entries()) await addUnit(admin, unit, index + 1, store)
  await admin("--mode", "target", "--op", "bind", "--tid", "1", "-I", "ALL")
  const stop = async (): Promise<void> => {
    child.signal("SIGKILL")
    await child.exited
    removeDirectory(folder)
    for (const index of units.keys()) removeDirectory(join(store, `lun${index + 1}.raw`))
  }
  return {
    pid: child.pid,
    port,
    targetName,
    url: (index) => `iscsi://127.0.0.1:${port}/${targetName}/${index + 1}`,
    stop,
    [Symbol.asyncDispose]: stop
  }
}
