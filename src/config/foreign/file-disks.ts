/** What other targets make disks of, by its path. */
import { isAbsolute } from "node:path"
import { deviceFolder } from "../native/commands.ts"

/** The block size as a section has it: left out where that means the same. */
export const fileBlockSize = (
  path: string,
  blockSize: number | "device"
): { readonly blockSize?: number | "device" } =>
  blockSize === (path.startsWith(deviceFolder) ? "device" : 512) ? {} : { blockSize }

/** What to know of a path that stays as it is; undefined if there is nothing. */
export const pathRemark = (path: string): string | undefined =>
  isAbsolute(path) ? undefined : `${path} is a relative path, which lunlog takes from the folder of its configuration`
