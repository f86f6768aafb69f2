/** What is told at once, what as one, and what not at all, however many facts come. */
import { assert, describe, it } from "vitest"
import { FactGate } from "../../../src/dataplane/reactor/FactGate.ts"
import type { ReactorFact, ReactorObservation } from "../../../src/dataplane/reactor/protocol.ts"
import { makeRandom } from "../../support/initiator/random.ts"

type FactOf<Tag extends ReactorObservation["_tag"]> = Extract<ReactorObservation, { readonly _tag: Tag }>

const failure = (bdev: string, logicalBlockAddress = 0): FactOf<"IoFailed"> => ({
  _tag: "IoFailed",
  bdev,
  targetName: "iqn.a",
  lun: 1,
  operation: "read",
  logicalBlockAddress,
  blocks: 1,
  status: "CHECK CONDITION"
})

const slow = (millis: number): FactOf<"SlowIo"> => ({
  _tag: "SlowIo",
  bdev: "a",
  targetName: "iqn.a",
  lun: 1,
  operation: "write",
  millis
})

const refusal = (initiatorAddress: string): ReactorObservation => ({
  _tag: "LoginRefused",
  initiatorName: "",
  initiatorAddress,
  targetName: "",
  portalGroupTag: 1,
  status: 0x202,
  reason: "no"
})

const start = () => {
  const told: Array<ReactorFact> = []
  const clock = { millis: 1000 }
  const gate = new FactGate(
    (fact) => told.push(fact),
    () => clock.millis
  )
  const pass = (millis: number): void => {
    clock.millis += millis
    gate.lookOver()
  }
  return { clock, gate, pass, told, take: () => told.splice(0) }
}

describe("a fact gate", () => {
  it("tells the first of an object at once, and the others when a second is over, as one", () => {
    const { gate, pass, take } = start()
    for (let at = 0; at < 1000; at++) gate.tell(failure("a", at))
    gate.tell(failure("b"))
    assert.deepStrictEqual(take(), [
      { ...failure("a"), repeated: 1 },
      { ...failure("b"), repeated: 1 }
    ])
    pass(999)
    assert.deepStrictEqual(take(), [])
    pass(1)
    assert.deepStrictEqual(take(), [{ ...failure("a", 999), repeated: 999, firstMillisAgo: 1000 }])
    // It goes on: nothing singly, until it has been quiet for an interval.
    gate.tell(failure("a"))
    assert.deepStrictEqual(take(), [])
    pass(1000)
    assert.deepStrictEqual(take(), [{ ...failure("a"), repeated: 1 }])
    pass(1000)
    gate.tell(failure("a"))
    assert.deepStrictEqual(take(), [{ ...failure("a"), repeated: 1 }])
  })

  it("tells the slowest of slow IOs", () => {
    const { gate, take } = start()
    for (const millis of [5, 9, 30, 7]) gate.tell(slow(millis))
    gate.flush()
    assert.deepStrictEqual(take(), [
      { ...slow(5), slowestMillis: 5, repeated: 1 },
      { ...slow(30), slowestMillis: 30, repeated: 3, firstMillisAgo: 0 }
    ])
  })

  it("does not tell all of a flood of peers, and says how many it has left out", () => {
    const { gate, pass, take } = start()
    for (let peer = 0; peer < 10_000; peer++) gate.tell(refusal(`192.0.2.${peer}`))
    const told = take().length
    assert.isBelow(told, 2100)
    // It does not keep disks from being told of.
    gate.tell(failure("a"))
    assert.deepStrictEqual(take(), [{ ...failure("a"), repeated: 1 }])
    pass(1)
    assert.deepStrictEqual(take(), [{ _tag: "ObservationsSuppressed", byType: { LoginRefused: 10_000 - told } }])
    assert.strictEqual(gate.suppressedCount, 10_000 - told)
  })

  it("counts every fact once, in what is told or in what is not", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = makeRandom(seed)
      const { gate, pass, take } = start()
      let given = 0
      for (let step = 0; step < 300; step++) {
        if (random.below(4) === 0) pass(random.below(20_000))
        const times = random.below(60)
        const first = random.below(8000)
        for (let at = 0; at < times; at++, given++) gate.tell(failure(`disk${first + random.below(at + 1)}`))
      }
      gate.flush()
      let found = 0
      for (const told of take()) {
        if (told._tag === "IoFailed") found += told.repeated ?? Number.NaN
        else if (told._tag === "ObservationsSuppressed") found += told.byType["IoFailed"] ?? 0
      }
      assert.strictEqual(found, given, `seed ${seed}`)
    }
  })
})
