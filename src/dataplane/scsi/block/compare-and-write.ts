/**
 * COMPARE AND WRITE (SBC-3 5.2): the data hold as many blocks to compare with as to write then. No other command comes
 * between the two, by whatever session or stacked bdev it comes. The lock of clusters and of ESXi (ATS).
 */
import { BlockComparison } from "../../bdev/BlockComparison.ts"
import { IoKind } from "../../bdev/statistics/IoCounts.ts"
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiOperation } from "../ScsiOperation.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { compareAndWriteBlocks } from "./block-limits.ts"
import { fuaMask, inRange, lba16, mayWrite, unprotected } from "./block-range.ts"
import {
  endBusy,
  endGood,
  endMiscompare,
  endWrongLength,
  takeSteps,
  transferStepBytes,
  writesThrough
} from "./medium-steps.ts"

/** Where NUMBER OF LOGICAL BLOCKS is. */
const lengthByte = 13

const compareAndWriteOperation: ScsiOperation = {
  use: "atomic",
  counts: IoKind.write,
  begin: (run) => {
    const { byteLength, byteOffset, dataOutLength } = run.task
    if (run.expectedLength !== dataOutLength) return endWrongLength(run, lengthByte)
    if (byteLength === 0) return endGood(run)
    const needsScratch = BlockComparison.needsScratch(run.nexus.unit.bdev)
    const scratch = needsScratch ? run.takeBuffer(byteLength) : undefined
    if (needsScratch && scratch === undefined) return endBusy(run)
    const comparison = new BlockComparison({ data: run.data }, scratch)
    const whole = { byteOffset, byteLength, stepBytes: transferStepBytes, isWhole: true }
    const write = (): void =>
      takeSteps(
        run,
        {
          ...whole,
          reading: false,
          submit: (bdev, at, length, io) => bdev.write(at, run.data, byteLength, length, writesThrough(run), io)
        },
        () => endGood(run)
      )
    takeSteps(
      run,
      {
        ...whole,
        reading: true,
        submit: (bdev, at, length, io) => comparison.fetch(bdev, at, length, io),
        check: (done, length) => {
          const difference = comparison.difference(done, length)
          if (difference >= 0) endMiscompare(run, difference)
          return difference < 0
        }
      },
      write
    )
  }
}

const compareAndWrite = (task: ScsiTask, nexus: Nexus): void => {
  const { unit } = nexus
  const { blockSize } = unit.bdev
  const lba = lba16(task.cdb)
  const blocks = task.cdb.readUInt8(lengthByte)
  if (!unprotected(task)) return
  if (!inRange(task, unit, lba, blocks)) return
  if (blocks > compareAndWriteBlocks(unit)) return task.invalidField(lengthByte)
  if (!mayWrite(task, nexus)) return
  task.fua = (task.cdb.readUInt8(1) & fuaMask) !== 0
  task.operate(compareAndWriteOperation, 2 * blocks * blockSize, lba * blockSize, blocks * blockSize)
}

/** COMPARE AND WRITE. */
export const compareAndWriteCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "COMPARE AND WRITE",
    opcode: 0x89,
    usage: "89 18 ffffffffffffffff 000000 ff 00 00",
    clause: "SBC-3 5.2",
    prepare: compareAndWrite,
    reservation: "write",
    usesMedium: true
  }
]
