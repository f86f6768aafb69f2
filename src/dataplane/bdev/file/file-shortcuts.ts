/**
 * What can be read and written at once, on the reactor's own thread, without a trip through libuv's pool, which costs
 * ten times as much as the operation. Nothing that may wait for a device or a server is among it: that would hold up
 * every connection of the reactor. Which file that is, is known by its file system:
 *
 * - Memory (tmpfs, ramfs) is the medium: reads and writes.
 * - What keeps its files in the page cache, and says whether it would have to wait for them (RWF_NOWAIT): what the
 *   cache holds is read. XFS can be written so, too; ext4 and devices can not, and Btrfs would nearly always wait.
 * - Of any other (NFS, FUSE, whatever is new) nothing.
 */
import * as fs from "node:fs"
import { constants } from "node:os"
import type { TakeWriteBatch } from "./kernel-aio.ts"
import { type SystemCalls, systemCalls, type TransferNow } from "./system-calls.ts"

/** Of one open file. What ends with a negative number may be repeated in the pool, where its reason is found. */
export interface FileShortcuts {
  /** Nothing of it is ever waited for: there is no device. */
  readonly inMemory: boolean
  readonly read: TransferNow | undefined
  readonly write: TransferNow | undefined
  /** Writes that wait in the pool, or may, can share a trip. */
  readonly takeWriteBatch: TakeWriteBatch | undefined
}

/** `f_type` of statfs(2), from linux/magic.h. */
const memoryFileSystems: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])
const xfs = 0x58465342
/** ext4 and what is read by its driver, XFS, Btrfs. */
const cachingFileSystems: ReadonlySet<number> = new Set([0xef53, xfs, 0x9123683e])

const { EIO, EOPNOTSUPP } = constants.errno

/** Results of a file that has no such operation: it need not be asked again. */
export const isUnsupported = (result: number): boolean => result === -EOPNOTSUPP

const orNegative =
  (transfer: (...args: Parameters<TransferNow>) => number): TransferNow =>
  (...args) => {
    try {
      return transfer(...args)
    } catch {
      return -EIO
    }
  }

const inMemory: FileShortcuts = {
  inMemory: true,
  read: orNegative(fs.readSync),
  write: orNegative(fs.writeSync),
  takeWriteBatch: undefined
}

const cached = (calls: SystemCalls | string, writes: boolean): FileShortcuts | undefined => {
  if (typeof calls === "string") return undefined
  const { readNow, takeWriteBatch, writeNow } = calls
  return { inMemory: false, read: readNow, write: writes ? writeNow : undefined, takeWriteBatch }
}

/** Those of an open file; undefined if it has none. Fails never: what cannot be found out has none. */
export const fileShortcuts = async (descriptor: number, isDevice: boolean): Promise<FileShortcuts | undefined> => {
  if (process.platform !== "linux") return undefined
  // A node of a device is in a file system of memory, which says nothing of the device.
  if (isDevice) return cached(systemCalls(), false)
  const { type } = await fs.promises.statfs(`/proc/self/fd/${descriptor}`).catch(() => ({ type: 0 }))
  if (memoryFileSystems.has(type)) return inMemory
  return cachingFileSystems.has(type) ? cached(systemCalls(), type === xfs) : undefined
}
