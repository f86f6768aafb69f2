/**
 * REPORT SUPPORTED OPERATION CODES (SPC-4 6.35): which commands there are, and which bits of their CDBs count. Linux
 * asks it before it tries commands that old disks choke on, and libiscsi's tests before they judge DPO and FUA.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { ScsiTask } from "../ScsiTask.ts"

/** REPORTING OPTIONS (SPC-4 table 257). */
const ReportingOptions = { all: 0, opcode: 1, serviceAction: 2, either: 3 } as const

const timeoutsLength = 12
const noTimeouts: CommandDefinition["timeouts"] = [0, 0]

const usageOf = ({ usage }: CommandDefinition): Buffer => Buffer.from(usage.replaceAll(" ", ""), "hex")

/** Command timeouts descriptor (SPC-4 6.35.4); the end. */
const writeTimeouts = (data: Buffer, at: number, [nominal, recommended] = noTimeouts): number => {
  data.writeUInt16BE(timeoutsLength - 2, at)
  data.writeUInt32BE(nominal, at + 4)
  data.writeUInt32BE(recommended, at + 8)
  return at + timeoutsLength
}

/** All_commands parameter data (SPC-4 6.35.2); the end. */
const writeAll = (commands: ReadonlyArray<CommandDefinition>, data: Buffer, timeouts: boolean): number => {
  let end = 4
  for (const command of commands) {
    const { opcode, serviceAction } = command
    data[end] = opcode
    data.writeUInt16BE(serviceAction ?? 0, end + 2)
    data[end + 5] = (timeouts ? 0x02 : 0) | (serviceAction === undefined ? 0 : 0x01)
    data.writeUInt16BE(usageOf(command).length, end + 6)
    end += 8
    if (timeouts) end = writeTimeouts(data, end, command.timeouts)
  }
  data.writeUInt32BE(end - 4, 0)
  return end
}

/** One_command parameter data (SPC-4 6.35.3); the end. */
const writeOne = (data: Buffer, found: CommandDefinition | undefined, timeouts: boolean): number => {
  if (found === undefined) {
    data[1] = 0x01
    return 4
  }
  data[1] = (timeouts ? 0x80 : 0) | 0x03
  const usage = usageOf(found)
  data.writeUInt16BE(usage.length, 2)
  const end = 4 + usage.copy(data, 4)
  return timeouts ? writeTimeouts(data, end, found.timeouts) : end
}

/** The command, if it is there; whether its opcode has service actions decides if the question makes sense. */
const reportOne = (
  commands: ReadonlyArray<CommandDefinition>,
  task: ScsiTask,
  options: number,
  timeouts: boolean
): number | undefined => {
  const opcode = task.cdb.readUInt8(3)
  const action = task.cdb.readUInt16BE(4)
  const sameOpcode = commands.filter((entry) => entry.opcode === opcode)
  const hasActions = sameOpcode.some((entry) => entry.serviceAction !== undefined)
  if (options === ReportingOptions.opcode && hasActions) return undefined
  if (options === ReportingOptions.serviceAction && sameOpcode.length > 0 && !hasActions) return undefined
  return writeOne(
    task.parameterData,
    sameOpcode.find((entry) => !hasActions || entry.serviceAction === action),
    timeouts
  )
}

/** MAINTENANCE IN with service action 0Ch. */
const reportSupportedOpcodes = (commands: ReadonlyArray<CommandDefinition>, task: ScsiTask): void => {
  const flags = task.cdb.readUInt8(2)
  const timeouts = (flags & 0x80) !== 0
  const options = flags & 0x07
  if (options > ReportingOptions.either) {
    task.invalidField(2, 2)
    return
  }
  const data = task.parameterData
  data.fill(0)
  const all = options === ReportingOptions.all
  const end = all ? writeAll(commands, data, timeouts) : reportOne(commands, task, options, timeouts)
  if (end === undefined) {
    task.invalidField(2, 2)
    return
  }
  task.sendParameters(end, task.cdb.readUInt32BE(6))
}

/** REPORT SUPPORTED OPERATION CODES over what a unit has of the commands that `all` gives: the whole set. */
export const supportedOpcodesCommands = (
  all: () => ReadonlyArray<CommandDefinition>
): ReadonlyArray<CommandDefinition> => [
  {
    name: "REPORT SUPPORTED OPERATION CODES",
    opcode: 0xa3,
    serviceAction: 0x0c,
    usage: "a3 0c 87 ff ffff ffffffff 00 00",
    clause: "SPC-4 6.35",
    prepare: (task, { unit }) =>
      reportSupportedOpcodes(
        all().filter(({ offeredBy }) => offeredBy?.(unit) ?? true),
        task
      ),
    reservation: "allowed",
    usesMedium: false,
    whileSanitizing: true
  }
]
