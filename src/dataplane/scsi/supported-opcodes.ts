/**
 * REPORT SUPPORTED OPERATION CODES (SPC-4 6.35): which commands there are, and which bits of their CDBs count. Linux
 * asks it before it tries commands that old disks choke on, and libiscsi's tests before they judge DPO and FUA.
 */
import { MaintenanceIn, ServiceActionIn16 } from "./opcodes.ts"
import type { ScsiTask } from "./ScsiTask.ts"

/** A command that `prepare` does. */
interface SupportedCommand {
  readonly opcode: number
  readonly serviceAction: number | undefined
  /** CDB USAGE DATA: opcode and service action themselves, then a one for every bit that is looked at. */
  readonly usage: Buffer
}

const command = (usage: string, serviceAction?: number): SupportedCommand => {
  const bytes = Buffer.from(usage.replaceAll(" ", ""), "hex")
  return { opcode: bytes.readUInt8(0), serviceAction, usage: bytes }
}

/** Ascending by opcode. */
const commands: ReadonlyArray<SupportedCommand> = [
  command("00 00 00 00 00 00"),
  command("03 01 00 00 ff 00"),
  command("08 1f ff ff ff 00"),
  command("0a 1f ff ff ff 00"),
  command("12 01 ff ff ff 00"),
  command("1a 08 ff ff ff 00"),
  command("1b 01 00 0f f7 00"),
  command("25 00 ffffffff 0000 01 00"),
  command("28 18 ffffffff 00 ffff 00"),
  command("2a 18 ffffffff 00 ffff 00"),
  command("35 02 ffffffff 00 ffff 00"),
  command("5a 18 ff ff 000000 ffff 00"),
  command("88 18 ffffffffffffffff ffffffff 00 00"),
  command("8a 18 ffffffffffffffff ffffffff 00 00"),
  command("91 02 ffffffffffffffff ffffffff 00 00"),
  command("9e 10 0000000000000000 ffffffff 00 00", ServiceActionIn16.readCapacity16),
  command("a0 00 ff 000000 ffffffff 00 00"),
  command("a3 0c 87 ff ffff ffffffff 00 00", MaintenanceIn.reportSupportedOperationCodes),
  command("a8 18 ffffffff ffffffff 00 00"),
  command("aa 18 ffffffff ffffffff 00 00")
]

/** Opcodes that have an entry, for the test that compares this table with what `prepare` does. */
export const supportedOpcodes: ReadonlySet<number> = new Set(commands.map(({ opcode }) => opcode))

/** REPORTING OPTIONS (SPC-4 table 257). */
const ReportingOptions = { all: 0, opcode: 1, serviceAction: 2, either: 3 } as const

const timeoutsLength = 12

/** Command timeouts descriptor (SPC-4 6.35.4) that indicates none; the end. */
const writeTimeouts = (data: Buffer, at: number): number => {
  data.writeUInt16BE(timeoutsLength - 2, at)
  return at + timeoutsLength
}

/** All_commands parameter data (SPC-4 6.35.2); the end. */
const writeAll = (data: Buffer, timeouts: boolean): number => {
  let end = 4
  for (const { opcode, serviceAction, usage } of commands) {
    data[end] = opcode
    data.writeUInt16BE(serviceAction ?? 0, end + 2)
    data[end + 5] = (timeouts ? 0x02 : 0) | (serviceAction === undefined ? 0 : 0x01)
    data.writeUInt16BE(usage.length, end + 6)
    end += 8
    if (timeouts) end = writeTimeouts(data, end)
  }
  data.writeUInt32BE(end - 4, 0)
  return end
}

/** One_command parameter data (SPC-4 6.35.3); the end. */
const writeOne = (data: Buffer, found: SupportedCommand | undefined, timeouts: boolean): number => {
  if (found === undefined) {
    data[1] = 0x01
    return 4
  }
  data[1] = (timeouts ? 0x80 : 0) | 0x03
  data.writeUInt16BE(found.usage.length, 2)
  const end = 4 + found.usage.copy(data, 4)
  return timeouts ? writeTimeouts(data, end) : end
}

/** The command, if it is there; whether its opcode has service actions decides if the question makes sense. */
const reportOne = (task: ScsiTask, options: number, data: Buffer, timeouts: boolean): number | undefined => {
  const opcode = task.cdb.readUInt8(3)
  const action = task.cdb.readUInt16BE(4)
  const sameOpcode = commands.filter((entry) => entry.opcode === opcode)
  const hasActions = sameOpcode.some((entry) => entry.serviceAction !== undefined)
  if (options === ReportingOptions.opcode && hasActions) return undefined
  if (options === ReportingOptions.serviceAction && sameOpcode.length > 0 && !hasActions) return undefined
  return writeOne(
    data,
    sameOpcode.find((entry) => !hasActions || entry.serviceAction === action),
    timeouts
  )
}

/** MAINTENANCE IN with service action 0Ch. */
export const reportSupportedOpcodes = (task: ScsiTask): void => {
  const flags = task.cdb.readUInt8(2)
  const timeouts = (flags & 0x80) !== 0
  const options = flags & 0x07
  if (options > ReportingOptions.either) {
    task.invalidField(2, 2)
    return
  }
  const data = task.parameterData
  data.fill(0)
  const end = options === ReportingOptions.all ? writeAll(data, timeouts) : reportOne(task, options, data, timeouts)
  if (end === undefined) {
    task.invalidField(2, 2)
    return
  }
  task.sendParameters(end, task.cdb.readUInt32BE(6))
}
