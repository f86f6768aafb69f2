/** SYNCHRONIZE CACHE(10) and (16) (SBC-3 5.26, 5.27). */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import { ScsiAction, type ScsiTask } from "../ScsiTask.ts"
import { ScsiStatus } from "../scsi-status.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"
import { inRange, lba16 } from "./block-range.ts"

/** Fails once when a sync has failed that another initiator was told of: this one's writes may be lost with it. */
export const flush = (task: ScsiTask, nexus: Nexus, immediate: boolean): void => {
  if (nexus.takeLostWrites()) {
    task.checkCondition(SenseKey.mediumError, SenseCode.writeError)
    return
  }
  task.action = ScsiAction.flush
  task.status = ScsiStatus.good
  task.immediate = immediate
}

/** The whole cache is flushed whatever the range is, which SBC-3 5.26 allows; the range must still exist. */
const synchronizeCache10 = (task: ScsiTask, nexus: Nexus): void => {
  const { cdb } = task
  if (!inRange(task, nexus.unit, cdb.readUInt32BE(2), cdb.readUInt16BE(7))) return
  flush(task, nexus, (cdb.readUInt8(1) & 0x02) !== 0)
}

/** As SYNCHRONIZE CACHE(10), with a 64-bit LBA. */
const synchronizeCache16 = (task: ScsiTask, nexus: Nexus): void => {
  const { cdb } = task
  if (!inRange(task, nexus.unit, lba16(cdb), cdb.readUInt32BE(10))) return
  flush(task, nexus, (cdb.readUInt8(1) & 0x02) !== 0)
}

/** SYNCHRONIZE CACHE. */
export const synchronizeCacheCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "SYNCHRONIZE CACHE(10)",
    opcode: 0x35,
    usage: "35 02 ffffffff 00 ffff 00",
    clause: "SBC-3 5.26",
    prepare: synchronizeCache10,
    reservation: "write",
    usesMedium: true
  },
  {
    name: "SYNCHRONIZE CACHE(16)",
    opcode: 0x91,
    usage: "91 02 ffffffffffffffff ffffffff 00 00",
    clause: "SBC-3 5.27",
    prepare: synchronizeCache16,
    reservation: "write",
    usesMedium: true
  }
]
