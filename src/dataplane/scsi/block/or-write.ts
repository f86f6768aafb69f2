/** ORWRITE(16) (SBC-3 5.5): bits of the data are set in the blocks; no other command comes in between. */
import { IoKind } from "../../bdev/statistics/IoCounts.ts"
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { ScsiOperation } from "../ScsiOperation.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { blockFields, fuaMask, inRange, mayWrite, unprotected } from "./block-range.ts"
import { endBusy, endGood, takeSteps, transferStepBytes, writesThrough } from "./medium-steps.ts"

/** Bytes that are combined in one step: about a quarter of a millisecond. */
const orStepBytes = 256 * 1024

const orWriteOperation: ScsiOperation = {
  use: "atomic",
  counts: IoKind.write,
  begin: (run) => {
    const { data, dataLength } = run
    const { byteOffset } = run.task
    const byteLength = dataLength - (dataLength % run.nexus.unit.bdev.blockSize)
    if (byteLength === 0) return endGood(run)
    const buffer = run.takeBuffer(byteLength)
    if (buffer === undefined) return endBusy(run)
    const whole = { byteOffset, byteLength, stepBytes: transferStepBytes }
    takeSteps(
      run,
      { ...whole, reading: true, submit: (bdev, at, length, io, done) => bdev.read(at, buffer, done, length, io) },
      () => {
        takeSteps(
          run,
          {
            ...whole,
            reading: false,
            stepBytes: orStepBytes,
            submit: (bdev, at, length, io, done) => {
              for (let byte = done; byte < done + length; byte++) buffer[byte] = (buffer[byte] ?? 0) | (data[byte] ?? 0)
              bdev.write(at, buffer, done, length, writesThrough(run), io)
            }
          },
          () => endGood(run)
        )
      }
    )
  }
}

const orWrite16 = (task: ScsiTask, nexus: Nexus): void => {
  const { unit } = nexus
  const { blockSize } = unit.bdev
  const { blocks, lba, lengthByte } = blockFields(task.cdb)
  if (!unprotected(task)) return
  if (!inRange(task, unit, lba, blocks)) return
  if (blocks > unit.maxTransferBlocks) return task.invalidField(lengthByte)
  if (!mayWrite(task, nexus)) return
  if (blocks === 0) return task.good()
  task.fua = (task.cdb.readUInt8(1) & fuaMask) !== 0
  task.operate(orWriteOperation, blocks * blockSize, lba * blockSize, blocks * blockSize)
}

/** ORWRITE. */
export const orWriteCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "ORWRITE(16)",
    opcode: 0x8b,
    usage: "8b 18 ffffffffffffffff ffffffff 00 00",
    clause: "SBC-3 5.5",
    prepare: orWrite16,
    reservation: "write",
    usesMedium: true
  }
]
