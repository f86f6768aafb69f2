/**
 * GET LBA STATUS(16) (SBC-3 5.4): which blocks are mapped. Parameter data: length of what follows (4 bytes), 4
 * reserved, then descriptors of 16 bytes: LBA (8), number of blocks (4), provisioning status in the low half of a byte.
 */
import type { CommandDefinition } from "../CommandDefinition.ts"
import type { Nexus } from "../Nexus.ts"
import type { OperationRun, ScsiOperation } from "../ScsiOperation.ts"
import { maxParameterLength, type ScsiTask } from "../ScsiTask.ts"
import { inRange, lba16 } from "./block-range.ts"

/** PROVISIONING STATUS (SBC-3 table 41). */
const Provisioning = { mapped: 0, deallocated: 1 } as const

const headerLength = 8
const descriptorLength = 16
const descriptorsMax = Math.floor((maxParameterLength - headerLength) / descriptorLength)
/** NUMBER OF LOGICAL BLOCKS has 32 bits. */
const runBlocksMax = 0xffff_ffff
/** Bytes of the medium that are looked at without others' IO in between, and for one command. */
const stepBytes = 16 * 1024 * 1024
const commandBytes = 1024 * 1024 * 1024

const allocationLengthOf = (cdb: Buffer): number => cdb.readUInt32BE(10)

/** One descriptor that grows. */
interface Run {
  readonly lba: number
  blocks: number
  readonly status: number
}

const finish = (run: OperationRun, runs: ReadonlyArray<Run>): void => {
  const { task } = run
  const data = task.parameterData.fill(0)
  let end = headerLength
  for (const { blocks, lba, status } of runs) {
    data.writeBigUInt64BE(BigInt(lba), end)
    data.writeUInt32BE(blocks, end + 8)
    data[end + 12] = status
    end += descriptorLength
  }
  data.writeUInt32BE(end - 4, 0)
  task.sendParameters(end, allocationLengthOf(task.cdb))
  run.end()
}

/** Looks at the medium from the LBA on until there are enough descriptors, or enough has been looked at. */
const lookAhead = (run: OperationRun): void => {
  const { unit } = run.nexus
  const { blockSize } = unit.bdev
  const first = lba16(run.task.cdb)
  const room = Math.floor((allocationLengthOf(run.task.cdb) - headerLength) / descriptorLength)
  const runsMax = Math.max(1, Math.min(descriptorsMax, room))
  const runs: Array<Run> = []
  let lba = first
  const look = (): void => {
    if (run.aborted) return run.end()
    const { bdev } = unit
    // A thin disk of nothing, and a file, are alike from end to end: only what has to be looked at counts.
    const isQuick = bdev.provisioning === undefined
    const bytes = isQuick ? bdev.blockCount * blockSize : stepBytes
    const until = Math.min(bdev.blockCount, lba + Math.max(1, Math.floor(bytes / blockSize)))
    while (lba < until) {
      const found = bdev.mappedRun(lba * blockSize, Math.min(until - lba, runBlocksMax) * blockSize)
      const status = found > 0 ? Provisioning.mapped : Provisioning.deallocated
      const blocks = Math.abs(found) / blockSize
      const last = runs.at(-1)
      if (last?.status === status && last.blocks + blocks <= runBlocksMax) last.blocks += blocks
      else if (runs.length === runsMax) return finish(run, runs)
      else runs.push({ lba, blocks, status })
      lba += blocks
    }
    if (lba >= bdev.blockCount || (lba - first) * blockSize >= commandBytes) finish(run, runs)
    else run.later(look)
  }
  look()
}

const lbaStatusOperation: ScsiOperation = { use: "reads", begin: lookAhead }

const getLbaStatus16 = (task: ScsiTask, { unit }: Nexus): void => {
  if (!inRange(task, unit, lba16(task.cdb), 0)) return
  task.operate(lbaStatusOperation, 0)
}

/** GET LBA STATUS. */
export const lbaStatusCommands: ReadonlyArray<CommandDefinition> = [
  {
    name: "GET LBA STATUS(16)",
    opcode: 0x9e,
    serviceAction: 0x12,
    usage: "9e 12 ffffffffffffffff ffffffff 00 00",
    clause: "SBC-3 5.4",
    prepare: getLbaStatus16,
    reservation: "read",
    usesMedium: true
  }
]
