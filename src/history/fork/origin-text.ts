/** Where a fork is from, in words. */
import { timeText } from "../position.ts"

/** Which log, which record of it, and when that was written, in microseconds since 1970. */
export interface SourcePlace {
  readonly sourceInstanceId: string
  readonly sourceSeq: number
  readonly sourceAt: number
}

/** `fork of INSTANCE as of record 42 (2026-11-22T14:03:05.123456Z)`. */
export const originText = ({ sourceAt, sourceInstanceId, sourceSeq }: SourcePlace): string =>
  `fork of ${sourceInstanceId} as of record ${sourceSeq} (${timeText(sourceAt)})`
