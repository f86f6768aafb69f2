/** What other targets make disks of, by its path: lunlog has regular files only. */
import { isAbsolute } from "node:path"

/** Why a path cannot be a disk here, as far as the path tells; undefined if it can. */
export const unusableFile = (path: string): string | undefined =>
  path.startsWith("/dev/") && !path.startsWith("/dev/shm/")
    ? `${path} is a device, and only regular files can be disks`
    : undefined

/** What to know of a path that stays as it is; undefined if there is nothing. */
export const pathRemark = (path: string): string | undefined =>
  isAbsolute(path) ? undefined : `${path} is a relative path, which lunlog takes from the folder of its configuration`
