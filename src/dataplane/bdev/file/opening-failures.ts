/** Why a file or device cannot be a disk, in words for people: what is wrong, and what to do. */
import type { AioSpec } from "../BdevSpec.ts"
import { type BdevFailure, failure } from "../OpenedBdev.ts"
import type { DeviceFacts } from "./device-facts.ts"
import type { FileStat } from "./FileOperations.ts"
import type { Writer } from "./OpenFiles.ts"

const explanations: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file; create it first (truncate -s 64M FILE makes an empty one), or say create and a size",
  ENOTDIR: "a part of its path is no directory",
  EACCES: "the target's user may not open it; change its owner or mode, or use it read-only",
  EPERM: "the target's user may not open it; change its owner or mode, or use it read-only",
  EROFS: "its file system is read-only; use it read-only",
  EISDIR: "it is a directory; use a regular file",
  ELOOP: "its symbolic links lead in a circle",
  ENAMETOOLONG: "a part of its path is too long",
  EMFILE: "the target has as many files open as it may (ulimit -n); raise that",
  ENXIO: "there is no device behind it",
  ENOMEDIUM: "there is no medium in it"
}

/** Opening it has failed with this errno name. */
export const unopenable = ({ direct, filename }: AioSpec, code: string): BdevFailure => {
  const why =
    direct === true && code === "EINVAL"
      ? "its file system cannot do without the page cache (O_DIRECT); leave direct out"
      : (explanations[code] ?? code)
  return failure(code, `${filename} cannot be opened: ${why}`)
}

/** What is no regular file and no block device. */
export const wrongKind = ({ filename, nowait, wholeBlocks }: AioSpec, kind: FileStat): BdevFailure | undefined => {
  if (kind.isDirectory()) return failure("EISDIR", `${filename} is a directory; use a regular file or a block device`)
  if (!kind.isFile() && !kind.isBlockDevice()) {
    return failure("EOPNOTSUPP", `${filename} is no regular file and no block device; only those can be disks here`)
  }
  // A fork has a file in place of its source's device.
  if (!kind.isFile() || nowait !== true || !wholeBlocks) return undefined
  return failure("EOPNOTSUPP", `${filename} is a regular file, and only block devices have nowait; leave it out`)
}

/** sysfs says nothing of a device. */
export const unknownDevice = ({ filename }: AioSpec, sysfsRoot: string): BdevFailure =>
  failure("ENODEV", `${filename} is a block device that ${sysfsRoot} does not have: it is gone, or that is no sysfs`)

/** What a device, or a file, does not allow. */
export const wrongSettings = (spec: AioSpec, facts: DeviceFacts | undefined): BdevFailure | undefined => {
  const { blockSize, filename, readOnly } = spec
  if (facts === undefined) {
    if (blockSize !== 0) return undefined
    return failure("EINVAL", `${filename} is a file, and has no block size of its own: give it one, as 512`)
  }
  if (facts.readOnly && !readOnly) return failure("EROFS", `${filename} is a read-only device; use it read-only`)
  const least = facts.logicalBlockSize
  if (blockSize === 0 || blockSize >= least) return undefined
  return failure("EINVAL", `${filename} has blocks of ${least} bytes, and not of ${blockSize}; use ${least}, or none`)
}

/** `truncate -s %SIZE` leaves an empty file empty. */
export const wrongSize = (filename: string, blockSize: number, size: number, isDevice: boolean): BdevFailure => {
  const larger = size === 0 ? "truncate -s 64M FILE makes it larger" : `truncate -s %${blockSize} FILE rounds it up`
  const one = `use one whose size is a multiple of that (${larger})`
  const advice = isDevice ? "use smaller blocks, or a device that has any" : one
  return failure("EINVAL", `${filename} has ${size} bytes, no whole blocks of ${blockSize} bytes; ${advice}`)
}

/** Another disk writes to it. */
export const inUse = ({ filename }: AioSpec, { closing, name }: Writer): BdevFailure => {
  const why = closing
    ? `bdev ${name}, which was deleted, still has operations on it that hang`
    : `bdev ${name} writes to it; use it read-only, or through that bdev`
  return failure("EBUSY", `${filename} is in use: ${why}`)
}

/** The kernel has given the device to somebody else. `mountPoint` if it is mounted. */
export const heldDevice = ({ filename }: AioSpec, mountPoint: string | undefined): BdevFailure => {
  const why =
    mountPoint === undefined
      ? "it, or a partition of it, is mounted, is swap, or belongs to a volume or another program; free it"
      : `it is mounted at ${mountPoint}; unmount it`
  return failure("EBUSY", `${filename} is in use: ${why}, or use it read-only`)
}

/** Holes were asked for, and cannot be had; `reason` if system calls cannot. */
export const unpunchable = ({ filename }: AioSpec, reason: string | undefined): BdevFailure => {
  const why =
    reason === undefined ? "its file system or device has no holes to punch" : `holes need libc's calls: ${reason}`
  return failure("EOPNOTSUPP", `${filename} cannot give back what is unmapped: ${why}; leave fallocate out`)
}

/** O_DIRECT was asked for, and does not take blocks as small as these. */
export const undirectable = ({ filename }: AioSpec, blockSize: number, code: string): BdevFailure =>
  failure(
    code,
    `${filename} cannot be read in blocks of ${blockSize} bytes without the page cache (${code}); ` +
      "use larger ones, as 4096, or leave direct out"
  )

/** There is one already. */
export const existsAlready = (filename: string): BdevFailure =>
  failure("EEXIST", `${filename} exists already, and is not made anew; leave create out to use it as it is`)

/** There is one already, which is not what was meant. */
export const tooShort = (filename: string, bytes: number, wanted: number): BdevFailure => {
  const advice = `make it longer (truncate -s ${wanted} FILE), or say its own size`
  return failure("EEXIST", `${filename} exists already, with ${bytes} bytes and not ${wanted}; ${advice}`)
}

/** It could not be made. */
export const uncreatable = (filename: string, code: string, byteLength: number): BdevFailure => {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "its folder does not exist; make that first",
    EFBIG: `no file there may have ${byteLength} bytes`,
    ENOSPC: "there is no room for it"
  }
  return failure(code, `${filename} cannot be created: ${reasons[code] ?? explanations[code] ?? code}`)
}
