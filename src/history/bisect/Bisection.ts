/**
 * The search for the first record with which something is bad, by looking at as few states as possible. All records
 * up to the next change have the same state, so that one look tells of all of them.
 */

/** What a check says of a state; `skip`: it cannot tell. */
export type Verdict = "good" | "bad" | "skip"

/** What is known at the end. */
export type Found =
  /** The state before `first` is good, with it it is bad. */
  | { readonly _tag: "First"; readonly first: number }
  /** One of the records after `good` and up to `bad`: what lies between could not be told. */
  | { readonly _tag: "Between"; readonly good: number; readonly bad: number }

interface Span {
  readonly from: number
  readonly to: number
}

/** 1/2, 1/4, 3/4, 1/8 ...: where states cannot be told, it is of no use to look close by again. */
const fraction = (index: number): number => {
  let value = 0
  for (let rest = index + 1, part = 0.5; rest > 0; rest = Math.floor(rest / 2), part /= 2) value += (rest % 2) * part
  return value
}

/** Seqs: the state at `good` is good, the one at `bad`, which is later, is bad. */
export class Bisection {
  #good: number
  #bad: number
  #skipped: ReadonlyArray<Span> = []

  constructor(good: number, bad: number) {
    this.#good = good
    this.#bad = bad
  }

  /** How many more looks there are at most, if all of them tell. */
  get looksLeft(): number {
    return Math.ceil(Math.log2(Math.max(1, this.#bad - this.#good)))
  }

  /** The record whose state to look at next; undefined when there is no more to learn. */
  get next(): number | undefined {
    const inside = this.#skipped.filter(({ from, to }) => to > this.#good && from < this.#bad)
    const width = this.#bad - this.#good
    const wanted = this.#good + Math.max(1, Math.floor(width * fraction(inside.length)))
    return this.#nearest(wanted, inside)
  }

  /** What the state at `seq` is, in which `controlSeq` is the last change. */
  tell(seq: number, controlSeq: number, verdict: Verdict): void {
    if (verdict === "good") this.#good = Math.max(this.#good, seq)
    else if (verdict === "bad") this.#bad = Math.min(this.#bad, Math.max(controlSeq, this.#good + 1))
    else this.#skipped = [...this.#skipped, { from: Math.min(controlSeq, seq), to: seq }]
  }

  get found(): Found {
    return this.#bad - this.#good <= 1
      ? { _tag: "First", first: this.#bad }
      : { _tag: "Between", good: this.#good, bad: this.#bad }
  }

  /** Between good and bad, and in no span that is skipped. */
  #nearest(wanted: number, skipped: ReadonlyArray<Span>): number | undefined {
    const outOf = (start: number, step: -1 | 1): number | undefined => {
      for (let at = start; at > this.#good && at < this.#bad; ) {
        const span = skipped.find(({ from, to }) => at >= from && at <= to)
        if (span === undefined) return at
        at = step === 1 ? span.to + 1 : span.from - 1
      }
      return undefined
    }
    const [below, above] = [outOf(wanted, -1), outOf(wanted, 1)]
    if (below === undefined || above === undefined) return below ?? above
    return wanted - below <= above - wanted ? below : above
  }
}
