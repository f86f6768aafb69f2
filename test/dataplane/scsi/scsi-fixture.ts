/** Runs one CDB against a logical unit as a transport would, and gives what an initiator would see of it. */
import type { Bdev } from "../../../src/dataplane/bdev/Bdev.ts"
import { MallocBdev } from "../../../src/dataplane/bdev/memory/MallocBdev.ts"
import { NullBdev } from "../../../src/dataplane/bdev/memory/NullBdev.ts"
import { LogicalUnit, type LogicalUnitOptions } from "../../../src/dataplane/scsi/LogicalUnit.ts"
import type { Nexus } from "../../../src/dataplane/scsi/Nexus.ts"
import { prepare } from "../../../src/dataplane/scsi/prepare.ts"
import { ScsiAction, ScsiTask } from "../../../src/dataplane/scsi/ScsiTask.ts"
import type { SessionView } from "../../../src/dataplane/scsi/SessionView.ts"
import { ScsiStatus } from "../../../src/dataplane/scsi/scsi-status.ts"
import { encodeSense, senseLengthMax } from "../../../src/dataplane/scsi/sense.ts"

/** What came of a command. */
export interface Outcome {
  readonly action: ScsiAction
  /** `good`, or `key/asc/ascq` in hex: `5/24/00`, or `status 28`. */
  readonly result: string
  /** Parameter data to send. */
  readonly data: Buffer
  /** The 18 bytes that go with CHECK CONDITION; empty without it. */
  readonly sense: Buffer
  readonly task: ScsiTask
}

/** A unit that is called Malloc0 and has its content. */
export const unitOptions: LogicalUnitOptions = {
  name: "Malloc0",
  uuid: "2f7b6f0e-9a5c-4a63-8d0e-0123456789ab",
  contentLost: false,
  identityStyle: "uuid"
}

/** A disk of any size, for what depends on numbers and not on data. */
export const nullDisk = (blockCount: number, blockSize = 512, physicalBlockSize = 0): Bdev =>
  new NullBdev({ _tag: "Null", blockCount, blockSize, physicalBlockSize })

/** 1 MiB of 512-byte blocks, physically 4096 bytes. */
export const ramDisk = (): Bdev =>
  new MallocBdev({ _tag: "Malloc", blockCount: 2048, blockSize: 512, physicalBlockSize: 4096, optimalIoBoundary: 0 })

/** A nexus of a new unit, whose first unit attention has been told. */
export const quietNexus = (bdev: Bdev = ramDisk()): Nexus => {
  const nexus = new LogicalUnit(bdev, unitOptions).attach()
  nexus.take(true)
  return nexus
}

/** A session at port 3 of the guide's target, which sees LUNs 0, 1 and 300. */
export const guideSession: SessionView = {
  targetName: "iqn.2016-06.io.spdk:disk1",
  targetPortName: "iqn.2016-06.io.spdk:disk1,t,0x0001",
  relativeTargetPort: 3,
  targetPorts: [1, 3],
  reportLuns: () => [0, 1, 300],
  nexus: () => undefined,
  useLun: () => undefined,
  lunInventoryReported: () => {}
}

const hex = (byte: number): string => byte.toString(16).padStart(2, "0")

const resultOf = (task: ScsiTask): string => {
  if (task.status === ScsiStatus.good) return "good"
  if (task.status !== ScsiStatus.checkCondition) return `status ${hex(task.status)}`
  return `${task.senseKey.toString(16)}/${hex(task.senseCode >> 8)}/${hex(task.senseCode & 0xff)}`
}

/** Prepares a CDB (hex digits, spaces allowed; zeros behind them) on a task that has been used before. */
const execute = (cdb: string | Buffer, nexus: Nexus | undefined, lun: number, session: SessionView): Outcome => {
  const task = new ScsiTask()
  task.parameterData.fill(0xee)
  task.checkCondition(0xf, 0xffff)
  const bytes = typeof cdb === "string" ? Buffer.from(cdb.replaceAll(" ", ""), "hex") : cdb
  bytes.copy(task.cdb)
  task.lun = lun
  prepare(task, nexus, session)
  return outcomeOf(task)
}

/** What an initiator would see of a task that has ended. */
export const outcomeOf = (task: ScsiTask): Outcome => {
  const room = Buffer.alloc(senseLengthMax)
  const senseLength = task.status === ScsiStatus.checkCondition ? encodeSense(task, false, room, 0) : 0
  const sense = room.subarray(0, senseLength)
  const sent = task.action === ScsiAction.parameterIn ? task.parameterLength : 0
  const data = Buffer.from(task.parameterData.subarray(0, sent))
  return { action: task.action, result: resultOf(task), data, sense, task }
}

/** Runs a CDB at a unit. */
export const run = (cdb: string | Buffer, nexus: Nexus = quietNexus(), session: SessionView = guideSession): Outcome =>
  execute(cdb, nexus, 0, session)

/** Runs it at a LUN without a unit. */
export const runWithoutUnit = (cdb: string | Buffer, lun: number, session: SessionView = guideSession): Outcome =>
  execute(cdb, undefined, lun, session)

/** `field N` or `field N.bit` that fixed-format sense data points to (SPC-4 4.5.3.4.2); undefined without a pointer. */
export const fieldPointer = (sense: Buffer): string | undefined => {
  const flags = sense[15] ?? 0
  if ((flags & 0x80) === 0) return undefined
  const bit = (flags & 0x08) === 0 ? "" : `.${flags & 0x07}`
  return `${(flags & 0x40) === 0 ? "parameter" : "field"} ${sense.readUInt16BE(16)}${bit}`
}

/** Runs a command with data from the initiator, whose operation ends at once, as a transport would. */
export const runWithData = (cdb: string, data: string, nexus: Nexus = quietNexus()): Outcome => {
  const prepared = run(cdb, nexus)
  const { task } = prepared
  const { operation } = task
  if (task.action !== ScsiAction.operate || operation === undefined) return prepared
  const bytes = Buffer.from(data.replaceAll(" ", ""), "hex")
  let ends = 0
  task.good()
  operation.begin({
    task,
    nexus,
    session: guideSession,
    data: bytes,
    dataLength: Math.min(bytes.length, task.dataOutLength),
    expectedLength: bytes.length,
    aborted: false,
    takeBuffer: () => undefined,
    io: () => ({ ioDone: () => {} }),
    later: () => {},
    soon: () => {},
    end: () => ends++
  })
  if (ends !== 1) throw new Error(`an operation without steps has ended ${ends} times`)
  return outcomeOf(task)
}
