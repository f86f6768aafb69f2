/**
 * MODE SELECT(6) and (10) (SPC-4 6.11, 6.12): changes current values, for every initiator. The others are told
 * (6/2A/01). Nothing is saved. A write cache is flushed before it is switched off (SBC-3 6.5.5): what was answered by
 * then is on the medium, or the cache stays on.
 */

import { endGood, flushThen } from "../block/medium-steps.ts"
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { OperationRun, ScsiOperation } from "../ScsiOperation.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"
import type { ModePageChange } from "./ModeValues.ts"
import { caching } from "./mode-pages.ts"
import { readModeSelect } from "./mode-select-list.ts"

const switchesCacheOff = ({ unit }: Nexus, changes: ReadonlyArray<ModePageChange>): boolean =>
  unit.bdev.writeCache &&
  changes.some(
    ({ bytes, page }) =>
      page.code === caching.code && ((bytes[caching.writeCacheByte] ?? 0) & caching.writeCacheBit) === 0
  )

/** Nothing else is under way at the medium meanwhile. */
const changeFlushed = (run: OperationRun, changes: ReadonlyArray<ModePageChange>): void => {
  const { nexus, task } = run
  if (nexus.takeLostWrites()) {
    task.checkCondition(SenseKey.mediumError, SenseCode.writeError)
    return run.end()
  }
  flushThen(run, () => {
    nexus.unit.changeModes(changes, nexus)
    endGood(run)
  })
}

const select = (run: OperationRun, headerLength: 4 | 8): void => {
  const { data, dataLength, nexus, task } = run
  const result =
    dataLength < task.dataOutLength
      ? { code: SenseCode.parameterListLengthError, byte: -1, bit: -1 }
      : readModeSelect(data.subarray(0, dataLength), headerLength, nexus.unit)
  if ("changes" in result) {
    if (switchesCacheOff(nexus, result.changes)) return changeFlushed(run, result.changes)
    task.good()
    if (result.changes.length > 0) nexus.unit.changeModes(result.changes, nexus)
  } else if (result.byte < 0) {
    task.checkCondition(SenseKey.illegalRequest, result.code)
  } else {
    task.invalidParameter(result.byte, result.bit)
  }
  run.end()
}

const select6: ScsiOperation = { use: "atomic", begin: (run) => select(run, 4) }
const select10: ScsiOperation = { use: "atomic", begin: (run) => select(run, 8) }

/** What the CDB alone decides. */
const prepareSelect = (task: ScsiTask, { unit }: Nexus, operation: ScsiOperation, listLength: number): void => {
  const flags = task.cdb.readUInt8(1)
  // SP: there is nowhere to save to. RTD asks for the defaults, which a reset gives.
  if ((flags & 0x01) !== 0) return task.invalidField(1, 0)
  if ((flags & 0x02) !== 0) return task.invalidField(1, 1)
  // A list of nothing is no error (SPC-4 6.11).
  if (listLength === 0) return task.good()
  if ((flags & 0x10) === 0) return task.invalidField(1, 4)
  // What is being written while a cache is switched off would be answered as if it were on the medium.
  const { blockCount, blockSize, writeCache } = unit.bdev
  task.operate(operation, listLength, 0, writeCache ? blockCount * blockSize : 0)
}

const modeSelect6 = (task: ScsiTask, nexus: Nexus): void => prepareSelect(task, nexus, select6, task.cdb.readUInt8(4))

const modeSelect10 = (task: ScsiTask, nexus: Nexus): void =>
  prepareSelect(task, nexus, select10, task.cdb.readUInt16BE(7))

/** MODE SELECT. */
export const modeSelectCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "MODE SELECT(6)",
    opcode: 0x15,
    usage: "15 10 00 00 ff 00",
    clause: "SPC-4 6.11",
    prepare: modeSelect6,
    reservation: "write",
    usesMedium: false
  },
  {
    name: "MODE SELECT(10)",
    opcode: 0x55,
    usage: "55 10 0000000000 ffff 00",
    clause: "SPC-4 6.12",
    prepare: modeSelect10,
    reservation: "write",
    usesMedium: false
  }
]
