/**
 * Who is told of IO that did not go well. Called on the data path, but never for an IO that succeeds in time: that
 * costs one comparison. Implementations must not throw and must not wait.
 */
import type { IoStatus } from "../bdev/Bdev.ts"
import type { IoKind } from "../bdev/statistics/IoCounts.ts"
import type { IscsiTask } from "./IscsiTask.ts"
import type { Session } from "./Session.ts"

/** One per reactor. */
export interface IoWatch {
  /** An IO that takes at least so many milliseconds is slow; infinite: none is. */
  readonly slowMillis: number
  /** It was slow; it may be one that nobody waits for any more. */
  readonly slow: (task: IscsiTask, millis: number, status: IoStatus) => void
  /** It failed: the task has the status and sense data that its initiator gets. */
  readonly failed: (task: IscsiTask, session: Session, kind: IoKind) => void
  /** It was turned away for want of room: TASK SET FULL or BUSY. */
  readonly turnedAway: (task: IscsiTask, session: Session, reason: string) => void
}

/** Nobody looks. */
export const unwatched: IoWatch = {
  slowMillis: Number.POSITIVE_INFINITY,
  slow: () => {},
  failed: () => {},
  turnedAway: () => {}
}
