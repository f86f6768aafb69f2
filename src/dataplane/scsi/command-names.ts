/** Names of SCSI commands, for people: those of the command set, and more that initiators may send. */
import { commandSet } from "./command-set.ts"

/** Operation codes with service actions: what they have in common. */
const sharedNames: ReadonlyArray<readonly [opcode: number, name: string]> = [
  [0x48, "SANITIZE"],
  [0x5e, "PERSISTENT RESERVE IN"],
  [0x5f, "PERSISTENT RESERVE OUT"],
  [0x7f, "VARIABLE LENGTH CDB"],
  [0x83, "EXTENDED COPY"],
  [0x84, "RECEIVE COPY RESULTS"],
  [0x9e, "SERVICE ACTION IN(16)"],
  [0xa3, "MAINTENANCE IN"],
  [0xa4, "MAINTENANCE OUT"]
]

/** Commands of block devices that lunlog does not do (SPC-4 annex F.3). */
const otherNames: ReadonlyArray<readonly [opcode: number, name: string]> = [
  [0x04, "FORMAT UNIT"],
  [0x07, "REASSIGN BLOCKS"],
  [0x16, "RESERVE(6)"],
  [0x17, "RELEASE(6)"],
  [0x2e, "WRITE AND VERIFY(10)"],
  [0x2f, "VERIFY(10)"],
  [0x34, "PRE-FETCH(10)"],
  [0x37, "READ DEFECT DATA(10)"],
  [0x3b, "WRITE BUFFER"],
  [0x3c, "READ BUFFER"],
  [0x41, "WRITE SAME(10)"],
  [0x42, "UNMAP"],
  [0x56, "RESERVE(10)"],
  [0x57, "RELEASE(10)"],
  [0x85, "ATA PASS-THROUGH(16)"],
  [0x89, "COMPARE AND WRITE"],
  [0x8b, "ORWRITE(16)"],
  [0x8e, "WRITE AND VERIFY(16)"],
  [0x8f, "VERIFY(16)"],
  [0x90, "PRE-FETCH(16)"],
  [0x93, "WRITE SAME(16)"],
  [0x9c, "WRITE ATOMIC(16)"],
  [0xa1, "ATA PASS-THROUGH(12)"],
  [0xae, "WRITE AND VERIFY(12)"],
  [0xaf, "VERIFY(12)"]
]

/** What comes later counts: a command of the set keeps its own name, one with service actions has the shared one. */
const names: ReadonlyMap<number, string> = new Map([
  ...otherNames,
  ...commandSet.map(({ name, opcode }) => [opcode, name] as const),
  ...sharedNames
])

/** `READ(10)`, or `opcode 0xc1`. */
export const opcodeName = (opcode: number): string =>
  names.get(opcode) ?? `opcode 0x${opcode.toString(16).padStart(2, "0")}`
