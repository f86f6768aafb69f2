/**
 * WRITE ATOMIC(16) (SBC-4 5.45): all blocks or none, also when the connection is cut, since they are written when the
 * last has come and no other command sees them in between. Not every unit has it (`atomicBlocks`).
 */
import { IoKind } from "../../bdev/statistics/IoCounts.ts"
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiOperation } from "../ScsiOperation.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { atomicBlocks } from "./block-limits.ts"
import { fuaMask, inRange, lba16, mayWrite, offered, unprotected } from "./block-range.ts"
import { endGood, endWrongLength, takeSteps, writesThrough } from "./medium-steps.ts"

const boundaryByte = 10
const lengthByte = 12

const writeAtomicOperation: ScsiOperation = {
  use: "atomic",
  counts: IoKind.write,
  begin: (run) => {
    const { byteLength, byteOffset } = run.task
    // A part of it would not be atomic.
    if (run.dataLength < byteLength) return endWrongLength(run, lengthByte)
    takeSteps(
      run,
      {
        byteOffset,
        byteLength,
        stepBytes: byteLength,
        isWhole: true,
        reading: false,
        submit: (bdev, at, length, io) => bdev.write(at, run.data, 0, length, writesThrough(run), io)
      },
      () => endGood(run)
    )
  }
}

const writeAtomic16 = (task: ScsiTask, nexus: Nexus): void => {
  const { unit } = nexus
  const { blockSize } = unit.bdev
  const lba = lba16(task.cdb)
  const blocks = task.cdb.readUInt16BE(lengthByte)
  if (!offered(task, atomicBlocks(unit) > 0)) return
  if (!unprotected(task)) return
  if (!inRange(task, unit, lba, blocks)) return
  if (task.cdb.readUInt16BE(boundaryByte) !== 0) return task.invalidField(boundaryByte)
  if (blocks > atomicBlocks(unit)) return task.invalidField(lengthByte)
  if (!mayWrite(task, nexus)) return
  if (blocks === 0) return task.good()
  task.fua = (task.cdb.readUInt8(1) & fuaMask) !== 0
  task.operate(writeAtomicOperation, blocks * blockSize, lba * blockSize, blocks * blockSize)
}

/** WRITE ATOMIC. */
export const writeAtomicCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "WRITE ATOMIC(16)",
    opcode: 0x9c,
    usage: "9c 18 ffffffffffffffff ffff ffff 00 00",
    clause: "SBC-4 5.45",
    prepare: writeAtomic16,
    reservation: "write",
    usesMedium: true,
    offeredBy: (unit) => atomicBlocks(unit) > 0
  }
]
