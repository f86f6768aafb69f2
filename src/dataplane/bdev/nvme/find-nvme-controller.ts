/**
 * NVMe controllers as the kernel's driver shows them in sysfs: from a PCI address to the controller and its namespaces.
 *
 * ```
 * <sysfs>/bus/pci/devices/0000:01:00.0/driver -> ../../../bus/pci/drivers/nvme
 *                                     /nvme/nvme0/model, serial, firmware_rev, subsysnqn, state
 *                                     /nvme/nvme0/nvme0n1/nsid, wwid, nguid, uuid, size, ro, queue/logical_block_size
 * ```
 *
 * With native multipath the controller has `nvme0c0n1` in place of `nvme0n1`: a path without a device node. The disk is
 * `nvme0n1` then, in `<sysfs>/class/block`. The number at the end is the kernel's; the namespace id is in `nsid`.
 */
import { readlink, stat } from "node:fs/promises"
import { basename, join } from "node:path"
import type { SystemRoots } from "../BdevSpec.ts"
import { type BdevFailure, failure } from "../OpenedBdev.ts"
import { firstAttribute, listFolder, readAttribute, readNumber } from "./sysfs-text.ts"

/** Namespaces of a controller that are looked at. */
const namespacesMax = 1024
/** Sectors of `size`, whatever the block size. */
const sectorBytes = 512
/** Mass storage, non-volatile memory (PCI Code and ID Assignment). */
const nvmeClass = /^0x0108/iu

/** What a controller says of itself; empty where it says nothing. */
export interface NvmeControllerFacts {
  /** As `0x144d`. */
  readonly vendorId: string
  readonly modelNumber: string
  readonly serialNumber: string
  readonly firmwareRevision: string
  readonly subnqn: string
}

/** A namespace as it is now. */
export interface NvmeNamespaceFacts {
  readonly namespaceId: number
  /** Path of its block device. */
  readonly device: string
  readonly blockSize: number
  /** 0 for one that the kernel cannot use: formatted with metadata, or not ready. */
  readonly blockCount: number
  readonly readOnly: boolean
  readonly wwid?: string
  /** Its NGUID or else its UUID, dashed, in lower case. */
  readonly uuid?: string
}

/** A controller that is plugged in and the kernel's. */
export interface NvmeControllerSeen {
  readonly _tag: "NvmeControllerSeen"
  readonly facts: NvmeControllerFacts
  /** By namespace id, ascending. */
  readonly namespaces: ReadonlyArray<NvmeNamespaceFacts>
}

/** As sysfs writes it: nothing that leads elsewhere. */
const addressPattern = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/u

const userspaceDrivers: ReadonlySet<string> = new Set(["vfio-pci", "uio_pci_generic", "igb_uio"])

const driverProblem = (address: string, driver: string | undefined): BdevFailure | undefined => {
  if (driver === "nvme") return undefined
  if (driver === undefined) {
    const fix = `load it (modprobe nvme), or bind it: echo ${address} > /sys/bus/pci/drivers/nvme/bind`
    return failure("ENODEV", `the controller at ${address} has no driver, and lunlog uses the kernel's; ${fix}`)
  }
  if (userspaceDrivers.has(driver)) {
    const fix = `setup.sh reset, or echo ${address} to /sys/bus/pci/drivers/${driver}/unbind and then to .../nvme/bind`
    return failure("EBUSY", `the controller at ${address} is bound to ${driver}, as for SPDK; give it back: ${fix}`)
  }
  return failure("EBUSY", `the controller at ${address} is bound to ${driver}; only the kernel's driver nvme will do`)
}

const driverOf = async (folder: string): Promise<string | undefined> => {
  try {
    return basename(await readlink(join(folder, "driver")))
  } catch {
    return undefined
  }
}

const exists = async (path: string): Promise<boolean> => {
  try {
    await stat(path)
    return true
  } catch {
    return false
  }
}

const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u
const zeroUuid = /^[0-]+$/u

