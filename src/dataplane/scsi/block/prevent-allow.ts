/** PREVENT ALLOW MEDIUM REMOVAL (SBC-3 5.10): while any initiator prevents it, nobody can eject the medium. */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"

/** On a disk whose medium cannot be taken out it changes nothing. */
const preventAllowMediumRemoval = (task: ScsiTask, nexus: Nexus): void => {
  const prevent = task.cdb.readUInt8(4) & 0x03
  // 10b and 11b were for media changers.
  if (prevent > 1) return task.invalidField(4, 1)
  const { media } = nexus.unit
  if (prevent === 1) media.prevent(nexus)
  else media.allow(nexus)
  task.good()
}

/** PREVENT ALLOW MEDIUM REMOVAL. */
export const preventAllowCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "PREVENT ALLOW MEDIUM REMOVAL",
    opcode: 0x1e,
    usage: "1e 00 00 00 03 00",
    clause: "SBC-3 5.10",
    prepare: preventAllowMediumRemoval,
    reservation: "write",
    usesMedium: false
  }
]
