/** Timelines: what they show of a log that real sessions have written, and that their size is bounded. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { openForReading } from "../../eventlog/open-for-reading.ts"
import type { Position } from "../../src/history/position.ts"
import { recordTagging } from "../../src/history/record-tags.ts"
import { stateAt } from "../../src/history/state-at.ts"
import { LaneTrack } from "../../src/history/timeline/LaneTrack.ts"
import { readTimeline } from "../../src/history/timeline/read-timeline.ts"
import type { Lane, Phase, Timeline } from "../../src/history/timeline/Timeline.ts"
import { ticksOf } from "../../src/history/timeline/time-axis.ts"
import { timelineSvg } from "../../src/history/timeline/timeline-svg.ts"
import { timelineLines } from "../../src/history/timeline/timeline-text.ts"
import { makeRandom, runSeed } from "../support/initiator/random.ts"
import { type SessionLog, sessionLog } from "../support/session-log.ts"

const timelineOf = (source: SessionLog, since: Position, objects?: ReadonlySet<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const log = yield* openForReading(source.logDirectory, { tagging: recordTagging })
      const query = { since, until: { _tag: "Back", count: 0 }, cells: 200, ...(objects && { objects }) } as const
      const state = (seq: number) => Effect.map(stateAt(log, seq), (found) => found.state)
      const found = yield* readTimeline(log, query, state, ({ type }) => type)
      assert(found !== undefined)
      return found
    })
  )

const laneOf = ({ lanes }: Timeline, title: string): Lane => {
  const lane = lanes.find((one) => one.title === title)
  assert(lane !== undefined, `${title} of ${lanes.map((one) => one.title).join(", ")}`)
  return lane
}

const plain = { ascii: false, paint: (_role: string, text: string) => text, listMax: 20 }

describe("the timeline of a log", () => {
  it.live("shows what there was, from its record to its record, and where nothing was served", () =>
    Effect.gen(function* () {
      using source = yield* Effect.promise(() => sessionLog("whole"))
      const timeline = yield* timelineOf(source, { _tag: "Seq", seq: 1 })
      const removal = source.record("LunRemovalStarted")
      const { lun } = removal.payload
      const removed = timeline.lanes.filter(({ kind, title }) => kind === "lun" && title.startsWith(`LUN ${lun}:`))
      const spans = removed.flatMap((lane) => lane.spans)
      assert.isTrue(spans.some(({ phase, to_seq: end }) => phase === "active" && end === removal.seq))
      assert.isTrue(spans.some(({ from_seq: start, phase }) => phase === "draining" && start === removal.seq))
      const starts = source.records.filter(({ type }) => type === "EpochStarted")
      assert.strictEqual(
        laneOf(timeline, "process").spans.filter(({ phase }) => phase === "active").length,
        starts.length
      )
      const crash = laneOf(timeline, "process").marks.filter(({ severity }) => severity === "error")
      assert.isTrue(crash.some(({ seq }) => starts.some((start) => start.seq === seq)))
      const sessions = timeline.lanes.filter(({ kind, spans: open }) => kind === "sessions" && open.length > 0)
      assert.isAbove(sessions.length, 1)
      assert.strictEqual(timeline.records, source.records.length)
    })
  )

  it.live("begins with what was there already, sessions too", () =>
    Effect.gen(function* () {
      using source = yield* Effect.promise(() => sessionLog("whole"))
      const opened = source.record("SessionOpened")
      const timeline = yield* timelineOf(source, { _tag: "Seq", seq: opened.seq + 1 })
      const title = `${opened.payload["initiatorName"]} > ${opened.payload["targetName"]}`
      const [session] = laneOf(timeline, title).spans
      assert.deepInclude(session, { phase: "open", from: timeline.from.at })
      assert.isFalse(Object.hasOwn(session ?? {}, "from_seq"))
      const [target] = laneOf(timeline, String(opened.payload["targetName"])).spans
      assert.deepInclude(target, { phase: "active", from: timeline.from.at })
    })
  )
})

describe("of one object", () => {
  it.live("the timeline has its lane, and what it stands on", () =>
    Effect.gen(function* () {
      using source = yield* Effect.promise(() => sessionLog("whole"))
      const lanesOf = (tag: string) =>
        Effect.map(timelineOf(source, { _tag: "Seq", seq: 1 }, new Set([tag])), ({ lanes }) =>
          lanes.map(({ title }) => title)
        )
      const { disk1, hostB, disk2 } = source.names
      assert.deepStrictEqual(yield* lanesOf(`lun:${disk1}/1`), ["process", disk1, "LUN 1: EE_bad", "bdev EE_bad"])
      assert.deepStrictEqual(yield* lanesOf(`initiator:${hostB}`), ["process", `${hostB} > ${disk2}`])
      assert.include(yield* lanesOf(`target:${disk2}`), "bdev slow")
      assert.notInclude(yield* lanesOf(`target:${disk2}`), disk1)
    })
  )
})

describe("a lane", () => {
  it("holds no more than its cells, whatever happens in it, and loses no count", () => {
    const random = makeRandom(runSeed(99))
    const lane = new LaneTrack("lun", "LUN 0", { from: 0, to: 1_000_000, cell: 20_000 })
    let at = 0
    for (let seq = 1; at < 1_000_000; seq++) {
      const phase = random.pick<Phase | undefined>(["active", "draining", "failed", undefined])
      if (phase === undefined) lane.end(at, seq)
      else lane.begin(phase, at, seq)
      lane.mark("error", at, seq, 2, () => "broken")
      at += random.below(40)
    }
    const { marks, spans } = lane.finish()
    assert.isAtMost(marks.length, 50)
    assert.isAtMost(spans.length, 150)
    assert.isAbove(
      marks.reduce((sum, { count }) => sum + count, 0),
      50_000
    )
    for (const [i, span] of spans.entries()) assert.isAtMost(spans[i - 1]?.to ?? 0, span.from)
  })
})

const hostile = `<script>alert("x")</script>&\u0007\ud800${"é".repeat(300)}`

const madeUp = (random: ReturnType<typeof makeRandom>): Timeline => {
  const from = 1_795_000_000_000_000
  const length = random.pick([1, 5_000, 3_000_000, 86_400_000_000 * 3, 86_400_000_000 * 900])
  const time = () => from + random.below(length + 1)
  const lane = (index: number): Lane => {
    const ends = [time(), time()].sort((a, b) => a - b)
    const at = time()
    return {
      kind: random.pick(["process", "lun", "sessions"]),
      title: index % 3 === 0 ? hostile : `lane ${index}`,
      spans: [{ phase: random.pick(["active", "open", "unknown"]), from: ends[0] ?? from, to: ends[1] ?? from }],
      marks: [
        {
          severity: random.pick(["error", "note"]),
          at,
          until: at,
          seq: index,
          records: 1 + (index % 2),
          count: 2,
          text: hostile
        }
      ]
    }
  }
  const lanes = Array.from({ length: random.below(12) }, (_, index) => lane(index))
  const to = { seq: 9, at: from + length }
  return { from: { seq: 1, at: from }, to, cell_micros: 1, records: 9, lanes, lanes_hidden: random.below(2) }
}

describe("a picture", () => {
  it("as text is never wider than it may be, and all ASCII if it shall", () => {
    const random = makeRandom(runSeed(5))
    for (let i = 0; i < 200; i++) {
      const timeline = madeUp(random)
      const width = 40 + random.below(160)
      const chart = timelineLines(timeline, { ...plain, width }).slice(2, 4 + timeline.lanes.length)
      for (const line of chart) assert.isAtMost([...line].length, width)
      const lanes = timeline.lanes.map((lane) => ({ ...lane, title: "t", marks: [] }))
      const inAscii = timelineLines({ ...timeline, lanes }, { ...plain, width, ascii: true }).join("\n")
      assert.match(inAscii, /^[\n -~]*$/)
    }
  })

  it("as SVG is well-formed and has no script, whatever names it shows", () => {
    const random = makeRandom(runSeed(6))
    for (let i = 0; i < 50; i++) {
      const svg = timelineSvg(madeUp(random))
      assert.notInclude(svg, "<script")
      assert.isTrue(svg.isWellFormed())
      const open: Array<string> = []
      for (const [, end, name, alone] of svg.matchAll(/<(\/?)([a-z]+)(?:\s+[a-zA-Z0-9:-]+="[^"<]*")*(\/?)>/g)) {
        if (end === "/") assert.strictEqual(open.pop(), name)
        else if (alone === "") open.push(name ?? "")
      }
      assert.deepStrictEqual(open, [])
      assert.notMatch(svg.replace(/<\/?[a-z]+(?:\s+[a-zA-Z0-9:-]+="[^"<]*")*\/?>/g, ""), /[<>]|&(?!\w+;|#39;)/)
    }
  })

  it("has times at its axis that people count in", () => {
    const hour = 3_600_000_000
    const noon = 1_795_348_800_000_000
    const labels = (from: number, to: number, width: number) => ticksOf(from, to, width).map(({ label }) => label)
    assert.deepStrictEqual(labels(noon, noon + hour, 60), ["12:00", "12:10", "12:20", "12:30", "12:40", "12:50"])
    assert.deepStrictEqual(labels(noon, noon + 24 * hour, 40), ["12:00", "18:00", "11-23", "06:00"])
    assert.deepStrictEqual(labels(noon, noon + 3_000_000, 40), ["12:00:00", "12:00:01", "12:00:02"])
    assert.deepStrictEqual(labels(noon, noon, 1), [])
  })
})
