/** Random sources, forked at every single record, in the middle of what was written at once too. */
import { assert, describe, it } from "vitest"
import type { ControlRecord } from "../../eventlog/record.ts"
import type { Event } from "../../src/domain/Event.ts"
import { decodeRecord, encodeEvent } from "../../src/domain/event-codec.ts"
import type { Replay } from "../../src/domain/replay/Replay.ts"
import type { State } from "../../src/domain/State.ts"
import { mapEvent, mapState } from "../../src/history/fork/ForkMapping.ts"
import { ReplaySteps } from "../../src/history/replay/ReplaySteps.ts"
import { startEpoch } from "../domain/examples.ts"
import { assertInvariants } from "../domain/invariants.ts"
import { comparable, forked, randomSource } from "../domain/replay-source.ts"
import { fold, followedBy, type History, nothingYet } from "../domain/specification.ts"
import { byOffset } from "../history/fork/mapping-examples.ts"
import { runSeed } from "../support/initiator/random.ts"

const sources = 400
const commands = 100

/** What goes at the end has gone in the fork, which has started since: the source starts once more, too. */
const recordsOf = (seed: number): { readonly records: ReadonlyArray<ControlRecord>; readonly end: State } => {
  const { batches, end: open } = randomSource(seed, commands)
  const end = followedBy({ ...open, events: [] }, startEpoch())
  const all = [...batches, { first: open.seq + 1, events: end.events }]
  const records = all.flatMap(({ events, first }, batch) =>
    events.map((event, index) => {
      const cause = { source: "rpc", actor: "local", requestId: String(batch) } as const
      const numbers = { seq: first + index, controlNo: first + index, at: batch }
      return { kind: "control", ...numbers, ...encodeEvent(event), cause, prevControl: "", hash: "" } as const
    })
  )
  return { records, end: end.state }
}

const eventOf = (record: ControlRecord): Event => {
  const event = decodeRecord(record)
  if (event._tag === "Failure") throw event.failure
  return event.success
}

/** Plays all records into the fork, as a replay cuts them into steps. */
const played = (fork: History, records: ReadonlyArray<ControlRecord>): History => {
  const steps = new ReplaySteps()
  steps.add(records)
  let after = fork
  for (let step = steps.next(true); step !== undefined; step = steps.next(true)) {
    steps.take(step)
    const events = step.records.map((record) => ({
      seq: record.seq,
      event: mapEvent(byOffset, record.kind === "control" ? eventOf(record) : assert.fail())
    }))
    after = followedBy(after, { _tag: "ReplayRecords", through: step.records.at(-1)?.seq ?? 0, records: events })
    assertInvariants(after.state, after.seq)
  }
  return after
}

/** A fork has started once more than its source, with disks in memory that are new. */
const withoutStart = (state: State, replay?: Replay): string =>
  comparable({ ...state, epoch: undefined }, replay).replace(/"contentLost":(?:true|false),/gu, "")

describe("a fork at any record", () => {
  it("starts, and a replay of all the rest brings it where the source is", () => {
    const first = runSeed(71) % 1_000_000
    for (let seed = first; seed < first + sources; seed++) {
      const { end, records } = recordsOf(seed)
      let source = nothingYet
      for (const [index, record] of records.entries()) {
        source = fold({ ...source, events: [] }, [eventOf(record)])
        if (source.state.epoch === undefined) continue
        const base = { state: mapState(byOffset, source.state), seq: source.seq, events: [] }
        const begun = followedBy(forked(base, byOffset), startEpoch())
        assertInvariants(begun.state, begun.seq)
        const waiting = followedBy(begun, { _tag: "StartReplay", through: records.length + 1 })
        const { state } = played(waiting, records.slice(index + 1))
        assert.strictEqual(
          withoutStart(state, state.replay),
          withoutStart(mapState(byOffset, end)),
          `seed ${seed}, record ${record.seq}`
        )
      }
    }
  })
})
