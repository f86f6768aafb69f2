/** What a bundle tells of its incident: asked of its own log, so that it is the same wherever it is opened. */
import { Effect, Stream } from "effect"
import type { BundleManifest } from "../../history/incident/BundleManifest.ts"
import { Timeline } from "../../history/timeline/Timeline.ts"
import type { CliFailure } from "../CliFailure.ts"
import { ShownRecord } from "../log/causal-tree.ts"
import { ask, type LogSource } from "../log/log-source.ts"
import { changedObjects, type ObjectChange } from "../log/object-changes.ts"
import { RecordPage, type RecordView } from "../log/RecordView.ts"
import { keptIncidents, type ListedIncident } from "./kept-incidents.ts"

/** Records of a list; more are counted. */
const problemsMax = 40
const aroundMax = 20
const changesMax = 60
/** Columns of the picture. */
const cells = 100

/** Everything that is printed of a bundle. */
export interface IncidentReport {
  readonly manifest: BundleManifest
  /** The record, with what led to it and what came of it. */
  readonly shown: ShownRecord
  /** The records that say that something went wrong: of many the last ones up to it, and the first ones after it. */
  readonly problems: ReadonlyArray<RecordView>
  readonly areAllProblems: boolean
  /** The records right before it, and right after it. */
  readonly earlier: ReadonlyArray<RecordView>
  readonly later: ReadonlyArray<RecordView>
  readonly timeline: Timeline
  /** What changed from the first record to the last. */
  readonly changes: ReadonlyArray<ObjectChange>
  readonly areAllChanges: boolean
  /** What the target had kept. */
  readonly kept: ReadonlyArray<ListedIncident>
}

/** Records next to `seq`, with it among the earlier ones. */
const around = (source: LogSource, seq: number, max: number, filter: { readonly errors?: true }) =>
  Effect.gen(function* () {
    const before = yield* ask(source, RecordPage, "eventlog_tail", { count: max, to: seq, words: true, ...filter })
    const after = yield* ask(source, RecordPage, "eventlog_read", {
      from: seq + 1,
      limit: max,
      words: true,
      ...filter
    })
    const isAll = before.earlier === undefined && after.next === undefined
    return { earlier: before.records, later: after.records, isAll }
  })

/** Asks for it. */
export const readReport = (source: LogSource, manifest: BundleManifest): Effect.Effect<IncidentReport, CliFailure> =>
  Effect.gen(function* () {
    const { after, before, incident, records } = manifest
    const shown = yield* ask(source, ShownRecord, "eventlog_show", { seq: incident.seq })
    const problems = yield* around(source, incident.seq, problemsMax / 2, { errors: true })
    const near = yield* around(source, incident.seq, aroundMax, {})
    const timeline = yield* ask(source, Timeline, "eventlog_timeline", {
      since: records.from,
      until: records.to,
      cells
    })
    const places = { from: String(before.seq), to: String(after.seq), by: true }
    const changes = yield* Stream.runCollect(Stream.take(changedObjects(source, places), changesMax + 1))
    return {
      manifest,
      shown,
      problems: [...problems.earlier, ...problems.later],
      areAllProblems: problems.isAll,
      earlier: near.earlier,
      later: near.later,
      timeline,
      changes: changes.slice(0, changesMax),
      areAllChanges: changes.length <= changesMax,
      kept: yield* keptIncidents(source)
    }
  })
