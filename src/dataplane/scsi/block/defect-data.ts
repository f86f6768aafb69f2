/** READ DEFECT DATA(10) and (12) (SBC-3 5.17, 5.18): there are no defects, in whatever format they are asked for. */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { ScsiTask } from "../ScsiTask.ts"

/** REQ_PLIST, REQ_GLIST and DEFECT LIST FORMAT; PLISTV, GLISTV and the format of the answer are in the same bits. */
const listMask = 0x1f

/** Header of 4 bytes: reserved, flags, length of the list (2). */
const readDefectData10 = (task: ScsiTask): void => {
  const data = task.parameterData
  data.fill(0, 0, 4)
  data[1] = task.cdb.readUInt8(2) & listMask
  task.sendParameters(4, task.cdb.readUInt16BE(7))
}

/** Header of 8 bytes: reserved, flags, generation (2), length of the list (4). */
const readDefectData12 = (task: ScsiTask): void => {
  const data = task.parameterData
  data.fill(0, 0, 8)
  data[1] = task.cdb.readUInt8(1) & listMask
  task.sendParameters(8, task.cdb.readUInt32BE(6))
}

/** READ DEFECT DATA. */
export const defectDataCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "READ DEFECT DATA(10)",
    opcode: 0x37,
    usage: "37 00 1f 00000000 ffff 00",
    clause: "SBC-3 5.17",
    prepare: readDefectData10,
    reservation: "read",
    usesMedium: true
  },
  {
    name: "READ DEFECT DATA(12)",
    opcode: 0xb7,
    usage: "b7 1f ffffffff ffffffff 00 00",
    clause: "SBC-3 5.18",
    prepare: readDefectData12,
    reservation: "read",
    usesMedium: true
  }
]
