/** Sense data as bytes: fixed format, current error (SPC-4 4.5.3), which is what D_SENSE=0 promises. */

import type { ScsiTask } from "./ScsiTask.ts"
import { SenseKey } from "./sense-codes.ts"

/** Bytes of sense data of every lunlog unit. */
export const senseLength = 18

const currentFixed = 0x70

/** Writes 18 bytes: key, code and, with an illegal request, the field pointer. */
export const encodeFixedSense = (
  key: number,
  code: number,
  fieldByte: number,
  fieldBit: number,
  target: Buffer,
  offset: number
): void => {
  target.fill(0, offset, offset + senseLength)
  target[offset] = currentFixed
  target[offset + 2] = key
  target[offset + 7] = senseLength - 8
  target[offset + 12] = code >> 8
  target[offset + 13] = code & 0xff
  if (key !== SenseKey.illegalRequest || fieldByte < 0) return
  // SKSV, C/D (the field is in the CDB) and, when the bit is known, BPV with its number (SPC-4 4.5.3.4.2).
  target[offset + 15] = 0xc0 | (fieldBit < 0 ? 0 : 0x08 | fieldBit)
  target.writeUInt16BE(fieldByte, offset + 16)
}

/** Writes the sense data of a task that ended with CHECK CONDITION; the number of bytes is `senseLength`. */
export const encodeSense = (task: ScsiTask, target: Buffer, offset: number): void =>
  encodeFixedSense(task.senseKey, task.senseCode, task.fieldByte, task.fieldBit, target, offset)
