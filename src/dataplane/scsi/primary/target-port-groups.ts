/**
 * REPORT TARGET PORT GROUPS (SPC-4 6.37): implicit asymmetric access, with all ports of the target in one group that is
 * always active/optimized. SET TARGET PORT GROUPS is not there: there is no other state to set.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import type { SessionView } from "../SessionView.ts"

/** Number of the one group, which VPD page 83h also has. */
export const targetPortGroup = 1

/** PARAMETER DATA FORMAT (SPC-4 table 266). */
const lengthOnly = 0
const extended = 1
/** AO_SUP: active/optimized is the only state. */
const supportedStates = 0x01
const groupLength = 8
const portLength = 4
/** Ports of a group that can be told: the count is one byte. */
const portsMax = 255

const reportTargetPortGroups = (task: ScsiTask, _nexus: Nexus, session: SessionView): void => {
  const { cdb } = task
  const format = cdb.readUInt8(1) >> 5
  if (format !== lengthOnly && format !== extended) return task.invalidField(1, 7)
  const ports = session.targetPorts.slice(0, portsMax)
  const data = task.parameterData
  data.fill(0)
  let at = 4
  if (format === extended) {
    data[4] = 0x10
    at = 8
  }
  data[at + 1] = supportedStates
  data.writeUInt16BE(targetPortGroup, at + 2)
  data[at + 7] = ports.length
  at += groupLength
  for (const port of ports) {
    data.writeUInt16BE(port, at + 2)
    at += portLength
  }
  data.writeUInt32BE(at - 4, 0)
  task.sendParameters(at, cdb.readUInt32BE(6))
}

/** REPORT TARGET PORT GROUPS. */
export const targetPortGroupCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "REPORT TARGET PORT GROUPS",
    opcode: 0xa3,
    serviceAction: 0x0a,
    usage: "a3 ea 00000000 ffffffff 00 00",
    clause: "SPC-4 6.37",
    prepare: reportTargetPortGroups,
    reservation: "allowed",
    usesMedium: false
  }
]
