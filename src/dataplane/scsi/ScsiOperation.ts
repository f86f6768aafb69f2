/**
 * Commands that need data from the initiator before they can be decided, or several steps at the bdev: MODE SELECT,
 * VERIFY, COMPARE AND WRITE, UNMAP and so on. `prepare` checks what the CDB alone decides and calls `task.operate`;
 * the transport gathers the data, keeps the operation apart from others on the same blocks, and begins it.
 */
import type { BdevIo, IoStatus } from "../bdev/Bdev.ts"
import type { IoKind } from "../bdev/statistics/IoCounts.ts"
import type { Nexus } from "./Nexus.ts"
import type { ScsiTask } from "./ScsiTask.ts"
import type { SessionView } from "./SessionView.ts"

/** What a command does once its data are there. One object per kind of command; what is of one run is in its run. */
export interface ScsiOperation {
  /**
   * What it does to the blocks that were named to `task.operate`, if any. `atomic`: no other command touches them
   * between its begin and its end. After an abort, others get BUSY on blocks that are being written.
   */
  readonly use: "reads" | "writes" | "atomic"
  /** Counted as an IO of this kind; absent: it is no IO. */
  readonly counts?: IoKind
  /** Begins, and may end at once. Never throws, never waits. */
  readonly begin: (run: OperationRun) => void
}

/** One operation under way. It belongs to the command until `end`, also when nobody waits for the answer any more. */
export interface OperationRun {
  readonly task: ScsiTask
  readonly nexus: Nexus
  readonly session: SessionView
  /** What the initiator has sent: the first `dataLength` bytes, at most `dataOutLength` of them and perhaps fewer. */
  readonly data: Buffer
  readonly dataLength: number
  /** What it has announced to send (EXPECTED DATA TRANSFER LENGTH): perhaps more or less than the command takes. */
  readonly expectedLength: number
  /** Nobody waits for it any more: an operation of several steps asks before each, and ends when it is so. */
  readonly aborted: boolean
  /** A buffer of at least `bytes` (at most 4 MiB) until the end; undefined when there is none now: end with BUSY. */
  readonly takeBuffer: (bytes: number) => Buffer | undefined
  /** What one IO at the unit's bdev is submitted with (see `BdevIo`). An abort cancels it, if it has not begun. */
  readonly io: (then: (status: IoStatus, byteOffset?: number) => void) => BdevIo
  /** Goes on in a later turn of the event loop, after others' IO. */
  readonly later: (then: () => void) => void
  /**
   * Goes on with work that moves so many bytes on this thread: now, if this turn of the event loop has room for that,
   * else in a later one.
   */
  readonly soon: (workBytes: number, then: () => void) => void
  /**
   * Ends it; a second call does nothing. The task's status and sense, or `task.sendParameters`, say how; `status` is
   * only counted.
   */
  readonly end: (status?: IoStatus) => void
}
