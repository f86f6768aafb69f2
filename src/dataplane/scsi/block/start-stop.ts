/** START STOP UNIT (SBC-3 5.25). */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { ScsiStatus } from "../scsi-status.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"
import { flush } from "./synchronize-cache.ts"

const start = 0x01
const loadEject = 0x02
const noFlush = 0x04
const powerConditionMask = 0xf0

/** What is in a cache must reach the medium before it stops or goes, unless the initiator says otherwise. */
const stop = (task: ScsiTask, nexus: Nexus): void => {
  if ((task.cdb.readUInt8(4) & noFlush) !== 0) task.good()
  else flush(task, nexus, (task.cdb.readUInt8(1) & 0x01) !== 0)
}

/** The medium stays where it is while somebody prevents its removal: also outside. */
const prevented = (task: ScsiTask): void =>
  task.checkCondition(SenseKey.illegalRequest, SenseCode.mediumRemovalPrevented)

const load = (task: ScsiTask, nexus: Nexus): void => {
  const { unit } = nexus
  if (!unit.media.loaded && unit.media.locked) return prevented(task)
  unit.load(nexus)
  task.good()
}

const eject = (task: ScsiTask, nexus: Nexus): void => {
  const { unit } = nexus
  if (unit.media.locked) return prevented(task)
  if (!unit.media.loaded) return task.good()
  stop(task, nexus)
  if (task.status === ScsiStatus.good) unit.eject()
}

/**
 * Start and stop are taken and change nothing, because a disk that other initiators use does not stop for one. The same
 * goes for every power condition, with which LOEJ and START mean nothing. A stop flushes first, as it must. Only the
 * medium of a removable disk can be ejected.
 */
const startStopUnit = (task: ScsiTask, nexus: Nexus): void => {
  const { media } = nexus.unit
  const flags = task.cdb.readUInt8(4)
  if ((flags & powerConditionMask) !== 0) return task.good()
  if ((task.cdb.readUInt8(3) & 0x0f) !== 0) return task.invalidField(3, 3)
  if ((flags & loadEject) !== 0) {
    if (!media.removable) return task.invalidField(4, 1)
    return (flags & start) === 0 ? eject(task, nexus) : load(task, nexus)
  }
  if ((flags & start) === 0) return media.loaded ? stop(task, nexus) : task.good()
  if (media.loaded) task.good()
  else task.checkCondition(SenseKey.notReady, SenseCode.mediumNotPresent)
}

/** START STOP UNIT. */
export const startStopCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "START STOP UNIT",
    opcode: 0x1b,
    usage: "1b 01 00 0f f7 00",
    clause: "SBC-3 5.25",
    prepare: startStopUnit,
    reservation: "write",
    usesMedium: false
  }
]
