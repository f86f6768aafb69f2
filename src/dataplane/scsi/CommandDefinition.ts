/**
 * What lunlog knows of one SCSI command. Each family of commands has a table of these beside its code; `command-set.ts`
 * joins them, and from it come dispatch, REPORT SUPPORTED OPERATION CODES, names and documentation.
 */
import type { LogicalUnit } from "./LogicalUnit.ts"
import type { Nexus } from "./Nexus.ts"
import type { ScsiTask } from "./ScsiTask.ts"
import type { SessionView } from "./SessionView.ts"

/** Decodes and checks a command of a unit; leaves `task.action` and `task.status` set. Never throws, never waits. */
export type Prepare = (task: ScsiTask, nexus: Nexus, session: SessionView) => void

/** One command. */
export interface CommandDefinition {
  /** As the standards write it: `READ(10)`. */
  readonly name: string
  readonly opcode: number
  /** Bits 4 to 0 of byte 1, for operation codes that several commands share. */
  readonly serviceAction?: number
  /**
   * CDB USAGE DATA (SPC-4 6.35.3) in hexadecimal digits, spaces allowed: opcode and service action themselves, then a
   * one for every bit that is looked at. Its length is the CDB's.
   */
  readonly usage: string
  /** Where the command is defined: `SBC-3 5.9`. */
  readonly clause: string
  readonly prepare: Prepare
  /**
   * What a reservation of another initiator does to it (SPC-4 table 66, SBC-3 table 13): nothing, or a conflict with
   * those that keep others from reading (and writing), or with all.
   */
  readonly reservation: "allowed" | "read" | "write"
  /** Reads or changes the medium: is told 28h/00h, and fails while the medium is out or being erased. */
  readonly usesMedium: boolean
  /** Fails while the medium is out or being erased, although it is not told 28h/00h: it only asks about the medium. */
  readonly needsMedium?: true
  /** Answered with a unit attention pending, which stays (SAM-5 5.14): INQUIRY, REPORT LUNS, REQUEST SENSE. */
  readonly patient?: true
  /** Done while the medium is being sanitized (SBC-4 4.11.2): it only looks at the unit. */
  readonly whileSanitizing?: true
  /** Whether a unit has it; absent: all do. Others refuse it with 5/20/00 in `prepare`. */
  readonly offeredBy?: (unit: LogicalUnit) => boolean
  /** Command timeouts descriptor (SPC-4 6.35.4) in seconds, nominal and recommended; 0 is none. */
  readonly timeouts?: readonly [nominal: number, recommended: number]
}
