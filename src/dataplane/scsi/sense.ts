/** Sense data as bytes: fixed format, current error (SPC-4 4.5.3), which is what D_SENSE=0 promises. */
import type { ScsiTask } from "./ScsiTask.ts"
import { SenseKey } from "./sense-codes.ts"

/** Bytes of the fixed-format sense data that goes with CHECK CONDITION. */
export const senseLength = 18

const currentFixed = 0x70
const currentDescriptor = 0x72

/** Writes 18 bytes; their number. */
export const encodeFixedSense = (key: number, code: number, target: Buffer, offset: number): number => {
  target.fill(0, offset, offset + senseLength)
  target[offset] = currentFixed
  target[offset + 2] = key
  target[offset + 7] = senseLength - 8
  target.writeUInt16BE(code, offset + 12)
  return senseLength
}

/** Descriptor format without descriptors (SPC-4 4.5.2), for REQUEST SENSE with DESC=1: 8 bytes; their number. */
export const encodeDescriptorSense = (key: number, code: number, target: Buffer, offset: number): number => {
  target.fill(0, offset, offset + 8)
  target[offset] = currentDescriptor
  target[offset + 1] = key
  target.writeUInt16BE(code, offset + 2)
  return 8
}

/** Writes the sense data of a task that ended with CHECK CONDITION, `senseLength` bytes; their number. */
export const encodeSense = (task: ScsiTask, target: Buffer, offset: number): number => {
  encodeFixedSense(task.senseKey, task.senseCode, target, offset)
  if (task.senseKey === SenseKey.illegalRequest && task.fieldByte >= 0) {
    // SKSV, C/D (the field is in the CDB) and, when the bit is known, BPV with its number (SPC-4 4.5.3.4.2).
    target[offset + 15] = 0xc0 | (task.fieldBit < 0 ? 0 : 0x08 | task.fieldBit)
    target.writeUInt16BE(task.fieldByte, offset + 16)
  }
  return senseLength
}
