/** Changes of reservations in words, by their tags, and as a part of what was at a moment. */
import { assert, describe, it } from "vitest"
import { subjectOf } from "../../src/history/causality/subject.ts"
import { describeRecord } from "../../src/history/describe/describe-record.ts"
import { recordTagging } from "../../src/history/record-tags.ts"
import { stateHeader } from "../../src/history/state-notes.ts"
import { disk1, guide } from "../domain/examples.ts"
import { storedHistory } from "../domain/random-history.ts"
import { askReservations, initiatorA, initiatorB, nexusOf } from "../domain/random-reservations.ts"
import { historyOf } from "../domain/specification.ts"

const a = nexusOf(initiatorA)
const b = nexusOf(initiatorB)
const keyA = "00000000000000a1"
const keyB = "00000000000000b2"

const history = historyOf(
  ...guide,
  askReservations(a, "register", { serviceKey: keyA, persistent: true }),
  askReservations(a, "reserve", { key: keyA, type: 5 }),
  askReservations(b, "register", { serviceKey: keyB }),
  askReservations(b, "preempt-and-abort", { key: keyB, serviceKey: keyA, type: 5 })
)
const records = storedHistory(history.events)
  .map(({ record }) => record)
  .filter(({ type }) => type === "ReservationsChanged")

describe("a change of reservations", () => {
  it("says who has done what", () => {
    assert.deepStrictEqual(records.map(describeRecord), [
      `disk Malloc0: ${initiatorA} is registered with key 0xa1; registrations outlive the process`,
      `disk Malloc0: ${initiatorA} has reserved it: write exclusive, registrants only (type 5)`,
      `disk Malloc0: ${initiatorB} is registered with key 0xb2`,
      `disk Malloc0: ${initiatorB} has preempted ${initiatorA}, and its commands were aborted, ` +
        "and has reserved it: write exclusive, registrants only (type 5)"
    ])
  })

  it("is found by disk, target and all initiators that it names, and is about the disk", () => {
    const [preemption] = records.slice(-1)
    assert.isDefined(preemption)
    if (preemption === undefined) return
    const tags = recordTagging.tagsOf(preemption)
    assert.includeMembers(
      [...tags],
      ["bdev:Malloc0", `target:${disk1}`, `initiator:${initiatorA}`, `initiator:${initiatorB}`]
    )
    assert.deepStrictEqual(subjectOf(preemption), { _tag: "Bdev", name: "Malloc0" })
  })

  it("is a part of the state at a moment", () => {
    const moment = { seq: 1, at: undefined, controlSeq: 1, controlNo: 1, controlHash: "" }
    const text = stateHeader(history.state, moment).join("\n")
    assert.include(text, `Persistent reservations: Malloc0 (write exclusive, registrants only, ${initiatorB}).`)
  })
})
