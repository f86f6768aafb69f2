/** The search for the first bad record: as looking at each in turn would find it, but with few looks. */
import { assert, describe, it } from "vitest"
import { Bisection, type Found, type Verdict } from "../../src/history/bisect/Bisection.ts"
import { makeRandom, runSeed } from "../support/initiator/random.ts"

interface Tried {
  readonly found: Found
  readonly looks: number
}

/** `controls` are the seqs of changes; `verdict` is of the state with all changes up to one of them. */
const searched = (
  controls: ReadonlyArray<number>,
  good: number,
  bad: number,
  verdict: (controlSeq: number) => Verdict
): Tried => {
  const bisection = new Bisection(good, bad)
  const known = new Map<number, Verdict>()
  for (let next = bisection.next; next !== undefined; next = bisection.next) {
    assert.isTrue(next > good && next < bad, `looked at ${next} outside of ${good} to ${bad}`)
    const control = controls.findLast((seq) => seq <= next) ?? 0
    const told = known.get(control) ?? verdict(control)
    known.set(control, told)
    bisection.tell(next, control, told)
    assert.isAtMost(known.size, controls.length + 1)
  }
  return { found: bisection.found, looks: known.size }
}

const randomControls = (random: ReturnType<typeof makeRandom>): ReadonlyArray<number> => {
  const share = random.pick([0.1, 0.5, 1])
  return Array.from({ length: 2 + random.below(400) }, (_, index) => index + 1).filter((seq) => {
    return seq <= 2 || random.chance(share)
  })
}

describe("a search by halving", () => {
  it("finds the first bad record with few looks", () => {
    const random = makeRandom(runSeed(12))
    for (let i = 0; i < 500; i++) {
      const controls = randomControls(random)
      const first = controls[1 + random.below(controls.length - 1)] ?? 2
      const last = controls.at(-1) ?? 2
      const { found, looks } = searched(controls, 1, last, (seq) => (seq >= first ? "bad" : "good"))
      assert.deepStrictEqual(found, { _tag: "First", first })
      assert.isAtMost(looks, Math.ceil(Math.log2(last)) + 1)
    }
  })

  it("where states cannot be told, ends with the records that it may be", () => {
    const random = makeRandom(runSeed(13))
    for (let i = 0; i < 500; i++) {
      const controls = randomControls(random)
      const first = controls[1 + random.below(controls.length - 1)] ?? 2
      const last = controls.at(-1) ?? 2
      const from = random.below(last + 1)
      const isSkipped = (seq: number) => seq >= from && seq < from + 40
      const verdict = (seq: number): Verdict => (isSkipped(seq) ? "skip" : seq >= first ? "bad" : "good")
      const { found } = searched(controls, 1, last, verdict)
      if (found._tag === "First") assert.strictEqual(found.first, first)
      else {
        assert.isTrue(found.good < first && first <= found.bad)
        const between = controls.filter((seq) => seq > found.good && seq < found.bad)
        assert.isTrue(between.every(isSkipped), `${found.good} ${found.bad}`)
      }
    }
  })

  it("has nothing to look at where the ends are neighbours", () => {
    const bisection = new Bisection(4, 5)
    assert.isUndefined(bisection.next)
    assert.deepStrictEqual(bisection.found, { _tag: "First", first: 5 })
  })
})
