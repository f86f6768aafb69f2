/** UNMAP (SBC-3 5.28): all descriptors are checked before the first is done. */
import { IoKind } from "../../bdev/statistics/IoCounts.ts"
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { OperationRun, ScsiOperation } from "../ScsiOperation.ts"
import type { ScsiTask } from "../ScsiTask.ts"
import { SenseCode, SenseKey } from "../sense-codes.ts"
import { isThin, unmapBlocksMax, unmapDescriptorsMax } from "./block-limits.ts"
import { mayWrite, offered } from "./block-range.ts"
import { endWritten, takeSteps, zeroStepBytes } from "./medium-steps.ts"

const headerLength = 8
const descriptorLength = 16
const anchorMask = 0x01

const two32 = 0x1_0000_0000

/** An UNMAP block descriptor (SBC-3 table 101): LBA in 8 bytes, number of blocks in 4, 4 reserved. */
interface Extent {
  readonly lba: number
  readonly blocks: number
}

const extentAt = (data: Buffer, at: number): Extent => ({
  lba: data.readUInt32BE(at) * two32 + data.readUInt32BE(at + 4),
  blocks: data.readUInt32BE(at + 8)
})

/** The descriptors; undefined when the task has been ended because of them. */
const extentsOf = (run: OperationRun): ReadonlyArray<Extent> | undefined => {
  const { data, dataLength, task } = run
  const { blockCount } = run.nexus.unit.bdev
  const listLength = dataLength < headerLength ? -1 : data.readUInt16BE(2)
  if (listLength < 0 || dataLength < task.dataOutLength || headerLength + listLength > dataLength) {
    task.checkCondition(SenseKey.illegalRequest, SenseCode.parameterListLengthError)
    return undefined
  }
  // What is no whole descriptor at the end is ignored.
  const count = Math.floor(listLength / descriptorLength)
  if (count > unmapDescriptorsMax) {
    task.invalidParameter(2)
    return undefined
  }
  const extents: Array<Extent> = []
  let blocks = 0
  for (let index = 0; index < count; index++) {
    const at = headerLength + index * descriptorLength
    const extent = extentAt(data, at)
    blocks += extent.blocks
    if (extent.lba > blockCount || extent.blocks > blockCount - extent.lba) {
      task.checkCondition(SenseKey.illegalRequest, SenseCode.logicalBlockAddressOutOfRange)
      return undefined
    }
    if (blocks > unmapBlocksMax) {
      task.invalidParameter(at + 8)
      return undefined
    }
    if (extent.blocks > 0) extents.push(extent)
  }
  return extents
}

const unmapExtent = (run: OperationRun, extents: ReadonlyArray<Extent>, index: number): void => {
  const extent = extents[index]
  if (extent === undefined) return endWritten(run)
  const { blockSize } = run.nexus.unit.bdev
  takeSteps(
    run,
    {
      byteOffset: extent.lba * blockSize,
      byteLength: extent.blocks * blockSize,
      stepBytes: zeroStepBytes,
      reading: false,
      submit: (bdev, at, length, io) => bdev.unmap(at, length, io)
    },
    () => unmapExtent(run, extents, index + 1)
  )
}

const unmapOperation: ScsiOperation = {
  use: "writes",
  counts: IoKind.unmap,
  begin: (run) => {
    const extents = extentsOf(run)
    if (extents === undefined) run.end()
    else unmapExtent(run, extents, 0)
  }
}

/** Which blocks it uses is known when its parameter list is there: until then it counts as using all. */
const unmap = (task: ScsiTask, nexus: Nexus): void => {
  const { unit } = nexus
  const { blockCount, blockSize } = unit.bdev
  const length = task.cdb.readUInt16BE(7)
  if (!offered(task, isThin(unit))) return
  if ((task.cdb.readUInt8(1) & anchorMask) !== 0) return task.invalidField(1, 0)
  if (!mayWrite(task, nexus)) return
  if (length === 0) return task.good()
  if (length < headerLength) return task.checkCondition(SenseKey.illegalRequest, SenseCode.parameterListLengthError)
  task.operate(unmapOperation, length, 0, blockCount * blockSize)
}

/** UNMAP. */
export const unmapCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "UNMAP",
    opcode: 0x42,
    usage: "42 00 00000000 00 ffff 00",
    clause: "SBC-3 5.28",
    prepare: unmap,
    reservation: "write",
    usesMedium: true,
    offeredBy: isThin
  }
]
