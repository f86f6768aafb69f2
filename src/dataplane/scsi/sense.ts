/**
 * Sense data as bytes, always of the current command: fixed format (SPC-4 4.5.3), or descriptor format (4.5.2) for a
 * unit whose D_SENSE is set and for REQUEST SENSE with DESC.
 */
import type { ScsiTask } from "./ScsiTask.ts"
import { SenseKey } from "./sense-codes.ts"

/** Bytes of fixed-format sense data. */
const fixedSenseLength = 18
/** Header of descriptor-format sense data, and its longest descriptors: information, command-specific, key-specific. */
const headerLength = 8
const fieldDescriptorLength = 12
const keyDescriptorLength = 8
/** Bytes that any sense data fit in. */
export const senseLengthMax = headerLength + 2 * fieldDescriptorLength + keyDescriptorLength

const currentFixed = 0x70
const currentDescriptor = 0x72
const valid = 0x80
/** Descriptor types (SPC-4 table 28). */
const DescriptorType = { information: 0x00, commandSpecific: 0x01, keySpecific: 0x02 } as const

const fits32 = (value: number): boolean => value >= 0 && value <= 0xffff_ffff

const hasKeySpecific = ({ fieldByte, progress, senseKey }: ScsiTask): boolean =>
  ((senseKey === SenseKey.illegalRequest || senseKey === SenseKey.copyAborted) && fieldByte >= 0) || progress >= 0

/** Three sense-key specific bytes (SPC-4 4.5.2.4): SKSV with a field or segment pointer, or a progress indication. */
const encodeKeySpecific = (task: ScsiTask, target: Buffer, offset: number): void => {
  if (task.senseKey === SenseKey.illegalRequest && task.fieldByte >= 0) {
    // C/D says that the field is in the CDB; BPV that the bit is known.
    const place = task.fieldInParameters ? 0x80 : 0xc0
    target[offset] = place | (task.fieldBit < 0 ? 0 : 0x08 | task.fieldBit)
    target.writeUInt16BE(task.fieldByte, offset + 1)
  } else if (task.senseKey === SenseKey.copyAborted && task.fieldByte >= 0) {
    // SD: the field is in the segment descriptor whose number COMMAND-SPECIFIC INFORMATION has (SPC-4 4.5.2.4.5).
    target[offset] = task.fieldInParameters ? 0x80 : 0xa0
    target.writeUInt16BE(task.fieldByte, offset + 1)
  } else if (task.progress >= 0) {
    target[offset] = 0x80
    target.writeUInt16BE(Math.min(task.progress, 0xffff), offset + 1)
  }
}

/** INFORMATION and COMMAND-SPECIFIC INFORMATION only if they fit into 32 bits. */
const encodeFixed = (task: ScsiTask, target: Buffer, offset: number): number => {
  const { commandSpecific, information } = task
  target.fill(0, offset, offset + fixedSenseLength)
  target[offset] = currentFixed | (fits32(information) ? valid : 0)
  target[offset + 2] = task.senseKey
  if (fits32(information)) target.writeUInt32BE(information, offset + 3)
  target[offset + 7] = fixedSenseLength - 8
  if (fits32(commandSpecific)) target.writeUInt32BE(commandSpecific, offset + 8)
  target.writeUInt16BE(task.senseCode, offset + 12)
  encodeKeySpecific(task, target, offset + 15)
  return fixedSenseLength
}

/** An INFORMATION or COMMAND-SPECIFIC INFORMATION descriptor (SPC-4 4.5.2.2, 4.5.2.3); its end. */
const encodeField = (type: number, value: number, target: Buffer, at: number): number => {
  target[at] = type
  target[at + 1] = fieldDescriptorLength - 2
  if (type === DescriptorType.information) target[at + 2] = valid
  target.writeBigUInt64BE(BigInt(value), at + 4)
  return at + fieldDescriptorLength
}

/** Only the descriptors that there is something to say in. */
const encodeDescriptors = (task: ScsiTask, target: Buffer, offset: number): number => {
  target.fill(0, offset, offset + senseLengthMax)
  target[offset] = currentDescriptor
  target[offset + 1] = task.senseKey
  target.writeUInt16BE(task.senseCode, offset + 2)
  let end = offset + headerLength
  if (task.information >= 0) end = encodeField(DescriptorType.information, task.information, target, end)
  if (task.commandSpecific >= 0) end = encodeField(DescriptorType.commandSpecific, task.commandSpecific, target, end)
  if (hasKeySpecific(task)) {
    target[end] = DescriptorType.keySpecific
    target[end + 1] = keyDescriptorLength - 2
    encodeKeySpecific(task, target, end + 4)
    end += keyDescriptorLength
  }
  target[offset + 7] = end - offset - headerLength
  return end - offset
}

/** Writes the sense data of a task; their length. There must be room for `senseLengthMax` bytes. */
export const encodeSense = (task: ScsiTask, descriptorFormat: boolean, target: Buffer, offset: number): number =>
  descriptorFormat ? encodeDescriptors(task, target, offset) : encodeFixed(task, target, offset)
