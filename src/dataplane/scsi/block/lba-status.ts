/**
 * GET LBA STATUS(16) (SBC-3 5.4): which blocks are mapped. Parameter data: length of what follows (4 bytes), 4
 * reserved, then descriptors of 16 bytes: LBA (8), number of blocks (4), provisioning status in the low half of a byte.
 */
import type { Bdev } from "../../bdev/Bdev.ts"
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
const stepBytes = 2 * 1024 * 1024
/** So many bytes that memory does not hold are looked at as fast as one that it does. */
const emptyBytesPerByte = 256
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

/**
 * How far one turn looks, as an LBA. A thin disk of nothing is alike from end to end, and a file answers later: only
 * memory has to be looked at, and what it does not hold costs next to nothing.
 */
const turnEnd = ({ blockCount, blockSize, provisioning }: Bdev, lba: number): number => {
  if (provisioning === undefined) return blockCount
  const end = blockCount * blockSize
  let at = lba * blockSize
  for (let left = stepBytes; left > 0 && at < end; ) {
    const next = Math.max(provisioning.endOf(at), at + blockSize)
    left -= provisioning.holds(at) ? next - at : (next - at) / emptyBytesPerByte
    at = next
  }
  return Math.min(blockCount, Math.floor(at / blockSize))
}

/** Looks at the medium from the LBA on until there are enough descriptors, or enough has been looked at. */
class Lookup {
  readonly #run: OperationRun
  readonly #first: number
  readonly #runsMax: number
  readonly #runs: Array<Run> = []
  #lba: number
  /** Where this turn of the event loop ends. */
  #until = 0
  #isFull = false

  constructor(run: OperationRun) {
    const { cdb } = run.task
    const room = Math.floor((allocationLengthOf(cdb) - headerLength) / descriptorLength)
    this.#run = run
    this.#first = lba16(cdb)
    this.#lba = this.#first
    this.#runsMax = Math.max(1, Math.min(descriptorsMax, room))
  }

  /** One turn. */
  look(): void {
    this.#until = turnEnd(this.#run.nexus.unit.bdev, this.#lba)
    this.#ask()
  }

  /** A disk that answers at once is not asked from within its answer: that would go ever deeper. */
  #ask(): void {
    while (!this.#run.aborted && !this.#isFull && this.#lba < this.#until) {
      const { bdev } = this.#run.nexus.unit
      const blocks = Math.min(this.#until - this.#lba, runBlocksMax)
      let isAsking = true
      let isAnswered = false
      bdev.mappedRun(this.#lba * bdev.blockSize, blocks * bdev.blockSize, (found) => {
        isAnswered = true
        this.#take(found / bdev.blockSize)
        if (!isAsking) this.#run.later(() => this.#ask())
      })
      isAsking = false
      if (!isAnswered) return
    }
    this.#endTurn()
  }

  #endTurn(): void {
    const { blockCount, blockSize } = this.#run.nexus.unit.bdev
    const isEnough = this.#isFull || this.#lba >= blockCount || (this.#lba - this.#first) * blockSize >= commandBytes
    if (this.#run.aborted) this.#run.end()
    else if (isEnough) finish(this.#run, this.#runs)
    else this.#run.soon(stepBytes, () => this.look())
  }

  #take(found: number): void {
    const status = found > 0 ? Provisioning.mapped : Provisioning.deallocated
    const blocks = Math.abs(found)
    const last = this.#runs.at(-1)
    if (last?.status === status && last.blocks + blocks <= runBlocksMax) last.blocks += blocks
    else if (this.#runs.length < this.#runsMax) this.#runs.push({ lba: this.#lba, blocks, status })
    else this.#isFull = true
    this.#lba += blocks
  }
}

const lbaStatusOperation: ScsiOperation = { use: "reads", begin: (run) => new Lookup(run).look() }

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