const uuidIn = async (folder: string, name: string): Promise<string | undefined> => {
  const text = (await readAttribute(join(folder, name)))?.toLowerCase()
  return text !== undefined && uuidPattern.test(text) && !zeroUuid.test(text) ? text : undefined
}

/** `nvme0n1`, or `nvme0c1n1` for a path to it. */
const entryPattern = /^nvme(?<subsystem>\d{1,6})(?:c\d{1,6})?n(?<instance>\d{1,9})$/u

const namespaceOf = async (
  roots: SystemRoots,
  controller: string,
  entry: string
): Promise<NvmeNamespaceFacts | undefined> => {
  const { instance, subsystem } = entryPattern.exec(entry)?.groups ?? {}
  const folder = join(controller, entry)
  const namespaceId = await readNumber(join(folder, "nsid"))
  if (namespaceId === undefined || namespaceId === 0) return undefined
  const disk = `nvme${subsystem}n${instance}`
  // A path has no queue of its own that is worth asking: the disk over all paths has.
  const block = entry === disk ? folder : join(roots.sysfs, "class", "block", disk)
  const blockSize = (await readNumber(join(block, "queue", "logical_block_size"))) ?? 0
  const sectors = (await readNumber(join(block, "size"))) ?? 0
  const wwid = await firstAttribute(folder, "wwid", "eui")
  const uuid = (await uuidIn(folder, "nguid")) ?? (await uuidIn(folder, "uuid"))
  return {
    namespaceId,
    device: join(roots.devices, disk),
    blockSize,
    blockCount: blockSize === 0 ? 0 : Math.floor((sectors * sectorBytes) / blockSize),
    readOnly: (await readNumber(join(block, "ro"))) === 1,
    ...(wwid === undefined ? {} : { wwid }),
    ...(uuid === undefined ? {} : { uuid })
  }
}

const factsOf = async (device: string, controller: string): Promise<NvmeControllerFacts> => ({
  vendorId: (await readAttribute(join(device, "vendor"), 10)) ?? "",
  modelNumber: (await readAttribute(join(controller, "model"), 40)) ?? "",
  serialNumber: (await readAttribute(join(controller, "serial"), 20)) ?? "",
  firmwareRevision: (await readAttribute(join(controller, "firmware_rev"), 8)) ?? "",
  subnqn: (await readAttribute(join(controller, "subsysnqn"), 223)) ?? ""
})

/**
 * The controller at a PCI address in sysfs' form, with each namespace once, or why there is none that can be used.
 * Never throws.
 */
export const findNvmeController = async (
  roots: SystemRoots,
  address: string
): Promise<NvmeControllerSeen | BdevFailure> => {
  const device = join(roots.sysfs, "bus", "pci", "devices", address)
  if (!addressPattern.test(address) || !(await exists(device))) {
    return failure("ENODEV", `there is no PCI device ${address}; lspci -D lists them`)
  }
  const kind = await readAttribute(join(device, "class"))
  if (kind !== undefined && !nvmeClass.test(kind)) {
    return failure("ENODEV", `the PCI device ${address} is no NVMe controller (its class is ${kind})`)
  }
  const problem = driverProblem(address, await driverOf(device))
  if (problem !== undefined) return problem
  const [name] = await listFolder(join(device, "nvme"), /^nvme\d{1,6}$/u)
  if (name === undefined) {
    return failure("ENODEV", `the kernel has no controller at ${address} yet, or could not start it; see dmesg`)
  }
  const controller = join(device, "nvme", name)
  const namespaces: Array<NvmeNamespaceFacts> = []
  for (const entry of (await listFolder(controller, entryPattern)).toSorted().slice(0, namespacesMax)) {
    const found = await namespaceOf(roots, controller, entry)
    const isFirst = found !== undefined && !namespaces.some((one) => one.namespaceId === found.namespaceId)
    if (isFirst) namespaces.push(found)
  }
  const facts = await factsOf(device, controller)
  return { _tag: "NvmeControllerSeen", facts, namespaces: namespaces.sort((a, b) => a.namespaceId - b.namespaceId) }
}
