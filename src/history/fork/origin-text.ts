/** Where a fork is from, in words. */
import { timeText } from "../position.ts"

/** Which log, its last change at that moment, and the moment, in microseconds since 1970. */
export interface SourcePlace {
  readonly sourceInstanceId: string
  readonly sourceSeq: number
  readonly sourceAt: number
}

/** `fork of INSTANCE as of 2026-11-22T14:03:05.123456Z (last change: record 42)`. */
export const originText = ({ sourceAt, sourceInstanceId, sourceSeq }: SourcePlace): string =>
  `fork of ${sourceInstanceId} as of ${timeText(sourceAt)} (last change: record ${sourceSeq})`
