/** The CONTROL byte, which every CDB has (SAM-5 5.2). */

/**
 * Its place by the opcode's group (SPC-4 4.2.5.1): the last byte of a CDB of fixed length, byte 1 of group 3 (variable
 * length) where it comes early. 0 for vendor specific groups, which have none that is known.
 */
const placeByGroup: ReadonlyArray<number> = [5, 9, 9, 1, 15, 11, 0, 0]

/** Where the CONTROL byte of a CDB is; 0 when it is not known. */
export const controlByteOf = (opcode: number): number => placeByGroup[opcode >> 5] ?? 0

/** CONTROL without its vendor specific bits (SAM-5 5.2): NACA is not supported, the others are obsolete or reserved. */
export const controlMask = 0x3f
