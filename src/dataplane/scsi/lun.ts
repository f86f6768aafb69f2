/** The 8-byte LUN field (SAM-5 4.7): the forms that lunlog's LUNs 0 to 16383 and the well-known unit have. */

/** REPORT LUNS well-known logical unit: extended addressing, W-LUN 01h (SAM-5 4.7.7.5.1). */
export const reportLunsWellKnownLun = 0xc101

/**
 * The LUN in the field at `offset`: peripheral device addressing (bus 0) and flat space addressing for 0..16383,
 * `reportLunsWellKnownLun`, or -1 for every other form, which names a unit that can't exist here.
 */
export const decodeLun = (field: Buffer, offset: number): number => {
  const first = field.readUInt16BE(offset)
  if (field.readUInt32BE(offset + 2) !== 0 || field.readUInt16BE(offset + 6) !== 0) return -1
  if (first < 256) return first
  if (first >> 14 === 1) return first & 0x3fff
  return first === reportLunsWellKnownLun ? first : -1
}

/** Writes 8 bytes: peripheral device addressing below 256, flat space addressing above, or the well-known LUN. */
export const encodeLun = (lun: number, target: Buffer, offset: number): void => {
  const first = lun < 256 || lun === reportLunsWellKnownLun ? lun : 0x4000 | lun
  target.writeUInt16BE(first, offset)
  target.fill(0, offset + 2, offset + 8)
}
