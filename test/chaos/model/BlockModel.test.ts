/** The register model by examples: what a read may find, and what a loss of power may leave. */
import { assert, describe, it } from "vitest"
import { BlockModel, type Write } from "./BlockModel.ts"
import { contentOf, zeros } from "./block-content.ts"

const a = contentOf(0, 1)
const b = contentOf(0, 2)
const done = (begin: number, end: number): Write => ({ begin, end, isDone: true, isDurable: false })
const unknown = (begin: number, end: number): Write => ({ begin, end, isDone: false, isDurable: false })
const lost = Number.POSITIVE_INFINITY

const written = (...writes: ReadonlyArray<readonly [content: string, write: Write]>): BlockModel => {
  const model = new BlockModel()
  for (const [content, write] of writes) model.write(0, [content], write)
  return model
}

describe("a block", () => {
  it("holds zeros, then what was written last", () => {
    assert.deepStrictEqual(written().possible(0, { begin: 1, end: 2 }), [zeros])
    assert.deepStrictEqual(written([a, done(1, 2)], [b, done(3, 4)]).possible(0, { begin: 5, end: 6 }), [b])
  })

  it("may hold either of two writes at once, and what is under way", () => {
    assert.sameMembers([...written([a, done(1, 4)], [b, done(2, 3)]).possible(0, { begin: 5, end: 6 })], [a, b])
    assert.sameMembers([...written([a, done(1, 2)], [b, done(3, 9)]).possible(0, { begin: 4, end: 5 })], [a, b])
    assert.deepStrictEqual(written([a, done(1, 2)], [b, done(6, 9)]).possible(0, { begin: 4, end: 5 }), [a])
  })

  it("may get what has failed, or was not answered: that one also later than all others", () => {
    assert.sameMembers([...written([a, done(1, 2)], [b, unknown(3, 4)]).possible(0, { begin: 5, end: 6 })], [a, b])
    const model = written([b, unknown(1, lost)], [a, done(2, 3)])
    assert.sameMembers([...model.possible(0, { begin: 5, end: 6 })], [a, b])
    assert.deepStrictEqual(written([b, unknown(1, 2)], [a, done(3, 4)]).possible(0, { begin: 5, end: 6 }), [a])
  })

  it("holds one thing only, once that was found at rest", () => {
    const model = written([a, done(1, 2)], [b, unknown(3, lost)])
    model.settle(5)
    model.found(0, a, 6)
    assert.deepStrictEqual(model.possible(0, { begin: 7, end: 8 }), [a])
  })
})

describe("after a loss of power a block", () => {
  const leftOf = (model: BlockModel) => {
    model.settle(20)
    model.losePower(21)
    return [...model.possible(0, { begin: 22, end: 23 })]
  }

  it("may hold all that came since a flush, and before it the last", () => {
    assert.sameMembers(leftOf(written([a, done(1, 2)], [b, done(3, 4)])), [zeros, a, b])
    const model = written([a, done(1, 2)], [b, done(5, 6)])
    model.flushed({ begin: 3, end: 4 })
    assert.sameMembers(leftOf(model), [a, b])
  })

  it("holds what was written with FUA, and nothing older", () => {
    assert.deepStrictEqual(leftOf(written([a, done(1, 2)], [b, { ...done(3, 4), isDurable: true }])), [b])
  })

  it("does not hold for sure what was not answered, whatever was flushed", () => {
    const model = written([a, unknown(1, 2)])
    model.flushed({ begin: 3, end: 4 })
    assert.sameMembers(leftOf(model), [zeros, a])
  })
})
