/** SCSI operation codes of block devices (SPC-4 annex F.3): those that lunlog does, and the names of more. */

/** What `prepare` knows. */
export const Opcode = {
  testUnitReady: 0x00,
  requestSense: 0x03,
  read6: 0x08,
  write6: 0x0a,
  inquiry: 0x12,
  modeSense6: 0x1a,
  startStopUnit: 0x1b,
  readCapacity10: 0x25,
  read10: 0x28,
  write10: 0x2a,
  synchronizeCache10: 0x35,
  modeSense10: 0x5a,
  read16: 0x88,
  write16: 0x8a,
  synchronizeCache16: 0x91,
  serviceActionIn16: 0x9e,
  reportLuns: 0xa0,
  maintenanceIn: 0xa3,
  read12: 0xa8,
  write12: 0xaa
} as const

/** Service actions of SERVICE ACTION IN(16) (SBC-3 5.16). */
export const ServiceActionIn16 = { readCapacity16: 0x10 } as const

/** Service actions of MAINTENANCE IN (SPC-4 annex F.3.5). */
export const MaintenanceIn = { reportSupportedOperationCodes: 0x0c } as const

const names: ReadonlyMap<number, string> = new Map([
  [Opcode.testUnitReady, "TEST UNIT READY"],
  [Opcode.requestSense, "REQUEST SENSE"],
  [0x04, "FORMAT UNIT"],
  [0x07, "REASSIGN BLOCKS"],
  [Opcode.read6, "READ(6)"],
  [Opcode.write6, "WRITE(6)"],
  [Opcode.inquiry, "INQUIRY"],
  [0x15, "MODE SELECT(6)"],
  [0x16, "RESERVE(6)"],
  [0x17, "RELEASE(6)"],
  [Opcode.modeSense6, "MODE SENSE(6)"],
  [Opcode.startStopUnit, "START STOP UNIT"],
  [0x1c, "RECEIVE DIAGNOSTIC RESULTS"],
  [0x1d, "SEND DIAGNOSTIC"],
  [0x1e, "PREVENT ALLOW MEDIUM REMOVAL"],
  [Opcode.readCapacity10, "READ CAPACITY(10)"],
  [Opcode.read10, "READ(10)"],
  [Opcode.write10, "WRITE(10)"],
  [0x2e, "WRITE AND VERIFY(10)"],
  [0x2f, "VERIFY(10)"],
  [0x34, "PRE-FETCH(10)"],
  [Opcode.synchronizeCache10, "SYNCHRONIZE CACHE(10)"],
  [0x37, "READ DEFECT DATA(10)"],
  [0x3b, "WRITE BUFFER"],
  [0x3c, "READ BUFFER"],
  [0x41, "WRITE SAME(10)"],
  [0x42, "UNMAP"],
  [0x48, "SANITIZE"],
  [0x4c, "LOG SELECT"],
  [0x4d, "LOG SENSE"],
  [0x55, "MODE SELECT(10)"],
  [0x56, "RESERVE(10)"],
  [0x57, "RELEASE(10)"],
  [Opcode.modeSense10, "MODE SENSE(10)"],
  [0x5e, "PERSISTENT RESERVE IN"],
  [0x5f, "PERSISTENT RESERVE OUT"],
  [0x7f, "VARIABLE LENGTH CDB"],
  [0x83, "EXTENDED COPY"],
  [0x84, "RECEIVE COPY RESULTS"],
  [0x85, "ATA PASS-THROUGH(16)"],
  [Opcode.read16, "READ(16)"],
  [0x89, "COMPARE AND WRITE"],
  [Opcode.write16, "WRITE(16)"],
  [0x8b, "ORWRITE(16)"],
  [0x8e, "WRITE AND VERIFY(16)"],
  [0x8f, "VERIFY(16)"],
  [0x90, "PRE-FETCH(16)"],
  [Opcode.synchronizeCache16, "SYNCHRONIZE CACHE(16)"],
  [0x93, "WRITE SAME(16)"],
  [0x9c, "WRITE ATOMIC(16)"],
  [Opcode.serviceActionIn16, "SERVICE ACTION IN(16)"],
  [Opcode.reportLuns, "REPORT LUNS"],
  [0xa1, "ATA PASS-THROUGH(12)"],
  [Opcode.maintenanceIn, "MAINTENANCE IN"],
  [0xa4, "MAINTENANCE OUT"],
  [Opcode.read12, "READ(12)"],
  [Opcode.write12, "WRITE(12)"],
  [0xae, "WRITE AND VERIFY(12)"],
  [0xaf, "VERIFY(12)"]
])

/** `READ(10)`, or `opcode 0xc1`. */
export const opcodeName = (opcode: number): string =>
  names.get(opcode) ?? `opcode 0x${opcode.toString(16).padStart(2, "0")}`

/**
 * Place of the CONTROL byte by the opcode's group (SPC-4 4.2.5.1): the last byte of a CDB of fixed length, byte 1 of
 * groups 3 (variable length) where it comes early. 0 for vendor specific groups, which have none that is known.
 */
const controlByteByGroup: ReadonlyArray<number> = [5, 9, 9, 1, 15, 11, 0, 0]

/** Where the CONTROL byte of a CDB is; 0 when it is not known. */
export const controlByteOf = (opcode: number): number => controlByteByGroup[opcode >> 5] ?? 0
