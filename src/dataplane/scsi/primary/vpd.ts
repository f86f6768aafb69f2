/**
 * Vital product data (SPC-4 7.8, SBC-3 6.6): 00h supported pages, 80h serial number, 83h identification, 86h extended
 * INQUIRY, 87h mode page policy, B0h block limits, B1h characteristics, B2h provisioning. A unit is fully provisioned:
 * no page promises UNMAP or WRITE SAME.
 */
import type { Bdev } from "../../bdev/Bdev.ts"
import { writeCommandLimits, writeProvisioning } from "../block/block-limits.ts"
import type { LogicalUnit } from "../LogicalUnit.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import type { SessionView } from "../SessionView.ts"
import type { UnitIdentity } from "../unit-identity.ts"
import { thresholdExponent } from "./provisioning-resources.ts"
import { targetPortGroup } from "./target-port-groups.ts"

/** Longest transfer that goes in one piece over the wire: one burst (MaxBurstLength), in bytes. */
const optimalTransferBytes = 1024 * 1024

/** A page writes what follows the 4-byte header and gives its length; bytes it skips are zero. */
type PageWriter = (body: Buffer, unit: LogicalUnit, session: SessionView) => number

const serialNumber: PageWriter = (body, unit) => unit.identity.serial.copy(body)

/** Designator header and value (SPC-4 7.8.6.1); the end of what is written. */
const designator = (body: Buffer, at: number, codeSet: number, kind: number, value: Buffer): number => {
  body[at] = codeSet
  body[at + 1] = kind
  body[at + 3] = value.length
  value.copy(body, at + 4)
  return at + 4 + value.length
}

/** SCSI name string: UTF-8, NUL-terminated, padded to four bytes (SPC-4 7.8.6.11); iSCSI names are far below 255. */
const nameString = (text: string): Buffer => {
  const bytes = Buffer.from(text).subarray(0, 248)
  const value = Buffer.alloc((bytes.length + 4) & ~3)
  bytes.copy(value)
  return value
}

/** Designators of the logical unit itself: code set and association/type, as SPC-4 7.8.6 numbers them. */
const unitDesignators = (body: Buffer, identity: UnitIdentity): number => {
  const binary = 0x01
  const ascii = 0x02
  const end = designator(body, 0, binary, 0x03, identity.naa)
  return designator(body, end, ascii, 0x01, identity.t10)
}

/** Designators of the port and of the target device, which are also those of the well-known unit. */
const targetDesignators = (body: Buffer, at: number, session: SessionView): number => {
  // Protocol identifier 5h (iSCSI) with PIV; association 01b is the target port, 10b the target device.
  const relativePort = Buffer.alloc(4)
  relativePort.writeUInt16BE(session.relativeTargetPort, 2)
  let end = designator(body, at, 0x53, 0x98, nameString(session.targetPortName))
  end = designator(body, end, 0x51, 0x94, relativePort)
  const group = Buffer.alloc(4)
  group.writeUInt16BE(targetPortGroup, 2)
  end = designator(body, end, 0x51, 0x95, group)
  return designator(body, end, 0x53, 0xa8, nameString(session.targetName))
}

const deviceIdentification: PageWriter = (body, unit, session) =>
  targetDesignators(body, unitDesignators(body, unit.identity), session)

/**
 * SPC-4 7.8.7: all task attributes; LUICLR, as REPORT LUNS makes REPORTED LUNS DATA HAS CHANGED old news on all units;
 * V_SUP where there is a write cache. No protection information, priorities, or groups.
 */
const extendedInquiry: PageWriter = (body, unit) => {
  body[1] = 0x07
  body[2] = unit.bdev.writeCache ? 0x01 : 0x00
  body[3] = 0x01
  return 60
}

/** SPC-4 7.8.10: all mode pages and subpages are shared by all ports and initiators. */
const modePagePolicy: PageWriter = (body) => Buffer.from([0x3f, 0xff, 0x00, 0x00]).copy(body)

/** OPTIMAL TRANSFER LENGTH GRANULARITY in blocks: the IO boundary, or a physical block. */
const granularity = (bdev: Bdev): number =>
  Math.min(0xffff, bdev.optimalIoBoundary || Math.max(1, Math.floor(bdev.physicalBlockSize / bdev.blockSize)))

/** SBC-3 6.6.3; what is zero says that the command it limits is not there. */
const blockLimits: PageWriter = (body, unit) => {
  body.writeUInt16BE(granularity(unit.bdev), 2)
  body.writeUInt32BE(unit.maxTransferBlocks, 4)
  body.writeUInt32BE(Math.min(unit.maxTransferBlocks, Math.ceil(optimalTransferBytes / unit.bdev.blockSize)), 8)
  writeCommandLimits(body, unit)
  return 60
}

/** SBC-3 6.6.2: a medium that does not rotate. WABEREQ 01b: after SANITIZE BLOCK ERASE blocks can be read at once. */
const blockDeviceCharacteristics: PageWriter = (body) => {
  body.writeUInt16BE(0x0001, 0)
  body[3] = 0x40
  return 60
}

/** SBC-3 6.6.4: what LBPME in READ CAPACITY(16) stands for. */
const logicalBlockProvisioning: PageWriter = (body, unit) => {
  body[0] = thresholdExponent(unit.bdev)
  writeProvisioning(body, unit)
  return 4
}

const pages: ReadonlyMap<number, PageWriter> = new Map([
  [0x80, serialNumber],
  [0x83, deviceIdentification],
  [0x86, extendedInquiry],
  [0x87, modePagePolicy],
  [0xb0, blockLimits],
  [0xb1, blockDeviceCharacteristics],
  [0xb2, logicalBlockProvisioning]
])

/** Pages in ascending order, as SPC-4 7.8.14 wants them. */
const unitPages = Buffer.from([0x00, ...pages.keys()])
const wellKnownPages = Buffer.from([0x00, 0x83])
const onlyThisPage = Buffer.from([0x00])

const headerLength = 4
/** Byte 0 of a unit that answers at all: the peripheral qualifier is 000b. */
const isThere = (peripheral: number): boolean => peripheral >> 5 === 0

/** INQUIRY with EVPD=1. Without a unit: the well-known one (its target's designators) or none at all. */
export const vitalProductData = (
  task: ScsiTask,
  unit: LogicalUnit | undefined,
  peripheral: number,
  session: SessionView
): void => {
  const page = task.cdb.readUInt8(2)
  const data = task.parameterData
  const body = data.subarray(headerLength)
  data.fill(0)
  let length: number
  const write = pages.get(page)
  if (page === 0x00) {
    const supported = unit ? unitPages : isThere(peripheral) ? wellKnownPages : onlyThisPage
    length = supported.copy(body)
  } else if (unit && write) {
    length = write(body, unit, session)
  } else if (page === 0x83 && isThere(peripheral)) {
    length = targetDesignators(body, 0, session)
  } else {
    task.invalidField(2, 7)
    return
  }
  data[0] = peripheral
  data[1] = page
  data.writeUInt16BE(length, 2)
  task.sendParameters(headerLength + length, task.cdb.readUInt16BE(3))
}
