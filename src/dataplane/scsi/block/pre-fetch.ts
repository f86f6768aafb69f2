/**
 * PRE-FETCH(10) and (16) (SBC-3 5.8, 5.9): nothing is read ahead. CONDITION MET where the medium is memory already, and
 * GOOD where a cache that is not ours decides what it keeps.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { ScsiStatus } from "../scsi-status.ts"
import { blockFields, inRange } from "./block-range.ts"

const preFetch = (task: ScsiTask, { unit }: Nexus): void => {
  const { blocks, lba } = blockFields(task.cdb)
  if (!inRange(task, unit, lba, blocks)) return
  task.good()
  if (!unit.bdev.writeCache) task.status = ScsiStatus.conditionMet
}

const fetch = { prepare: preFetch, reservation: "read", usesMedium: true } as const

/** PRE-FETCH. */
export const preFetchCommands: ReadonlyArray<CommandDefinition> = [
  { name: "PRE-FETCH(10)", opcode: 0x34, usage: "34 02 ffffffff 00 ffff 00", clause: "SBC-3 5.8", ...fetch },
  { name: "PRE-FETCH(16)", opcode: 0x90, usage: "90 02 ffffffffffffffff ffffffff 00 00", clause: "SBC-3 5.9", ...fetch }
]
