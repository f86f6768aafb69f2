/** What a compaction is asked, and what it answers. */
import { Schema } from "effect"
import type { Cause } from "../record.ts"

/** What was put behind the genesis, or would be. */
export interface Compaction {
  /** Control records that went, and their stored bytes. */
  readonly records: number
  readonly bytes: number
  /** The last of them: the log begins behind it. */
  readonly through: number
  /** The file that has them now; none if they were not kept. */
  readonly archive?: string
}

/** How to compact. */
export interface CompactOptions {
  /** Keep the records in a file of the log directory; default true. */
  readonly keepArchive?: boolean
  /** Only say what would go. */
  readonly dryRun?: boolean
  /** Called with the seq that is done and the last one. */
  readonly onProgress?: (done: number, total: number) => void
  /** Who asked for it, for the observation that tells of it. */
  readonly cause?: Cause
}

/** The log is as it was, or, if `detail` says so, partly compacted; it can be read in any case. */
export class CompactFailed extends Schema.TaggedError<CompactFailed>()("CompactFailed", {
  directory: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `cannot compact the event log in ${this.directory}: ${this.detail}`
  }
}
