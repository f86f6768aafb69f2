/**
 * What the kernel says of a block device, from sysfs (Documentation/ABI/stable/sysfs-block of Linux). Its files are
 * input from outside: what is no number, or out of range, counts as not said.
 */
import type { FileOperations } from "./FileOperations.ts"

/** Where sysfs is mounted. */
export const defaultSysfsRoot = "/sys"

/** Of one block device, which may be a partition. */
export interface DeviceFacts {
  /** As `8:1`. */
  readonly number: string
  readonly byteLength: number
  /** Bytes: what IO has to be whole blocks of. */
  readonly logicalBlockSize: number
  /** Bytes: what it writes without reading first. */
  readonly physicalBlockSize: number
  readonly readOnly: boolean
  /** It has a motor. */
  readonly rotational: boolean
  /** Its medium can be taken out. */
  readonly removable: boolean
  /** It can make blocks zeros without being sent them. */
  readonly writesZeroes: boolean
  /** Bytes that it discards together; 0 if it discards nothing. */
  readonly discardGranularity: number
  /** What a loop device is made of. */
  readonly backingFile: string | undefined
}

/** Bytes of the sectors that sysfs counts in, whatever the device's blocks are. */
const sectorBytes = 512

/** Major and minor number, as Linux's 64-bit `dev_t` has them. */
export const deviceNumberOf = (rdev: bigint): string => {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}

/** Where its files are. */
const folderOf = (root: string, number: string): string => `${root}/dev/block/${number}`

type ReadText = FileOperations["readText"]

const textOf = (readText: ReadText, path: string): Promise<string | undefined> =>
  readText(path).then(
    (text) => text.trim(),
    () => undefined
  )

const numberFrom = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : undefined
}

const isBlockSize = (size: number | undefined): size is number =>
  size !== undefined && size >= sectorBytes && size <= 2 ** 20 && Number.isInteger(Math.log2(size))

/** Bytes that a device has now; undefined if sysfs does not say. */
export const deviceByteLength = async (
  readText: ReadText,
  root: string,
  number: string
): Promise<number | undefined> => {
  const sectors = numberFrom(await textOf(readText, `${folderOf(root, number)}/size`))
  const bytes = (sectors ?? Number.NaN) * sectorBytes
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** Undefined: sysfs does not have the device. Of a partition, most is its disk's. */
export const readDeviceFacts = async (
  readText: ReadText,
  root: string,
  number: string
): Promise<DeviceFacts | undefined> => {
  const folder = folderOf(root, number)
  const text = (name: string) => textOf(readText, `${folder}/${name}`)
  // The folder is a link to that of the partition, in that of its disk: this is resolved by the kernel, not as text.
  const isPartition = (await text("partition")) !== undefined
  const disk = isPartition ? "../" : ""
  const number_ = async (name: string) => numberFrom(await text(name))
  const byteLength = await deviceByteLength(readText, root, number)
  if (byteLength === undefined) return undefined
  const logical = await number_(`${disk}queue/logical_block_size`)
  const logicalBlockSize = isBlockSize(logical) ? logical : sectorBytes
  const physical = await number_(`${disk}queue/physical_block_size`)
  const isMultiple = isBlockSize(physical) && physical >= logicalBlockSize
  const backingFile = await text(`${disk}loop/backing_file`)
  return {
    number,
    byteLength,
    logicalBlockSize,
    physicalBlockSize: isMultiple ? physical : logicalBlockSize,
    readOnly: (await text("ro")) === "1",
    rotational: (await text(`${disk}queue/rotational`)) === "1",
    removable: (await text(`${disk}removable`)) === "1",
    writesZeroes: ((await number_(`${disk}queue/write_zeroes_max_bytes`)) ?? 0) > 0,
    discardGranularity: (await number_(`${disk}queue/discard_granularity`)) ?? 0,
    backingFile: backingFile === "" ? undefined : backingFile
  }
}

/** Where a device is mounted, in the eyes of this process (proc(5), mountinfo); undefined if it is not. */
export const mountPointOf = async (readText: ReadText, number: string): Promise<string | undefined> => {
  for (const line of ((await textOf(readText, "/proc/self/mountinfo")) ?? "").split("\n")) {
    const [, , device, , mountPoint] = line.split(" ")
    if (device === number) return mountPoint
  }
  return undefined
}
