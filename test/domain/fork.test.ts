/** The beginning of a fork: said once, before anything else, and known for good. */
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { decide } from "../../src/domain/decide.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { guide, startEpoch } from "./examples.ts"
import { throughSnapshot } from "./invariants.ts"
import { forked } from "./random.ts"
import { historyOf } from "./specification.ts"

const source = historyOf(...guide)
const begin = { _tag: "RecordForked", ...forked(source.seq) } as const

const begun = () => {
  const events = Result.getOrThrow(decide(source.state, begin))
  return events.reduce((state, event, index) => evolve(state, event, source.seq + index + 1), source.state)
}

describe("a fork", () => {
  it("begins with what its source was, and knows where it is from", () => {
    const state = begun()
    assert.deepInclude(state.fork, { ...forked(source.seq), since: source.seq + 1 })
    assert.deepStrictEqual({ ...state, fork: undefined }, source.state)
    assert.deepStrictEqual(throughSnapshot(state).fork, state.fork)
  })

  it("stays one through every start", () => {
    for (const mode of ["resume", "empty"] as const) {
      const events = Result.getOrThrow(decide(begun(), startEpoch(mode)))
      const state = events.reduce((before, event) => evolve(before, event, source.seq + 2), begun())
      assert.strictEqual(state.fork?.sourceSeq, source.seq)
    }
  })

  it.each([
    ["twice", begun(), begin],
    ["once it has started", evolve(source.state, { _tag: "EpochStarted", ...startOf() }, source.seq + 2), begin]
  ])("is not begun %s", (_what, state, command) => {
    const decision = decide(state, command)
    assert.isTrue(Result.isFailure(decision))
    if (Result.isFailure(decision)) assert.strictEqual(decision.failure._tag, "WrongState")
  })
})

function startOf() {
  return { epoch: 2, mode: "resume", instanceId: forked(1).sourceInstanceId, version: "0.1.0" } as const
}
