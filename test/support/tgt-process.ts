/**
 * Debian's tgt as a child process with one target, or two: the peer that the benchmark compares with, and something to
 * develop the tests' own clients against. Needs neither root nor its system service.
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
  /** Of its file; default: the one that `startTgt` was told. */
  readonly folder?: string
  /** In a second target, which negotiates as much as lunlog does (`tunedParameters`). */
  readonly tuned?: boolean
}

/** A running tgtd whose LUNs start at 1; LUN 0 of each target is tgt's own controller. */
export interface TgtProcess extends AsyncDisposable {
  readonly pid: number
  readonly port: number
  readonly targetName: string
  /** `iscsi://...` of the unit at `index` (from 0). */
  readonly url: (index: number) => string
  readonly stop: () => Promise<void>
}

const targetName = "iqn.2001-04.org.example:tgt"
const tunedName = `${targetName}-tuned`
const readyMillis = 60_000

/** What makes tgt fast at large writes: large segments, data without being asked for, and several requests for more. */
const tunedParameters: Readonly<Record<string, string>> = {
  MaxRecvDataSegmentLength: "262144",
  MaxXmitDataSegmentLength: "262144",
  MaxBurstLength: "1048576",
  FirstBurstLength: "262144",
  MaxOutstandingR2T: "8",
  InitialR2T: "No",
  ImmediateData: "Yes"
}

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

const backingFile = (folder: string, index: number): string => join(folder, `lun${index + 1}.raw`)

const addUnit = async (admin: ReturnType<typeof administer>, unit: TgtUnit, index: number, folder: string) => {
  const tid = unit.tuned === true ? "2" : "1"
  const target = ["--mode", "logicalunit", "--op", "new", "--tid", tid, "--lun", String(index + 1)]
  if (unit.store === "null") {
    const size = `size=${Math.floor(unit.sizeBytes / (1024 * 1024))}m`
    await admin(...target, "--bstype", "null", "--backing-store", size)
    return
  }
  const path = backingFile(folder, index)
  writeFileSync(path, "")
  truncateSync(path, unit.sizeBytes)
  await admin(...target, "--bstype", "rdwr", "--backing-store", path)
}

const addTarget = async (admin: ReturnType<typeof administer>, tid: string, name: string): Promise<void> => {
  await admin("--mode", "target", "--op", "new", "--tid", tid, "-T", name)
  await admin("--mode", "target", "--op", "bind", "--tid", tid, "-I", "ALL")
}

const tune = async (admin: ReturnType<typeof administer>): Promise<void> => {
  await addTarget(admin, "2", tunedName)
  for (const [name, value] of Object.entries(tunedParameters)) {
    await admin("--mode", "target", "--op", "update", "--tid", "2", "--name", name, "--value", value)
  }
}

/** Starts tgtd on a free loopback port. `storeDirectory` holds the backing files: a tmpfs, for units in RAM. */
export const startTgt = async (units: ReadonlyArray<TgtUnit>, storeDirectory?: string): Promise<TgtProcess> => {
  const directory = makeDirectory("tgt")
  const store = storeDirectory ?? directory
  const socketPath = join(directory, "ipc")
  const port = await freePort()
  const child = await startChild({
    command: findTool("tgtd") ?? "tgtd",
    args: ["-f", "--iscsi", `portal=127.0.0.1:${port}`],
    environment: { TGT_IPC_SOCKET: socketPath }
  })
  const admin = administer(socketPath)
  await whenReady(child, admin)
  await addTarget(admin, "1", targetName)
  if (units.some(({ tuned }) => tuned === true)) await tune(admin)
  for (const [index, unit] of units.entries()) await addUnit(admin, unit, index, unit.folder ?? store)
  const stop = async (): Promise<void> => {
    child.signal("SIGKILL")
    await child.exited
    removeDirectory(directory)
    for (const [index, { folder }] of units.entries()) removeDirectory(backingFile(folder ?? store, index))
  }
  return {
    pid: child.pid,
    port,
    targetName,
    url: (index) => `iscsi://127.0.0.1:${port}/${units[index]?.tuned === true ? tunedName : targetName}/${index + 1}`,
    stop,
    [Symbol.asyncDispose]: stop
  }
}
