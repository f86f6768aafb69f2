/**
 * VERIFY (SBC-3 5.29 to 5.31) and WRITE AND VERIFY (SBC-3 5.37 to 5.39) of 10, 12 and 16 bytes. Without data to compare
 * (BYTCHK 00b) blocks are verified by reading them, which a RAM disk need not.
 */
import { BlockComparison } from "../../bdev/BlockComparison.ts"
import { IoKind } from "../../bdev/statistics/IoCounts.ts"
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { OperationRun, ScsiOperation } from "../ScsiOperation.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { blockFields, inRange, mayWrite, unprotected } from "./block-range.ts"
import { endBusy, endGood, endMiscompare, takeSteps, transferStepBytes } from "./medium-steps.ts"

/** BYTCHK: bits 2 and 1 of byte 1. */
const ByteCheck = { none: 0, compare: 1, compareOneBlock: 3 } as const
const byteCheckOf = (cdb: Buffer): number => (cdb.readUInt8(1) >> 1) & 0x03

/** Reads the blocks, and ends the run when one can't be read. */
const readThrough = (run: OperationRun): void => {
  const { byteLength, byteOffset } = run.task
  if (run.nexus.unit.bdev.memory !== undefined) return endGood(run)
  const buffer = run.takeBuffer(Math.min(byteLength, transferStepBytes))
  if (buffer === undefined) return endBusy(run)
  takeSteps(
    run,
    {
      byteOffset,
      byteLength,
      stepBytes: transferStepBytes,
      reading: true,
      submit: (bdev, at, length, io) => bdev.read(at, buffer, 0, length, io)
    },
    () => endGood(run)
  )
}

/** Compares the first `byteLength` bytes of the range with what the initiator has sent: all of it, or one block. */
const compare = (run: OperationRun, byteLength: number, oneBlock: boolean): void => {
  const { bdev } = run.nexus.unit
  const { blockSize } = bdev
  const needsScratch = BlockComparison.needsScratch(bdev)
  const scratch = needsScratch
    ? run.takeBuffer(Math.max(blockSize, Math.min(byteLength, transferStepBytes)))
    : undefined
  if (needsScratch && scratch === undefined) return endBusy(run)
  const expected = oneBlock ? { data: run.data, period: blockSize } : { data: run.data }
  const comparison = new BlockComparison(expected, scratch)
  const check = (done: number, length: number): boolean => {
    const difference = comparison.difference(done, length)
    if (difference >= 0) endMiscompare(run, difference)
    return difference < 0
  }
  const { byteOffset } = run.task
  const submit: Parameters<typeof takeSteps>[1]["submit"] = (from, at, length, io) =>
    comparison.fetch(from, at, length, io)
  takeSteps(run, { byteOffset, byteLength, stepBytes: transferStepBytes, reading: true, submit, check }, () =>
    endGood(run)
  )
}

/** Whole blocks that have come. */
const wholeBytes = ({ dataLength, nexus }: OperationRun): number =>
  dataLength - (dataLength % nexus.unit.bdev.blockSize)

const verifyOperation: ScsiOperation = {
  use: "reads",
  counts: IoKind.other,
  begin: (run) => {
    const byteCheck = byteCheckOf(run.task.cdb)
    if (byteCheck === ByteCheck.none) return readThrough(run)
    if (byteCheck === ByteCheck.compare) return compare(run, wholeBytes(run), false)
    if (wholeBytes(run) === 0) return endGood(run)
    compare(run, run.task.byteLength, true)
  }
}

/** Of any length: what the CDB alone decides. */
const verify = (task: ScsiTask, nexus: Nexus): void => {
  const { unit } = nexus
  const { blockSize } = unit.bdev
  const { blocks, lba, lengthByte } = blockFields(task.cdb)
  const byteCheck = byteCheckOf(task.cdb)
  if (!unprotected(task)) return
  if (byteCheck === 2) return task.invalidField(1, 2)
  if (!inRange(task, unit, lba, blocks)) return
  if (byteCheck === ByteCheck.compare && blocks > unit.maxTransferBlocks) return task.invalidField(lengthByte)
  if (blocks === 0) return task.good()
  const sent = byteCheck === ByteCheck.none ? 0 : byteCheck === ByteCheck.compare ? blocks : 1
  task.operate(verifyOperation, sent * blockSize, lba * blockSize, blocks * blockSize)
}

const writeAndVerifyOperation: ScsiOperation = {
  use: "atomic",
  counts: IoKind.write,
  begin: (run) => {
    const { byteOffset, cdb } = run.task
    const byteLength = wholeBytes(run)
    takeSteps(
      run,
      {
        byteOffset,
        byteLength,
        stepBytes: transferStepBytes,
        reading: false,
        // What is to be verified is what is on the medium, not in a cache in front of it.
        submit: (bdev, at, length, io, done) => bdev.write(at, run.data, done, length, true, io)
      },
      () => {
        if (byteCheckOf(cdb) === ByteCheck.compare && byteLength > 0) compare(run, byteLength, false)
        else if (byteLength > 0) readThrough(run)
        else endGood(run)
      }
    )
  }
}

const writeAndVerify = (task: ScsiTask, nexus: Nexus): void => {
  const { unit } = nexus
  const { blockSize } = unit.bdev
  const { blocks, lba, lengthByte } = blockFields(task.cdb)
  if (!unprotected(task)) return
  if (byteCheckOf(task.cdb) > ByteCheck.compare) return task.invalidField(1, 2)
  if (!inRange(task, unit, lba, blocks)) return
  if (blocks > unit.maxTransferBlocks) return task.invalidField(lengthByte)
  if (!mayWrite(task, nexus)) return
  if (blocks === 0) return task.good()
  task.operate(writeAndVerifyOperation, blocks * blockSize, lba * blockSize, blocks * blockSize)
}

const read = { prepare: verify, reservation: "read", usesMedium: true } as const
const write = { prepare: writeAndVerify, reservation: "write", usesMedium: true } as const

/** VERIFY and WRITE AND VERIFY. */
export const verifyCommands: ReadonlyArray<CommandDefinition> = [
  { name: "WRITE AND VERIFY(10)", opcode: 0x2e, usage: "2e 12 ffffffff 00 ffff 00", clause: "SBC-3 5.37", ...write },
  { name: "VERIFY(10)", opcode: 0x2f, usage: "2f 16 ffffffff 00 ffff 00", clause: "SBC-3 5.29", ...read },
  {
    name: "WRITE AND VERIFY(16)",
    opcode: 0x8e,
    usage: "8e 12 ffffffffffffffff ffffffff 00 00",
    clause: "SBC-3 5.39",
    ...write
  },
  { name: "VERIFY(16)", opcode: 0x8f, usage: "8f 16 ffffffffffffffff ffffffff 00 00", clause: "SBC-3 5.31", ...read },
  {
    name: "WRITE AND VERIFY(12)",
    opcode: 0xae,
    usage: "ae 12 ffffffff ffffffff 00 00",
    clause: "SBC-3 5.38",
    ...write
  },
  { name: "VERIFY(12)", opcode: 0xaf, usage: "af 16 ffffffff ffffffff 00 00", clause: "SBC-3 5.30", ...read }
]
