/** REPORT LUNS (SPC-4 6.33): answered by every unit, by LUN 0 even without one, and by the well-known LUN C101h. */
import type { CommandDefinition } from "../CommandDefinition.ts"
import { encodeLun, reportLunsWellKnownLun } from "../lun.ts"
import { maxParameterLength, type ScsiTask } from "../ScsiTask.ts"
import type { SessionView } from "../SessionView.ts"

/** REPORT LUNS; also answered without a unit. */
export const reportLunsOpcode = 0xa0

/**
 * SELECT REPORT (SPC-5 table 195). Administrative and subsidiary units are of conglomerates, which there are none of:
 * so 10h and 12h give an empty list, and 11h is 00h.
 */
const SelectReport = {
  devices: 0x00,
  wellKnown: 0x01,
  all: 0x02,
  administrative: 0x10,
  notSubsidiary: 0x11,
  subsidiary: 0x12
} as const
const selectReports: ReadonlySet<number> = new Set(Object.values(SelectReport))
const withDevices: ReadonlySet<number> = new Set([SelectReport.devices, SelectReport.all, SelectReport.notSubsidiary])
const withWellKnown: ReadonlySet<number> = new Set([SelectReport.wellKnown, SelectReport.all])

const headerLength = 8
const entryLength = 8
const entriesMax = (maxParameterLength - headerLength) / entryLength
/** SPC-4 6.33: an allocation length below 16 can't hold one entry. */
const allocationLengthMin = 16

/** The LUNs that this session sees, ascending; the list length is the full one even where the data are cut. */
export const reportLuns = (task: ScsiTask, session: SessionView): void => {
  const { cdb } = task
  const select = cdb.readUInt8(2)
  const allocationLength = cdb.readUInt32BE(6)
  if (!selectReports.has(select)) {
    task.invalidField(2, 7)
    return
  }
  if (allocationLength < allocationLengthMin) {
    task.invalidField(6)
    return
  }
  const data = task.parameterData
  let end = headerLength
  if (withDevices.has(select)) {
    for (const lun of session.reportLuns().slice(0, entriesMax - 1)) {
      encodeLun(lun, data, end)
      end += entryLength
    }
  }
  if (withWellKnown.has(select)) {
    encodeLun(reportLunsWellKnownLun, data, end)
    end += entryLength
  }
  data.writeUInt32BE(end - headerLength, 0)
  data.writeUInt32BE(0, 4)
  session.lunInventoryReported()
  task.sendParameters(end, allocationLength)
}

/** REPORT LUNS. */
export const reportLunsCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "REPORT LUNS",
    opcode: reportLunsOpcode,
    usage: "a0 00 ff 000000 ffffffff 00 00",
    clause: "SPC-4 6.33",
    prepare: (task, _nexus, session) => reportLuns(task, session),
    reservation: "allowed",
    usesMedium: false,
    patient: true
  }
]
