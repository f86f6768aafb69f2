/**
 * The mode pages of a disk (SPC-4 7.5, SBC-3 6.5): which there are, their default values, and which bits MODE SELECT
 * can change. Only what the unit really does is changeable, so that what a host reads back is what it has.
 */
import type { Bdev } from "../../bdev/Bdev.ts"
import { Resource } from "./provisioning-resources.ts"

/** One mode page. Bytes are counted from its start, header included. */
export interface ModePage {
  readonly name: string
  readonly code: number
  /** 0: page_0 format, with a header of 2 bytes. Otherwise sub_page format, with one of 4 (SPC-4 7.5.7). */
  readonly subpage: number
  /** Of the whole page. */
  readonly length: number
  /** Default values that are not zero, into a page that has its header and zeros. */
  readonly writeDefaults: (page: Buffer, bdev: Bdev) => void
  /** Bits that MODE SELECT can change, by byte. */
  readonly changeable: (bdev: Bdev) => ReadonlyMap<number, number>
  /** Whether a disk has it; absent: every disk has. */
  readonly isThere?: (bdev: Bdev) => boolean
}

/** Read-write error recovery: LBPERE, thresholds are reported. */
export const errorRecovery = { code: 0x01, provisioningByte: 7, provisioningBit: 0x80 } as const
/** Caching (SBC-3 6.5.5): WCE, a write may be answered before it is on the medium. */
export const caching = { code: 0x08, writeCacheByte: 2, writeCacheBit: 0x04 } as const
/** Control (SPC-4 7.5.8). */
export const control = {
  code: 0x0a,
  senseByte: 2,
  descriptorSenseBit: 0x04,
  protectByte: 4,
  softwareWriteProtectBit: 0x08,
  abortedByte: 5,
  taskAbortedStatusBit: 0x40
} as const

/** Logical block provisioning (SBC-3 6.5.9): 12 bytes after the header, then two threshold descriptors of 8 bytes. */
export const provisioning = {
  code: 0x1c,
  subpage: 0x02,
  firstDescriptor: 16,
  descriptorLength: 8,
  enabledBit: 0x80,
  /** THRESHOLD ARMING: the available resource decreases to the count, the used one increases to it. */
  armDecreasing: 0x00,
  armIncreasing: 0x01,
  resourceByte: 1,
  countByte: 4
} as const
/** What the descriptors are for, in their order. */
export const thresholdResources = [Resource.available, Resource.used] as const

const nothing: ReadonlyMap<number, number> = new Map()
const nothingChangeable = (): ReadonlyMap<number, number> => nothing
const provisioningReports = new Map([[errorRecovery.provisioningByte, errorRecovery.provisioningBit]])

const cacheBits = new Map([[caching.writeCacheByte, caching.writeCacheBit]])

const countsProvisioning = (bdev: Bdev): boolean => bdev.provisioning !== undefined

const writeThresholds = (page: Buffer): void => {
  thresholdResources.forEach((resource, index) => {
    const at = provisioning.firstDescriptor + index * provisioning.descriptorLength
    page[at] = resource === Resource.used ? provisioning.armIncreasing : provisioning.armDecreasing
    page[at + provisioning.resourceByte] = resource
  })
}

/** Of each descriptor: whether it is enabled, and the count. */
const thresholdBits: ReadonlyMap<number, number> = new Map(
  thresholdResources.flatMap((_, index): ReadonlyArray<readonly [number, number]> => {
    const at = provisioning.firstDescriptor + index * provisioning.descriptorLength
    const count = at + provisioning.countByte
    return [[at, provisioning.enabledBit], ...[0, 1, 2, 3].map((byte) => [count + byte, 0xff] as const)]
  })
)

const controlBits: ReadonlyMap<number, number> = new Map([
  [control.senseByte, control.descriptorSenseBit],
  [control.protectByte, control.softwareWriteProtectBit],
  [control.abortedByte, control.taskAbortedStatusBit]
])
const zeros = (): void => {}

/** Ascending by page and subpage, as 3Fh gives them. */
export const modePages: ReadonlyArray<ModePage> = [
  {
    // SBC-3 6.5.8: nothing is tried again, and nothing reported that was put right. LBPERE: thresholds are reported.
    name: "Read-write error recovery",
    code: errorRecovery.code,
    subpage: 0,
    length: 12,
    writeDefaults: zeros,
    changeable: (bdev) => (countsProvisioning(bdev) ? provisioningReports : nothing)
  },
  {
    // SPC-4 7.5.10: iSCSI has its own limits of bursts, which logins negotiate.
    name: "Disconnect-reconnect",
    code: 0x02,
    subpage: 0,
    length: 16,
    writeDefaults: zeros,
    changeable: nothingChangeable
  },
  {
    // WCE says the truth, so that hosts flush where it matters and only there. What is no cache can't become one.
    name: "Caching",
    code: caching.code,
    subpage: 0,
    length: 20,
    writeDefaults: (page, bdev) => {
      if (bdev.writeCache) page[caching.writeCacheByte] = caching.writeCacheBit
    },
    changeable: (bdev) => (bdev.writeCache ? cacheBits : nothing)
  },
  {
    // Queue algorithm modifier 1h: commands may be reordered. GLTSD: log parameters are not saved.
    name: "Control",
    code: control.code,
    subpage: 0,
    length: 12,
    writeDefaults: (page) => {
      page[control.senseByte] = 0x02
      page[3] = 0x10
    },
    changeable: () => controlBits
  },
  {
    // SPC-4 7.5.9: IALUAE, asymmetric access is implicit.
    name: "Control extension",
    code: control.code,
    subpage: 0x01,
    length: 32,
    writeDefaults: (page) => {
      page[4] = 0x01
    },
    changeable: nothingChangeable
  },
  {
    // SPC-4 7.5.13: no timer runs, the disk is always active.
    name: "Power condition",
    code: 0x1a,
    subpage: 0,
    length: 40,
    writeDefaults: zeros,
    changeable: nothingChangeable
  },
  {
    // SBC-3 6.5.8: DEXCPT, there are no exceptions to report.
    name: "Informational exceptions control",
    code: 0x1c,
    subpage: 0,
    length: 12,
    writeDefaults: (page) => {
      page[2] = 0x08
    },
    changeable: nothingChangeable
  },
  {
    name: "Logical block provisioning",
    code: provisioning.code,
    subpage: provisioning.subpage,
    length: provisioning.firstDescriptor + thresholdResources.length * provisioning.descriptorLength,
    writeDefaults: writeThresholds,
    changeable: () => thresholdBits,
    isThere: countsProvisioning
  }
]

/** The pages that a disk has. */
export const modePagesOf = (bdev: Bdev): ReadonlyArray<ModePage> =>
  modePages.filter(({ isThere }) => isThere === undefined || isThere(bdev))

/** Bytes of a page's header. */
export const modePageHeaderLength = (page: ModePage): number => (page.subpage === 0 ? 2 : 4)

/** Writes the header of a page: its code and length, with SPF for a subpage (SPC-4 7.5.7). */
export const writeModePageHeader = (page: ModePage, target: Buffer, at: number): void => {
  if (page.subpage === 0) {
    target[at] = page.code
    target[at + 1] = page.length - 2
    return
  }
  target[at] = 0x40 | page.code
  target[at + 1] = page.subpage
  target.writeUInt16BE(page.length - 4, at + 2)
}
