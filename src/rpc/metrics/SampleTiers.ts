/**
 * Samples of a day in bounded memory: those of the last minutes as they were taken, those of hours before merged by
 * minutes, those of a day by tens of minutes.
 */
import { type MetricsSample, mergedSample } from "./MetricsSample.ts"

/** One resolution. */
export interface SampleTier {
  readonly stepSeconds: number
  /** Samples that are kept. */
  readonly count: number
  /** Targets, LUNs and sessions of a sample, of each. */
  readonly most: number
}

/** 10 minutes, 2 hours, a day. Each step is a multiple of the one before. */
export const sampleTiers: readonly [SampleTier, ...ReadonlyArray<SampleTier>] = [
  { stepSeconds: 5, count: 120, most: 20 },
  { stepSeconds: 60, count: 120, most: 10 },
  { stepSeconds: 600, count: 144, most: 10 }
]

interface Kept {
  readonly tier: SampleTier
  readonly samples: Array<MetricsSample>
  /** Of the tier before, and not enough for one of this one yet. */
  readonly open: Array<MetricsSample>
}

/** One per process. */
export class SampleTiers {
  readonly #tiers: ReadonlyArray<Kept>

  constructor(tiers: ReadonlyArray<SampleTier> = sampleTiers) {
    this.#tiers = tiers.map((tier) => ({ tier, samples: [], open: [] }))
  }

  /** The next one, of the finest step. */
  add(sample: MetricsSample): void {
    let next: MetricsSample | undefined = sample
    for (const [index, kept] of this.#tiers.entries()) {
      if (next === undefined) return
      if (index > 0) next = gather(kept, next, this.#tiers[index - 1]?.tier.stepSeconds ?? 1)
      if (next === undefined) return
      kept.samples.push(next)
      if (kept.samples.length > kept.tier.count) kept.samples.shift()
    }
  }

  /** Oldest first: those of a step that end after `from` and no later than `to` (milliseconds since the epoch). */
  ofStep(stepSeconds: number, from: number, to: number): ReadonlyArray<MetricsSample> {
    const kept = this.#tiers.find(({ tier }) => tier.stepSeconds === stepSeconds)
    return kept?.samples.filter(({ at }) => at > from && at <= to) ?? []
  }
}

/** A sample of this tier, when there are enough of the one before. */
const gather = ({ open, tier }: Kept, sample: MetricsSample, stepBefore: number): MetricsSample | undefined => {
  open.push(sample)
  if (open.length < Math.round(tier.stepSeconds / stepBefore)) return undefined
  const [first, ...later] = open.splice(0)
  return first === undefined ? undefined : mergedSample(first, later, tier.most)
}
