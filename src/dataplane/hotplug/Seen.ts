/** What is at a path now, as far as a look from outside tells. */
import * as fs from "node:fs"
import { join } from "node:path"
import { errorCode } from "../bdev/error-code.ts"
import { deviceByteLength, deviceNumberOf } from "../bdev/file/device-facts.ts"
import { nodeFiles } from "../bdev/file/FileOperations.ts"

/** What a look at a path came to. */
export type Seen =
  | {
      readonly _tag: "There"
      /** `file 2049:131` (device and inode) or `block 7:3` (major and minor): another one, another thing. */
      readonly identity: string
      readonly kind: "file" | "block" | "other"
      /** Of a block device the kernel's number of what is in it: another medium, another number. */
      readonly sequence?: string
      readonly byteLength: number
    }
  /** Nothing is there: no such name, or the device that the node stands for is gone. `code` is an errno name. */
  | { readonly _tag: "Absent"; readonly code: string }
  /** It cannot be said: the folder may not be searched, the file system returns errors. */
  | { readonly _tag: "Unclear"; readonly code: string }

/** Looks without opening anything, which could do something. Never fails. */
export type Look = (path: string) => Promise<Seen>

/** Names of a folder, sorted, at most `namesMax`; undefined if it cannot be read. */
export type List = (folder: string) => Promise<ReadonlyArray<string> | undefined>

/** Names of one folder that are looked at. */
export const namesMax = 4096

/** Nothing is there, or nothing any more. */
const absentCodes: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ENODEV", "ENXIO"])

const failed = (error: unknown): Seen => {
  const code = errorCode(error)
  return absentCodes.has(code) ? { _tag: "Absent", code } : { _tag: "Unclear", code }
}

/** The kernel removes the folder of a device that is unplugged, also while it is open. */
const seenDevice = async (number: string, sysfsRoot: string): Promise<Seen> => {
  const byteLength = await deviceByteLength(nodeFiles.readText, sysfsRoot, number)
  if (byteLength === undefined) return { _tag: "Absent", code: "ENODEV" }
  const sequence = await nodeFiles.readText(join(sysfsRoot, "dev", "block", number, "diskseq")).catch(() => "")
  const medium = sequence === "" ? {} : { sequence: sequence.trim() }
  return { _tag: "There", identity: `block ${number}`, kind: "block", ...medium, byteLength }
}

/** By `stat`, which follows symbolic links, and for block devices by sysfs. */
export const lookWithin =
  (sysfsRoot: string): Look =>
  async (path) => {
    try {
      const stat = await fs.promises.stat(path, { bigint: true })
      if (stat.isBlockDevice()) return await seenDevice(deviceNumberOf(stat.rdev), sysfsRoot)
      const kind = stat.isFile() ? "file" : "other"
      return { _tag: "There", identity: `file ${stat.dev}:${stat.ino}`, kind, byteLength: Number(stat.size) }
    } catch (error) {
      return failed(error)
    }
  }

/** By reading the folder. */
export const listFolder: List = async (folder) => {
  try {
    const names: Array<string> = []
    for await (const { name } of await fs.promises.opendir(folder)) {
      if (names.length === namesMax) break
      names.push(name)
    }
    return names.sort()
  } catch {
    return undefined
  }
}
