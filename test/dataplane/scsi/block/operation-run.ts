/** Runs commands with data and steps at a unit, as a transport would, and gives what came of them. */
import { type BdevIo, IoStatus } from "../../../../src/dataplane/bdev/Bdev.ts"
import { turnWorkBytes } from "../../../../src/dataplane/limits.ts"
import type { Nexus } from "../../../../src/dataplane/scsi/Nexus.ts"
import type { OperationRun } from "../../../../src/dataplane/scsi/ScsiOperation.ts"
import { ScsiAction } from "../../../../src/dataplane/scsi/ScsiTask.ts"
import { guideSession, type Outcome, outcomeOf, quietNexus, run } from "../scsi-fixture.ts"

/** How a run is disturbed. */
export interface Disturbance {
  /** EXPECTED DATA TRANSFER LENGTH, where it is not the length of `data`. */
  readonly expectedLength?: number
  /** Buffers that it may take. */
  readonly buffers?: number
  /** Called before each step that comes in a later turn; true: nobody waits for it any more. */
  readonly beforeStep?: (step: number) => boolean
}

/** What came of an operation, and how. */
export interface OperationOutcome extends Outcome {
  /** How its IO ended. */
  readonly ioStatus: IoStatus
  /** Turns of the event loop that it has taken beside the first. */
  readonly turns: number
}

/** Runs a CDB (hex digits, spaces allowed) with data; resolves when it has ended. */
export const operate = (
  cdb: string | Buffer,
  data: Buffer = Buffer.alloc(0),
  nexus: Nexus = quietNexus(),
  disturbance: Disturbance = {}
): Promise<OperationOutcome> => {
  const prepared = run(cdb, nexus)
  const { task } = prepared
  const { operation } = task
  if (task.action !== ScsiAction.operate || operation === undefined) {
    return Promise.resolve({ ...prepared, ioStatus: IoStatus.ok, turns: 0 })
  }
  return new Promise((resolve, reject) => {
    let buffers = disturbance.buffers ?? 8
    let turns = 0
    let spentBytes = 0
    let ended = false
    let aborted = false
    const guarded = (piece: () => void): void => {
      try {
        piece()
      } catch (error) {
        reject(error)
      }
    }
    const later = (then: () => void): void => {
      turns++
      aborted = disturbance.beforeStep?.(turns) ?? false
      setImmediate(() => guarded(then))
    }
    const operationRun: OperationRun = {
      task,
      nexus,
      session: guideSession,
      data: Buffer.concat([data, Buffer.alloc(Math.max(0, task.dataOutLength - data.length), 0xdb)]),
      dataLength: Math.min(data.length, task.dataOutLength),
      expectedLength: disturbance.expectedLength ?? data.length,
      get aborted() {
        return aborted
      },
      takeBuffer: (bytes) => (buffers-- > 0 && bytes <= 4 * 1024 * 1024 ? Buffer.alloc(bytes, 0xda) : undefined),
      io: (then): BdevIo => ({ ioDone: (status, byteOffset) => guarded(() => then(status, byteOffset)) }),
      later,
      soon: (workBytes, then) => {
        const hasRoom = spentBytes === 0 || spentBytes + workBytes <= turnWorkBytes
        if (!hasRoom) later(then)
        spentBytes = hasRoom ? spentBytes + workBytes : workBytes
        if (hasRoom) guarded(then)
      },
      end: (ioStatus = IoStatus.ok) => {
        if (ended) reject(new Error("an operation has ended twice"))
        ended = true
        resolve({ ...outcomeOf(task), ioStatus, turns })
      }
    }
    operation.begin(operationRun)
  })
}

/** A CDB of 10 bytes: LBA in bytes 2 to 5, length in 7 and 8. */
export const cdb10 = (opcode: number, flags: number, lba: number, blocks: number): Buffer => {
  const cdb = Buffer.alloc(10)
  cdb[0] = opcode
  cdb[1] = flags
  cdb.writeUInt32BE(lba, 2)
  cdb.writeUInt16BE(blocks, 7)
  return cdb
}

/** Of 12 bytes: length in 6 to 9. */
export const cdb12 = (opcode: number, flags: number, lba: number, blocks: number): Buffer => {
  const cdb = Buffer.alloc(12)
  cdb[0] = opcode
  cdb[1] = flags
  cdb.writeUInt32BE(lba, 2)
  cdb.writeUInt32BE(blocks, 6)
  return cdb
}

/** Of 16 bytes: LBA in 2 to 9, length in 10 to 13. */
export const cdb16 = (opcode: number, flags: number, lba: number, blocks: number): Buffer => {
  const cdb = Buffer.alloc(16)
  cdb[0] = opcode
  cdb[1] = flags
  cdb.writeBigUInt64BE(BigInt(lba), 2)
  cdb.writeUInt32BE(blocks, 10)
  return cdb
}
