/**
 * WRITE SAME(10) and (16) (SBC-3 5.43, 5.44): one block over and over, zeros without a block (NDOB), or unmapping. No
 * blocks are all up to the end of the medium, within MAXIMUM WRITE SAME LENGTH.
 *
 * With UNMAP the blocks are unmapped whatever the block that comes with it holds, as LIO and tgt do and libiscsi's
 * tests expect; SBC-3 would have any but zeros written.
 */
import { IoKind } from "../../bdev/statistics/IoCounts.ts"
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { OperationRun, ScsiOperation } from "../ScsiOperation.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { isThin, writeSameBlocksMax } from "./block-limits.ts"
import { blockFields, inRange, mayWrite, unprotected } from "./block-range.ts"
import { endBusy, endWritten, endWrongLength, takeSteps, transferStepBytes, zeroStepBytes } from "./medium-steps.ts"

/** Byte 1. LBDATA and PBDATA are obsolete since SBC-3, and of the 10-byte form NDOB has never been. */
const Flag = { anchor: 0x10, unmap: 0x08, physicalData: 0x04, logicalData: 0x02, noDataOutBuffer: 0x01 } as const

const writeSame16 = 0x93

/** Whether the CDB says that no block is sent. */
const hasNoData = (cdb: Buffer): boolean =>
  cdb.readUInt8(0) === writeSame16 && (cdb.readUInt8(1) & Flag.noDataOutBuffer) !== 0

const unmaps = (cdb: Buffer): boolean => (cdb.readUInt8(1) & Flag.unmap) !== 0

/** Zeros, or nothing at all. */
const clear = (run: OperationRun): void => {
  const { byteLength, byteOffset, cdb } = run.task
  takeSteps(
    run,
    {
      byteOffset,
      byteLength,
      stepBytes: zeroStepBytes,
      reading: false,
      submit: (bdev, at, length, io) =>
        unmaps(cdb) ? bdev.unmap(at, length, io) : bdev.writeZeroes(at, length, false, io)
    },
    () => endWritten(run)
  )
}

/** The block over and over, from a buffer that is full of it. */
const repeat = (run: OperationRun): void => {
  const { byteLength, byteOffset } = run.task
  const { blockSize } = run.nexus.unit.bdev
  const bytes = Math.max(blockSize, Math.floor(Math.min(byteLength, transferStepBytes) / blockSize) * blockSize)
  const buffer = run.takeBuffer(bytes)
  if (buffer === undefined) return endBusy(run)
  buffer.fill(run.data.subarray(0, blockSize), 0, bytes)
  takeSteps(
    run,
    {
      byteOffset,
      byteLength,
      stepBytes: bytes,
      reading: false,
      submit: (bdev, at, length, io) => bdev.write(at, buffer, 0, length, false, io)
    },
    () => endWritten(run)
  )
}

const isZero = (data: Buffer, length: number): boolean => {
  for (let at = 0; at < length; at++) if (data[at] !== 0) return false
  return true
}

const writeSameOperation: ScsiOperation = {
  use: "writes",
  counts: IoKind.write,
  begin: (run) => {
    const { cdb } = run.task
    const { blockSize } = run.nexus.unit.bdev
    // Linux and others send no block with UNMAP, where it could only be zeros.
    if (hasNoData(cdb) || (unmaps(cdb) && run.expectedLength === 0)) return clear(run)
    if (run.expectedLength !== blockSize) return endWrongLength(run, blockFields(cdb).lengthByte)
    if (unmaps(cdb) || isZero(run.data, blockSize)) clear(run)
    else repeat(run)
  }
}

const writeSame = (task: ScsiTask, nexus: Nexus): void => {
  const { unit } = nexus
  const { blockCount, blockSize } = unit.bdev
  const { blocks, lba, lengthByte } = blockFields(task.cdb)
  const flags = task.cdb.readUInt8(1)
  // Before UNMAP: a write-protected LUN says so, also where nothing can be unmapped, as libiscsi's tests expect.
  if (!unprotected(task) || !mayWrite(task, nexus)) return
  if ((flags & Flag.anchor) !== 0) return task.invalidField(1, 4)
  if (unmaps(task.cdb) && !isThin(unit)) return task.invalidField(1, 3)
  if ((flags & Flag.physicalData) !== 0) return task.invalidField(1, 2)
  if ((flags & Flag.logicalData) !== 0) return task.invalidField(1, 1)
  if (!inRange(task, unit, lba, blocks)) return
  const count = blocks || blockCount - lba
  if (count > writeSameBlocksMax) return task.invalidField(lengthByte)
  task.operate(writeSameOperation, hasNoData(task.cdb) ? 0 : blockSize, lba * blockSize, count * blockSize)
}

const same = { prepare: writeSame, reservation: "write", usesMedium: true } as const

/** WRITE SAME. */
export const writeSameCommands: ReadonlyArray<CommandDefinition> = [
  { name: "WRITE SAME(10)", opcode: 0x41, usage: "41 08 ffffffff 00 ffff 00", clause: "SBC-3 5.43", ...same },
  {
    name: "WRITE SAME(16)",
    opcode: writeSame16,
    usage: "93 09 ffffffffffffffff ffffffff 00 00",
    clause: "SBC-3 5.44",
    ...same
  }
]
