/**
 * What any version of lunlog has written folds, with this one, to the states that were recorded then: byte for byte,
 * for ever. A failure here means that old logs would mean something else. Never change a golden log to make it pass.
 */
import { Effect, Result } from "effect"
import { afterAll, assert, describe, it } from "vitest"
import { LevelEventLog } from "../../eventlog/LevelEventLog.ts"
import { readState } from "../../src/domain/control-start.ts"
import { Event } from "../../src/domain/Event.ts"
import { decodeRecord, encodeEvent } from "../../src/domain/event-codec.ts"
import { initialState, type State } from "../../src/domain/State.ts"
import { decodeSnapshot } from "../../src/domain/snapshot-codec.ts"
import { makeDirectory, removeDirectory } from "../support/target-process.ts"
import { removalsIn } from "./golden-history.ts"
import { canonical, foldRecord, type GoldenLog, type GoldenState, goldenLogs, restoreLog } from "./golden-log.ts"

const remedy =
  "If it is new: let random.ts (or golden-history.ts) make a command that leads to it, and make a golden log of the " +
  "coming release: npm run golden -- VERSION (with --replace if that version is not released)."

const directory = makeDirectory("golden")
afterAll(() => removeDirectory(directory))

const foldBetween = (golden: GoldenLog, from: State, after: number, to: number): State =>
  golden.records.filter(({ seq }) => seq > after && seq <= to).reduce(foldRecord, from)

const loaded = ({ foldVersion, text }: GoldenState): State =>
  Result.getOrThrow(decodeSnapshot(new TextEncoder().encode(text), foldVersion))

const goldens = goldenLogs()

describe.each(goldens.map((golden) => [golden.name, golden] as const))("the golden log of %s", (_, golden) => {
  it("is a whole log: nothing is missing, and each record names the one before", () => {
    let controlHash = ""
    let controlNo = 0
    for (const record of golden.records) {
      if (record.kind !== "control") continue
      assert.strictEqual(record.prevControl, controlHash)
      assert.strictEqual(record.controlNo, ++controlNo)
      controlHash = record.hash
    }
    assert.deepStrictEqual(
      golden.records.map(({ seq }) => seq),
      golden.records.map((_record, index) => index + 1)
    )
  })

  it("folds to each state that was recorded", () => {
    let state = initialState
    let done = 0
    for (const { seq, text } of golden.states) {
      state = foldBetween(golden, state, done, seq)
      done = seq
      assert.strictEqual(canonical(state), text, `after record ${seq}`)
    }
    assert.isAbove(golden.states.length, 10)
  })

  it("folds on from each state that was recorded, to the same end", () => {
    const last = golden.states.at(-1)
    assert(last !== undefined)
    for (const recorded of golden.states) {
      const state = loaded(recorded)
      assert.strictEqual(canonical(state), recorded.text)
      assert.strictEqual(canonical(foldBetween(golden, state, recorded.seq, last.seq)), last.text)
    }
  })

  it("has starts with removals under way, that go on and that forget", () => {
    const starts = golden.states.flatMap((before, index) => {
      const after = golden.states[index + 1]
      if (after === undefined || loaded(after).epoch?.number === loaded(before).epoch?.number) return []
      const mode = loaded(after).epoch?.mode
      return [{ mode, removals: removalsIn(loaded(before)), left: removalsIn(loaded(after)) }]
    })
    assert.isTrue(starts.some(({ mode, removals }) => mode === "resume" && removals > 0))
    assert.isTrue(starts.some(({ mode, removals }) => mode === "empty" && removals > 0))
    assert.isTrue(starts.every(({ left }) => left === 0))
  })

  it("is a log that a target starts from", async () => {
    const path = `${directory}/${golden.name}`
    const start = Effect.gen(function* () {
      yield* restoreLog(golden, path)
      const log = yield* LevelEventLog.make({ directory: path, ballastBytes: 0 })
      return yield* readState(log)
    })
    const { controlSeq, state } = await Effect.runPromise(Effect.scoped(start))
    const last = golden.states.at(-1)
    assert.strictEqual(controlSeq, last?.seq)
    assert.strictEqual(canonical(state), last?.text)
  })
})

describe("golden logs together", () => {
  it("have every type of event, in the version that is written today", () => {
    const versions = new Map<string, Set<number>>()
    const today = new Map<string, number>()
    for (const record of goldens.flatMap(({ records }) => records)) {
      if (record.kind !== "control") continue
      versions.set(record.type, (versions.get(record.type) ?? new Set()).add(record.v))
      today.set(record.type, encodeEvent(Result.getOrThrow(decodeRecord(record))).v)
    }
    const uncovered = Object.keys(Event.cases).filter((tag) => !versions.get(tag)?.has(today.get(tag) ?? 0))
    assert.deepStrictEqual(uncovered, [], `no golden log has these events. ${remedy}`)
  })
})
