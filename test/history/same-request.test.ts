/** Which records came with another: of one request, or of one start of the process, and of no other. */
import { assert, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { describe } from "vitest"
import type { Cause, ControlRecord } from "../../eventlog/record.ts"
import { sameRequest } from "../../src/history/causality/same-request.ts"

const boot: Cause = { source: "boot", actor: "local" }

const control = (seq: number, type: string, cause: Cause = boot, at = seq): ControlRecord => ({
  seq,
  at,
  kind: "control",
  type,
  v: 1,
  cause,
  payload: {},
  controlNo: seq,
  prevControl: "",
  hash: ""
})

/** Seqs of what came with each record, before and after it. */
const neighbours = (...records: ReadonlyArray<ControlRecord>) =>
  Effect.forEach(records, (record) =>
    Effect.map(sameRequest({ read: () => Stream.fromIterable(records) }, record), ({ after, before }) => [
      before.map(({ seq }) => seq),
      after.map(({ seq }) => seq)
    ])
  )

describe("a start", () => {
  it.effect("is not the one before it, though nothing was changed between them", () =>
    Effect.gen(function* () {
      const starts = [control(1, "EpochStarted"), control(2, "EpochStarted"), control(3, "EpochStarted")]
      assert.deepStrictEqual(yield* neighbours(...starts), [
        [[], []],
        [[], []],
        [[], []]
      ])
    })
  )

  it.effect("has with it what it has put in order", () =>
    Effect.gen(function* () {
      const records = [control(1, "EpochStarted"), control(2, "EpochStarted"), control(3, "LunRemoved")]
      assert.deepStrictEqual(yield* neighbours(...records, control(4, "EpochStarted")), [
        [[], []],
        [[], [3]],
        [[2], []],
        [[], []]
      ])
    })
  )
})
