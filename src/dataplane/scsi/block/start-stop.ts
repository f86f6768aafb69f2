/** START STOP UNIT (SBC-3 5.24). */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { flush } from "./synchronize-cache.ts"

/**
 * Start and stop are taken and change nothing, because a disk that other initiators use does not stop for one. A stop
 * flushes first, as it must. Power conditions and ejecting are refused: there is neither.
 */
export const startStopUnit = (task: ScsiTask, nexus: Nexus): void => {
  const flags = task.cdb.readUInt8(4)
  if ((task.cdb.readUInt8(3) & 0x0f) !== 0) task.invalidField(3, 3)
  else if ((flags & 0xf0) !== 0) task.invalidField(4, 7)
  else if ((flags & 0x02) !== 0) task.invalidField(4, 1)
  else if ((flags & 0x05) === 0) flush(task, nexus, (task.cdb.readUInt8(1) & 0x01) !== 0)
  else task.good()
}

/** START STOP UNIT. */
export const startStopCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "START STOP UNIT",
    opcode: 0x1b,
    usage: "1b 01 00 0f f7 00",
    clause: "SBC-3 5.24",
    prepare: startStopUnit,
    reservation: "write",
    usesMedium: false
  }
]
