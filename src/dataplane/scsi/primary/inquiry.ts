/** INQUIRY (SPC-4 6.6): standard data here, vital product data in `vpd.ts`. */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { LogicalUnit } from "../LogicalUnit.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import type { SessionView } from "../SessionView.ts"
import { vitalProductData } from "./vpd.ts"

/** INQUIRY; also answered without a unit. */
export const inquiryOpcode = 0x12

/** Byte 0 (SPC-4 6.6.2): a direct access block device that is there. */
const directAccessBlockDevice = 0x00
/** Byte 0: no unit can be at this LUN. Qualifier 011b, type 1Fh. */
export const noDevice = 0x7f
/** Byte 0: a well-known logical unit. */
export const wellKnownLogicalUnit = 0x1e

const standardLength = 96
/** What a LUN without a unit and the well-known unit answer: up to the revision. */
const shortLength = 36

/** SPC-4. */
const version = 0x06
/** HISUP (LUNs are numbered hierarchically) and response data format 2. */
const hierarchicalFormat2 = 0x12
/** RMB: the medium can be taken out. */
const removableMedium = 0x80
/** 3PC: EXTENDED COPY and RECEIVE COPY RESULTS are there. */
const thirdPartyCopy = 0x08
/** TPGS: implicit asymmetric access; see `target-port-groups.ts`. */
const implicitAccess = 0x10
/** MULTIP: the unit may be reached by several ports. */
const multiPort = 0x10
/** CMDQUE: full task management model. */
const commandQueuing = 0x02

/** SAM-5, iSCSI, SPC-4 and SBC-3, each without a version claimed (SPC-4 table 144). */
const versionDescriptors = [0x00a0, 0x0960, 0x0460, 0x04c0]

const evpdMask = 0x01
/** CMDDT, obsolete since SPC-3. */
const commandSupportDataMask = 0x02

/** ALLOCATION LENGTH of an INQUIRY CDB. */
const inquiryAllocationLength = (cdb: Buffer): number => cdb.readUInt16BE(3)

/** The first 8 bytes of standard INQUIRY data; zeros behind them up to `length`. */
const writeHead = (data: Buffer, peripheral: number, length: number): void => {
  data.fill(0, 0, length)
  data[0] = peripheral
  data[2] = version
  data[3] = hierarchicalFormat2
  data[4] = length - 5
}

/** False: the task has been ended, with a page of vital product data or because of its CDB. */
const asksStandardData = (
  task: ScsiTask,
  unit: LogicalUnit | undefined,
  peripheral: number,
  session: SessionView
): boolean => {
  const flags = task.cdb.readUInt8(1)
  if ((flags & commandSupportDataMask) !== 0) task.invalidField(1, 1)
  else if ((flags & evpdMask) !== 0) vitalProductData(task, unit, peripheral, session)
  else if (task.cdb.readUInt8(2) !== 0) task.invalidField(2, 7)
  else return true
  return false
}

/** INQUIRY of a mapped logical unit. */
export const inquiry = (task: ScsiTask, nexus: Nexus, session: SessionView): void => {
  if (!asksStandardData(task, nexus.unit, directAccessBlockDevice, session)) return
  const data = task.parameterData
  const { identity } = nexus.unit
  writeHead(data, directAccessBlockDevice, standardLength)
  if (nexus.unit.media.removable) data[1] = removableMedium
  data[5] = implicitAccess | thirdPartyCopy
  data[6] = multiPort
  data[7] = commandQueuing
  identity.vendor.copy(data, 8)
  identity.product.copy(data, 16)
  identity.revision.copy(data, 32)
  data.fill(0x20, 36, 56)
  versionDescriptors.forEach((descriptor, index) => {
    data.writeUInt16BE(descriptor, 58 + 2 * index)
  })
  task.sendParameters(standardLength, inquiryAllocationLength(task.cdb))
}

/** INQUIRY where there is no unit, or the well-known one: `peripheral` says which. */
export const inquiryWithoutUnit = (task: ScsiTask, peripheral: number, session: SessionView): void => {
  if (!asksStandardData(task, undefined, peripheral, session)) return
  const data = task.parameterData
  writeHead(data, peripheral, shortLength)
  data.fill(0x20, 8, shortLength)
  data.write("LUNLOG", 8, "latin1")
  task.sendParameters(shortLength, inquiryAllocationLength(task.cdb))
}

/** INQUIRY. */
export const inquiryCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "INQUIRY",
    opcode: inquiryOpcode,
    usage: "12 01 ff ff ff 00",
    clause: "SPC-4 6.6",
    prepare: inquiry,
    reservation: "allowed",
    usesMedium: false,
    patient: true
  }
]
