/**
 * One SCSI command in execution. The transport pools these objects: it fills in `cdb`, `lun` and `taskAttribute`, calls
 * `prepare`, and does what `action` says. Nothing here is allocated per command, except once per pooled object the
 * buffer for parameter data when the first command that returns any runs on it.
 */
import type { ScsiOperation } from "./ScsiOperation.ts"
import { ScsiStatus } from "./scsi-status.ts"
import { SenseCode, SenseKey } from "./sense-codes.ts"

/** What the transport has to do for a prepared command. */
export const ScsiAction = {
  /** Send `status` (and sense data with CHECK CONDITION). */
  none: 0,
  /** Send `parameterLength` bytes of `parameterData`, then `status`. */
  parameterIn: 1,
  /** Send `byteLength` bytes of the medium from `byteOffset`. */
  read: 2,
  /** Receive `byteLength` bytes and write them at `byteOffset`; `fua` says how. */
  write: 3,
  /** Flush the whole medium (SYNCHRONIZE CACHE; `immediate` allows to answer before it is done). */
  flush: 4,
  /** Receive `dataOutLength` bytes, then begin `operation`. */
  operate: 5
} as const
export type ScsiAction = (typeof ScsiAction)[keyof typeof ScsiAction]

/** Room for the parameter data of nearly every command: REPORT LUNS of 256 LUNs and all mode pages fit. */
export const maxParameterLength = 4096
/** What `parameterRoom` gives at most, in bytes. */
export const parameterRoomMax = 256 * 1024

/** Logical unit number of a task whose 8-byte LUN field means nothing here; see `lun.ts`. */
const unknownLun = -1

/** A command: what it is, what `prepare` made of it, and how it ends. */
export class ScsiTask {
  /** 16 bytes, filled by the transport; bytes behind a shorter CDB are ignored. */
  readonly cdb = Buffer.alloc(16)
  /** As `decodeLun` gave it: 0..16383, `reportLunsWellKnownLun`, or -1. */
  lun = unknownLun
  /** The ATTR field of the SCSI Command PDU (RFC 7143 11.3.1), kept for the transport. */
  taskAttribute = 0

  // From here on: set by `prepare`.

  action: ScsiAction = ScsiAction.none
  /** Bytes from the start of the medium; with `read`, `write` and `operate`. */
  byteOffset = 0
  /** Bytes to transfer; never 0 with `read` and `write`. With `operate`: the blocks that are used, 0 for none. */
  byteLength = 0
  /** With `operate`: bytes to receive, at most 4 MiB, and what is done then. */
  dataOutLength = 0
  operation: ScsiOperation | undefined
  fua = false
  immediate = false
  /** Bytes of `parameterData` to send: already cut to the allocation length. */
  parameterLength = 0

  /** SAM status: final for `none` and `parameterIn`; GOOD for medium actions unless `completeIo` changes it. */
  status: ScsiStatus = ScsiStatus.good
  /** Sense data, meaningful with CHECK CONDITION. `senseCode` is ASC * 256 + ASCQ. */
  senseKey = 0
  senseCode = 0
  /** Byte that is wrong, for the sense-key specific field pointer (SPC-4 4.5.3.4.2); -1 none. */
  fieldByte = -1
  /** Most significant bit of the wrong field in that byte; -1 none. */
  fieldBit = -1
  /** The pointer is into the parameter list, not into the CDB; with COPY ABORTED not into a segment descriptor. */
  fieldInParameters = false
  /** INFORMATION field (SPC-4 4.5.2.2): an LBA, or with MISCOMPARE a byte offset in the data; -1 none. */
  information = -1
  /** COMMAND-SPECIFIC INFORMATION field (SPC-4 4.5.2.3); -1 none. */
  commandSpecific = -1
  /** Progress indication in 1/65536 (SPC-4 4.5.2.4.4), with NOT READY or NO SENSE; -1 none. */
  progress = -1

  private parameters: Buffer | undefined

  /** Owned by this task: valid until the next `prepare` of it, so that the transport may send it in several turns. */
  get parameterData(): Buffer {
    this.parameters ??= Buffer.alloc(maxParameterLength)
    return this.parameters
  }

  /** `parameterData` of at least `bytes`, all zeros; `parameterRoomMax` at most. Until the command has ended. */
  parameterRoom(bytes: number): Buffer {
    const length = Math.min(bytes, parameterRoomMax)
    if (length > this.parameterData.length) this.parameters = Buffer.alloc(length)
    return this.parameterData.fill(0)
  }

  /** The command has ended: room that few commands need is not kept. */
  releaseRoom(): void {
    if (this.parameters !== undefined && this.parameters.length > maxParameterLength) this.parameters = undefined
  }

  /** Ends the task with GOOD and nothing to transfer. */
  good(): void {
    this.action = ScsiAction.none
    this.status = ScsiStatus.good
  }

  /** Ends the task with CHECK CONDITION; `code` is of the table in `sense-codes.ts`. */
  checkCondition(key: number, code: number): void {
    this.action = ScsiAction.none
    this.status = ScsiStatus.checkCondition
    this.senseKey = key
    this.senseCode = code
    this.fieldByte = -1
    this.fieldBit = -1
    this.fieldInParameters = false
    this.information = -1
    this.commandSpecific = -1
    this.progress = -1
  }

  /** Ends the task with INVALID FIELD IN CDB and a pointer to the byte, and to the field's top bit where it has one. */
  invalidField(byte: number, bit = -1): void {
    this.checkCondition(SenseKey.illegalRequest, SenseCode.invalidFieldInCdb)
    this.fieldByte = byte
    this.fieldBit = bit
  }

  /** Ends the task with INVALID FIELD IN PARAMETER LIST and a pointer into the list. */
  invalidParameter(byte: number, bit = -1): void {
    this.checkCondition(SenseKey.illegalRequest, SenseCode.invalidFieldInParameterList)
    this.fieldByte = byte
    this.fieldBit = bit
    this.fieldInParameters = true
  }

  /** Receives `dataOutLength` bytes, then begins `operation`, which uses `byteLength` bytes of the medium. */
  operate(operation: ScsiOperation, dataOutLength: number, byteOffset = 0, byteLength = 0): void {
    this.action = ScsiAction.operate
    this.status = ScsiStatus.good
    this.operation = operation
    this.dataOutLength = dataOutLength
    this.byteOffset = byteOffset
    this.byteLength = byteLength
  }

  /** Sends the first bytes of `parameterData`, as many as there are and the initiator has room for. */
  sendParameters(built: number, allocationLength: number): void {
    this.status = ScsiStatus.good
    this.parameterLength = Math.min(built, allocationLength)
    // An allocation length of 0 is no error (SPC-4 4.2.5.6): there is just nothing to send.
    this.action = this.parameterLength > 0 ? ScsiAction.parameterIn : ScsiAction.none
  }

  /** Ends the task with another status that carries no sense data (BUSY, RESERVATION CONFLICT ...). */
  endWith(status: ScsiStatus): void {
    this.action = ScsiAction.none
    this.status = status
  }
}
