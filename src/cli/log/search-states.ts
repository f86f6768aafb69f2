/** The search of `lunlog log bisect`: which states are looked at, and what is said of each. */
import { Console, Effect } from "effect"
import { Bisection, type Found, type Verdict } from "../../history/bisect/Bisection.ts"
import { CliFailure } from "../CliFailure.ts"

/** A state of the past. */
export interface PastState {
  readonly seq: number
  /** The last change in it. */
  readonly control_seq: number
  readonly text: string
}

/** What to search. */
export interface Search {
  readonly stateAt: (at: string | number) => Effect.Effect<PastState, CliFailure>
  readonly check: (state: PastState) => Effect.Effect<Verdict, CliFailure>
  /** Places. */
  readonly good: string
  readonly bad: string
}

/** States that cannot be told before the search is given up. */
const skippedMax = 64

const tellOf = (seq: number, verdict: Verdict, left: number): string =>
  `record ${seq}: ${verdict}${left === 0 ? "" : `, ${left} more ${left === 1 ? "look" : "looks"} at most`}`

const refused = (message: string): CliFailure => new CliFailure({ message })

/** Both ends must be what they are called, or else the search would end anywhere. */
const checkEnds = ({ bad, check, good, stateAt }: Search) =>
  Effect.gen(function* () {
    const [first, last] = [yield* stateAt(good), yield* stateAt(bad)]
    if (first.control_seq >= last.control_seq) {
      return yield* refused(
        `there is no change from record ${first.seq} (good) to record ${last.seq} (bad); ` +
          "name an earlier place with --good, or a later one with --bad"
      )
    }
    const atFirst = yield* check(first)
    yield* Console.error(tellOf(first.seq, atFirst, 0))
    if (atFirst !== "good") {
      const why = atFirst === "bad" ? "is not good: the check fails there already" : "is one that the check skips"
      return yield* refused(`the state at record ${first.seq} ${why}; name a place with --good where it passes`)
    }
    const atLast = yield* check(last)
    yield* Console.error(tellOf(last.seq, atLast, 0))
    if (atLast !== "bad") {
      const why = atLast === "good" ? "is good: the check passes" : "is one that the check skips"
      return yield* refused(`the state at record ${last.seq} ${why}; name a place with --bad where it fails`)
    }
    return { first, last }
  })

/** The first record with which the check fails, and how often it was asked. */
export const search = (wanted: Search): Effect.Effect<{ readonly found: Found; readonly checks: number }, CliFailure> =>
  Effect.gen(function* () {
    const { first, last } = yield* checkEnds(wanted)
    const bisection = new Bisection(first.seq, last.control_seq)
    const known = new Map<number, Verdict>([[first.control_seq, "good"]])
    let [checks, skipped] = [2, 0]
    for (let next = bisection.next; next !== undefined; next = bisection.next) {
      const state = yield* wanted.stateAt(next)
      const told = known.get(state.control_seq)
      const verdict = told ?? (yield* wanted.check(state))
      bisection.tell(state.seq, state.control_seq, verdict)
      known.set(state.control_seq, verdict)
      if (told !== undefined) continue
      checks++
      skipped += verdict === "skip" ? 1 : 0
      yield* Console.error(tellOf(state.control_seq, verdict, bisection.looksLeft))
      if (skipped >= skippedMax) break
    }
    return { found: bisection.found, checks }
  })
