/**
 * NVMe controllers of this machine, as the kernel's driver has them: each is a name for a PCI address, and what its
 * namespaces are called: `Nvme0n1` is namespace 1 of the controller `Nvme0`. The name of a block device
 * (`/dev/nvme0n1`) is the kernel's and may be another after the next start; the address and the namespace's id are not.
 */
import { Schema } from "effect"
import { BDEV_NAME_LENGTH_MAX, Incarnation } from "../ids.ts"

/** Controllers in all. */
export const NVME_CONTROLLERS_MAX = 1024
/** Namespaces of a controller that are looked at. */
export const NVME_NAMESPACES_MAX = 1024
/** Highest namespace id: FFFFFFFFh stands for all of them (NVMe Base, section 3.2.1.2). */
export const NVME_NAMESPACE_ID_MAX = 0xffff_fffe
/** Addresses that are remembered as let go. */
export const NVME_SKIPPED_MAX = 1024
/** Characters: with `n` and the longest namespace id it is the name of a bdev. */
export const NVME_CONTROLLER_NAME_LENGTH_MAX = BDEV_NAME_LENGTH_MAX - 11

const namePattern = /^[^\p{C}\p{Z}:]+$/u

/** Printable, as names of bdevs are. */
export const NvmeControllerName = Schema.String.check(
  Schema.isPattern(namePattern),
  Schema.isMaxLength(NVME_CONTROLLER_NAME_LENGTH_MAX)
).pipe(Schema.brand("NvmeControllerName"))
export type NvmeControllerName = typeof NvmeControllerName.Type

/** Whether a text can be the name of a controller. */
export const isNvmeControllerName = Schema.is(NvmeControllerName)

/** What a controller says of itself, as sysfs shows it; `vendorId` is as in `0x144d`. Empty where it says nothing. */
export const NvmeControllerData = Schema.Struct({
  vendorId: Schema.String,
  modelNumber: Schema.String,
  serialNumber: Schema.String,
  firmwareRevision: Schema.String,
  /** NQN of its subsystem; empty if it has none. */
  subnqn: Schema.String
})
export type NvmeControllerData = typeof NvmeControllerData.Type

/** What was found of one namespace. */
export const NvmeNamespaceFound = Schema.Struct({
  namespaceId: Schema.Number,
  /** The block device that it is now, such as `/dev/nvme0n1`. */
  device: Schema.String,
  blockSize: Schema.Number,
  blockCount: Schema.Number,
  /** What identifies it wherever it is plugged in; absent if it has nothing of the kind. */
  wwid: Schema.optionalKey(Schema.String),
  /** Its NGUID or else its UUID, dashed. */
  uuid: Schema.optionalKey(Schema.String),
  controller: NvmeControllerData
})
export type NvmeNamespaceFound = typeof NvmeNamespaceFound.Type

/** A controller in the state. It is there until somebody lets it go, whether it is plugged in or not. */
export const NvmeController = Schema.Struct({
  name: NvmeControllerName,
  incarnation: Incarnation,
  /** PCI address, such as `0000:01:00.0`. */
  address: Schema.String,
  /** Only the namespaces that were asked for are disks; otherwise all are, also those that appear. */
  listed: Schema.Boolean,
  data: NvmeControllerData
})
export type NvmeController = typeof NvmeController.Type

/** Whether controllers that are plugged in become disks. */
export const NvmeHotplug = Schema.Struct({
  enable: Schema.Boolean,
  /** Microseconds from one look to the next. */
  periodMicros: Schema.Natural
})
export type NvmeHotplug = typeof NvmeHotplug.Type

/** SPDK's default: off, 0.1 s. */
export const defaultNvmeHotplug: NvmeHotplug = { enable: false, periodMicros: 100_000 }
/** SPDK's longest period; 0 is the default one. */
export const NVME_HOTPLUG_PERIOD_MAX = 10_000_000

/** What can happen to controllers. Their namespaces are bdevs. */
export const nvmeEvents = {
  NvmeControllerAttached: {
    name: NvmeControllerName,
    address: Schema.String,
    listed: Schema.Boolean,
    data: NvmeControllerData,
    /** N of a name `HotInNvme<N>`: the next one is higher. */
    autoNumber: Schema.optionalKey(Schema.Natural)
  },
  /** Let go by somebody: it is not attached by itself again. */
  NvmeControllerDetached: { name: NvmeControllerName, incarnation: Incarnation },
  NvmeHotplugSet: { hotplug: NvmeHotplug }
} as const

/** What can be asked of controllers. */
export const nvmeCommands = {
  AttachNvmeController: {
    name: Schema.String,
    address: Schema.String,
    listed: Schema.Boolean,
    data: NvmeControllerData,
    /** Ids of the namespaces that become disks. */
    namespaceIds: Schema.Array(Schema.Number),
    /** What they are: filled in from the lease. */
    found: Schema.optionalKey(Schema.Array(NvmeNamespaceFound))
  },
  /** Its disks drain. */
  DetachNvmeController: {
    name: Schema.String,
    /** Refused as not found if it is at another address. */
    address: Schema.optionalKey(Schema.String)
  },
  /** A fact: a controller that is known has this namespace now. */
  AttachNvmeNamespace: {
    controller: NvmeControllerName,
    incarnation: Incarnation,
    namespaceId: Schema.Number,
    /** What it is: filled in from the lease. */
    found: Schema.optionalKey(NvmeNamespaceFound)
  },
  SetNvmeHotplug: { enable: Schema.Boolean, periodMicros: Schema.optionalKey(Schema.Number) }
} as const

/** SPDK's name of a namespace's disk. */
export const nvmeBdevName = (controller: string, namespaceId: number): string => `${controller}n${namespaceId}`

/** Highest function, device, bus and domain. */
const addressLimits = [7, 31, 255, 0xffff_ffff] as const

const partOf = (text: string | undefined, max: number): number | undefined => {
  if (text === undefined) return 0
  const value = /^[0-9a-f]{1,8}$/iu.test(text) ? Number.parseInt(text, 16) : Number.NaN
  return value <= max ? value : undefined
}

const padded = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")

/**
 * A PCI address as sysfs writes it; undefined if it is none. As SPDK, it takes `0000:01:00.0` and `01:00.0`, also with
 * dots or colons all through, and bus and device alone (`1:0`).
 */
export const pciAddressOf = (text: string): string | undefined => {
  const given = text.split(/[:.]/u)
  if (given.length < 2 || given.length > 4) return undefined
  const backwards = (given.length === 2 ? [...given, "0"] : given).toReversed()
  const [fn, device, bus, domain] = addressLimits.map((max, index) => partOf(backwards[index], max))
  if (fn === undefined || device === undefined || bus === undefined || domain === undefined) return undefined
  return `${padded(domain, 4)}:${padded(bus, 2)}:${padded(device, 2)}.${fn}`
}
