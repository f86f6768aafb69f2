/**
 * All commands that lunlog does, and the way from a CDB to one of them: a flat table by operation code, and behind it
 * one by service action for codes that several commands share.
 */
import { capacityCommands } from "./block/capacity.ts"
import { compareAndWriteCommands } from "./block/compare-and-write.ts"
import { defectDataCommands } from "./block/defect-data.ts"
import { lbaStatusCommands } from "./block/lba-status.ts"
import { orWriteCommands } from "./block/or-write.ts"
import { preFetchCommands } from "./block/pre-fetch.ts"
import { preventAllowCommands } from "./block/prevent-allow.ts"
import { readWriteCommands } from "./block/read-write.ts"
import { sanitizeCommands } from "./block/sanitize.ts"
import { startStopCommands } from "./block/start-stop.ts"
import { synchronizeCacheCommands } from "./block/synchronize-cache.ts"
import { unmapCommands } from "./block/unmap.ts"
import { verifyCommands } from "./block/verify.ts"
import { writeAtomicCommands } from "./block/write-atomic.ts"
import { writeSameCommands } from "./block/write-same.ts"
import type { CommandDefinition, Prepare } from "./CommandDefinition.ts"
import { controlByteOf } from "./control-byte.ts"
import { copyCommands } from "./copy/copy-commands.ts"
import { diagnosticCommands } from "./primary/diagnostics.ts"
import { inquiryCommands } from "./primary/inquiry.ts"
import { logCommands } from "./primary/log-sense.ts"
import { modeSelectCommands } from "./primary/mode-select.ts"
import { modeSenseCommands } from "./primary/mode-sense.ts"
import { reportLunsCommands } from "./primary/report-luns.ts"
import { requestSenseCommands } from "./primary/request-sense.ts"
import { supportedOpcodesCommands } from "./primary/supported-opcodes.ts"
import { supportedTaskManagementCommands } from "./primary/supported-task-management.ts"
import { targetPortGroupCommands } from "./primary/target-port-groups.ts"
import { testUnitReadyCommands } from "./primary/test-unit-ready.ts"
import { persistentReserveInCommands } from "./reservations/persistent-reserve-in.ts"
import { persistentReserveOutCommands } from "./reservations/persistent-reserve-out.ts"
import { reserveReleaseCommands } from "./reservations/reserve-release.ts"
import { SenseCode, SenseKey } from "./sense-codes.ts"

const families: ReadonlyArray<ReadonlyArray<CommandDefinition>> = [
  testUnitReadyCommands,
  requestSenseCommands,
  inquiryCommands,
  modeSenseCommands,
  modeSelectCommands,
  logCommands,
  diagnosticCommands,
  reportLunsCommands,
  supportedOpcodesCommands(() => commandSet),
  supportedTaskManagementCommands,
  targetPortGroupCommands,
  readWriteCommands,
  synchronizeCacheCommands,
  startStopCommands,
  preventAllowCommands,
  capacityCommands,
  persistentReserveInCommands,
  persistentReserveOutCommands,
  reserveReleaseCommands,
  sanitizeCommands,
  copyCommands,
  compareAndWriteCommands,
  defectDataCommands,
  lbaStatusCommands,
  orWriteCommands,
  preFetchCommands,
  unmapCommands,
  verifyCommands,
  writeAtomicCommands,
  writeSameCommands
]

const order = ({ opcode, serviceAction = 0 }: CommandDefinition): number => opcode * 32 + serviceAction

/** Every command, ascending by operation code and service action. */
export const commandSet: ReadonlyArray<CommandDefinition> = families.flat().sort((a, b) => order(a) - order(b))

/** What a CDB leads to, with what dispatch asks of it. All are of one shape, which definitions are not. */
export interface CommandEntry {
  /** Undefined: 5/20/00. */
  readonly command: CommandDefinition | undefined
  /** The command's. */
  readonly prepare: Prepare | undefined
  /** Undefined because of its service action, which is 5/24/00 for this operation code. */
  readonly isWrongAction: boolean
  /** Where the CONTROL byte is; 0: not looked at. */
  readonly controlAt: number
  /** By service action, where the operation code has some. */
  readonly actions: ReadonlyArray<CommandEntry> | undefined
}

/**
 * Operation codes of one command with variants, SANITIZE and PERSISTENT RESERVE IN and OUT: a service action that is
 * not there is an invalid field (SPC-4 4.2.5.2).
 */
const oneCommandOpcodes: ReadonlySet<number> = new Set([0x48, 0x5e, 0x5f])

const entryOf = (
  opcode: number,
  command: CommandDefinition | undefined,
  actions?: ReadonlyArray<CommandEntry>
): CommandEntry => ({
  command,
  prepare: command?.prepare,
  isWrongAction: command === undefined && oneCommandOpcodes.has(opcode),
  controlAt: command === undefined ? 0 : controlByteOf(opcode),
  actions
})

const entries: ReadonlyArray<CommandEntry> = Array.from({ length: 256 }, (_, opcode) => {
  const same = commandSet.filter((command) => command.opcode === opcode)
  if (!same.some(({ serviceAction }) => serviceAction !== undefined)) return entryOf(opcode, same[0])
  const byAction = (action: number) => same.find(({ serviceAction }) => serviceAction === action)
  const actions = Array.from({ length: 32 }, (_, action) => entryOf(opcode, byAction(action)))
  return entryOf(opcode, undefined, actions)
})

const nothing: CommandEntry = entryOf(0, undefined)

/** The entry of a CDB: two loads and a compare for commands that have an operation code to themselves. */
export const commandEntryOf = (cdb: Buffer): CommandEntry => {
  const entry = entries[cdb.readUInt8(0)] ?? nothing
  return entry.actions === undefined ? entry : (entry.actions[cdb.readUInt8(1) & 0x1f] ?? nothing)
}

/**
 * Sense key and code for a CDB that leads to no command. An unknown service action is mostly 5/20/00 too, as tgt and
 * SPDK answer: initiators take that for "not there", and 5/24/00 for a mistake of theirs.
 */
export const unsupportedCommand = [SenseKey.illegalRequest, SenseCode.invalidCommandOperationCode] as const
