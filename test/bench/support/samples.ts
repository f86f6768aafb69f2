/** Samples of several rounds become medians with their spread, and ratios that are taken round by round. */
import type { Aim, Ratio, Row, Spread } from "./BenchResult.ts"

/** The values of each contender, one per round. */
export type Samples = Readonly<Record<string, ReadonlyArray<number>>>

/** Which two contenders a ratio is of, and which way it is the better one (default: more). */
export interface RatioOf {
  readonly over: string
  readonly under: string
  readonly better?: "more" | "less"
  readonly aim?: Aim
}

/** Four significant digits: no more are known, and results of two runs differ in fewer places. */
const rounded = (value: number): number => Number(value.toPrecision(4))

const medianOf = (sorted: ReadonlyArray<number>): number => {
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Median, lowest and highest of some samples, at least one. */
export const spreadOf = (samples: ReadonlyArray<number>): Spread => {
  const sorted = samples.toSorted((a, b) => a - b)
  return {
    median: rounded(medianOf(sorted)),
    low: rounded(sorted[0] ?? Number.NaN),
    high: rounded(sorted.at(-1) ?? Number.NaN)
  }
}

/** Undefined when one of the two has no samples. */
export const ratioOf = (samples: Samples, { aim, better = "more", over, under }: RatioOf): Ratio | undefined => {
  const [overs, unders] = [samples[over] ?? [], samples[under] ?? []]
  if (overs.length === 0 || unders.length === 0) return undefined
  // The ratio of the medians; the rounds' own ratios only say how far it can be off.
  const { median } = spreadOf([spreadOf(overs).median / spreadOf(unders).median])
  const { high, low } = spreadOf(overs.flatMap((value, round) => value / (unders[round] ?? Number.NaN)))
  const common = { name: `${over} : ${under}`, median, low: Math.min(low, median), high: Math.max(high, median) }
  return { ...common, better, ...(aim === undefined ? {} : { aim }) }
}

/** A row of samples. Ratios of contenders that did not take part are left out. */
export const rowOf = (
  { at, name, title }: Pick<Row, "name" | "title" | "at">,
  samples: Samples,
  ratios: ReadonlyArray<RatioOf> = []
): Row => ({
  name,
  title,
  ...(at === undefined ? {} : { at }),
  values: Object.fromEntries(Object.entries(samples).map(([label, taken]) => [label, spreadOf(taken)])),
  ratios: ratios.flatMap((each) => ratioOf(samples, each) ?? [])
})

/**
 * Takes one sample of each contender, then the next of each, so that drift of the machine hits all alike. `take` gives
 * what is to be kept of one turn.
 */
export const inTurns = async <C extends { readonly label: string }>(
  contenders: ReadonlyArray<C>,
  rounds: number,
  take: (contender: C, round: number) => Promise<number>
): Promise<Samples> => {
  const samples: Record<string, Array<number>> = Object.fromEntries(contenders.map(({ label }) => [label, []]))
  for (let round = 0; round < rounds; round++) {
    for (const each of contenders) samples[each.label]?.push(await take(each, round))
  }
  return samples
}

/** Whether a ratio is what it should be; undefined when nothing is aimed at. */
export const isMet = ({ aim, median }: Ratio): boolean | undefined =>
  aim === undefined
    ? undefined
    : median >= (aim.atLeast ?? Number.NEGATIVE_INFINITY) && median <= (aim.atMost ?? Number.POSITIVE_INFINITY)
