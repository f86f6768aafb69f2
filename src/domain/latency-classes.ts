/** What latencies of commands are counted by: what they do, and how long they took. */

/** Commands by what they do, whatever their length; `other` is all the rest. */
export const latencyClasses = ["READ", "WRITE", "SYNCHRONIZE CACHE", "UNMAP", "COMPARE AND WRITE", "other"] as const

/** Upper bounds of buckets, in milliseconds, inclusive; what takes longer than the last is counted in one more. */
export const latencyBoundsMillis: ReadonlyArray<number> = [
  ...[0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 25, 100, 250],
  ...[1000, 2500, 10_000]
]

/** How long the commands of one class took. */
export interface ClassLatencies {
  readonly name: (typeof latencyClasses)[number]
  /** All together. */
  readonly sumMillis: number
  /** By bucket, one more than there are bounds. */
  readonly counts: ReadonlyArray<number>
}
