/**
 * What the log pages tell of a unit's reads and writes: its IO statistics, less what they were when LOG SELECT reset
 * the counters. Statistics that somebody resets by RPC begin anew here too.
 */
import { IoKind } from "../../bdev/statistics/IoCounts.ts"
import type { IoStatistics } from "../../bdev/statistics/IoStatistics.ts"

/** Of one kind of IO. */
export interface LogCounts {
  readonly ops: number
  readonly bytes: number
  /** Sum of the latencies of those that succeeded. */
  readonly latencyNanos: number
  /** IOs that the medium could not do. */
  readonly failures: number
}

const nothing: LogCounts = { ops: 0, bytes: 0, latencyNanos: 0, failures: 0 }

/** Of one unit. */
export class LogCounters {
  readonly #statistics: IoStatistics
  #base = { read: nothing, write: nothing }

  constructor(statistics: IoStatistics) {
    this.#statistics = statistics
  }

  get read(): LogCounts {
    return this.#since(IoKind.read, this.#base.read)
  }

  get write(): LogCounts {
    return this.#since(IoKind.write, this.#base.write)
  }

  /** Everything begins at 0. */
  reset(): void {
    this.#base = { read: this.#now(IoKind.read), write: this.#now(IoKind.write) }
  }

  #now(kind: IoKind): LogCounts {
    return { ...this.#statistics.countsOf(kind), failures: this.#statistics.failuresOf(kind) }
  }

  #since(kind: IoKind, base: LogCounts): LogCounts {
    const now = this.#now(kind)
    const since = (name: keyof LogCounts): number => (now[name] < base[name] ? now[name] : now[name] - base[name])
    return {
      ops: since("ops"),
      bytes: since("bytes"),
      latencyNanos: since("latencyNanos"),
      failures: since("failures")
    }
  }
}
