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

/** Sense-key specific bytes (SPC-4 4.5.2.4): SKSV with a field pointer, or with a progress indication. */
const encodeKeySpecific = (task: ScsiTask, target: Buffer, offset: number): void => {
  if (task.senseKey === SenseKey.illegalRequest && task.fieldByte >= 0) {
    // C/D says that the field is in the CDB; BPV that the bit is known.
    const place = task.fieldInParameters ? 0x80 : 0xc0
    target[offset] = place | (task.fieldBit < 0 ? 0 : 0x08 | task.fieldBit)
    target.writeUInt16BE(task.fieldByte, offset + 1)
  } else if (task.progress >= 0) {
    target[offset] = 0x80
    target.writeUInt16BE(Math.min(task.progress, 0xffff), offset + 1)
  }
}

/** Writes the sense data of a task that ended with CHECK CONDITION, `senseLength` bytes; their number. */
export const encodeSense = (task: ScsiTask, target: Buffer, offset: number): number => {
  encodeFixedSense(task.senseKey, task.senseCode, target, offset)
  const { commandSpecific, information } = task
  if (information >= 0 && information <= 0xffff_ffff) {
    // VALID.
    target[offset] = currentFixed | 0x80
    target.writeUInt32BE(information, offset + 3)
  }
  if (commandSpecific >= 0 && commandSpecific <= 0xffff_ffff) target.writeUInt32BE(commandSpecific, offset + 8)
  encodeKeySpecific(task, target, offset + 15)
  return senseLength
}
