/**
 * How many observations are kept, and for how long. What is too much goes by whole segments, the oldest first; control
 * records are never dropped.
 */

/** Each bound by itself: a segment goes when either says so. */
export interface Retention {
  /** So many observations are kept; up to a segment (4096) more may be there. */
  readonly observationsMax: number
  /** Milliseconds. A segment goes when its newest observation is older. */
  readonly observationsMaxAgeMillis: number
}

const dayMillis = 24 * 60 * 60 * 1000

/** Holds until `EventLog.setRetention` says otherwise. */
export const retentionDefault: Retention = { observationsMax: 1_000_000, observationsMaxAgeMillis: 30 * dayMillis }
