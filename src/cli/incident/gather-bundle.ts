/** Everything that goes into an incident bundle, asked of a running target, or of a state directory. */
import { Clock, Effect, Schema, Stream } from "effect"
import { pcapngOf } from "../../history/capture/pcapng-of.ts"
import { memberOf } from "../../history/describe/words.ts"
import {
  BUNDLE_FORMAT,
  BUNDLE_VERSION,
  type BundleManifest,
  bundleLimits,
  bundleNames
} from "../../history/incident/BundleManifest.ts"
import { printJson } from "../../rpc/json-print.ts"
import { CliFailure } from "../CliFailure.ts"
import { exportText } from "../log/export-text.ts"
import { ask, type LogSource } from "../log/log-source.ts"
import { RecordPage, RecordView } from "../log/RecordView.ts"
import { version } from "../version.ts"
import { incidentFile, incidentWith, keptIncidents } from "./kept-incidents.ts"
import { captureOfView, readCaptures } from "./read-captures.ts"
import { BundleFiles } from "./write-bundle.ts"

/** What is wanted: the record, and which part of the log around it, as places. */
export interface BundleWish {
  /** Undefined: the newest incident that is kept. */
  readonly around: string | undefined
  readonly minutes: number
  readonly from: string | undefined
  readonly to: string | undefined
}

/** Records of one bundle. */
const recordsMax = 200_000
/** Bytes of recorded PDUs that are asked for. */
const presentBytesMax = 16 * 1024 * 1024
/** Folding a long log without snapshots takes its time; in milliseconds. */
const stateMillis = 600_000

const StateText = Schema.Struct({ control_seq: Schema.Natural, control_hash: Schema.String, text: Schema.String })
const Shown = Schema.Struct({ record: RecordView })
const Header = Schema.fromJsonString(
  Schema.Struct({
    instance: Schema.optionalKey(Schema.String),
    genesis: Schema.optionalKey(Schema.Struct({ controlSeq: Schema.Natural }))
  })
)

/** The record that a bundle is about. */
const recordAround = (source: LogSource, around: string | undefined) =>
  Effect.gen(function* () {
    const newest = around === undefined ? (yield* keptIncidents(source)).at(-1)?.seq : undefined
    const place = around ?? (newest === undefined ? undefined : String(newest))
    if (place === undefined) {
      return yield* new CliFailure({
        message: "no incident is kept; name a record or a time of the log: --around 4711, or --around 14:03"
      })
    }
    return (yield* ask(source, Shown, "eventlog_show", { seq: place }, { timeoutMillis: stateMillis })).record
  })

const timeAt = (micros: number): string => new Date(Math.floor(micros / 1000)).toISOString()

const rangeOf = ({ at }: RecordView, { from, minutes, to }: BundleWish) => {
  const span = minutes * 60_000_000
  return { from: from ?? timeAt(Math.max(0, at - span)), to: to ?? timeAt(at + span) }
}

/** The part of the log, whole in memory. */
const logText = (source: LogSource, range: { readonly from: string; readonly to: string }) =>
  Effect.gen(function* () {
    const counted = { records: 0, last: 0 }
    const { from, text, to } = yield* exportText(source, { ...range, withSecrets: false }, counted)
    if (to - from >= recordsMax) {
      const message = `${to - from + 1} records are too many for a bundle (${recordsMax}); take less with --minutes`
      return yield* new CliFailure({ message })
    }
    const parts: Array<string> = []
    let length = 0
    yield* Stream.runForEach(text, (part) => {
      length += part.length
      parts.push(part)
      return length <= bundleLimits.fileBytes
        ? Effect.void
        : Effect.fail(new CliFailure({ message: "the records are too long for a bundle; take less with --minutes" }))
    })
    return { from, to, records: counted.records, text: parts.join("") }
  })

/** State and configuration at a record. */
const stateOf = (source: LogSource, seq: number) =>
  Effect.gen(function* () {
    const options = { timeoutMillis: stateMillis }
    const raw = yield* ask(source, StateText, "eventlog_state", { at: seq, raw: true }, options)
    const config = yield* ask(source, StateText, "eventlog_state", { at: seq }, options)
    const { control_hash, control_seq } = raw
    return { moment: { seq, control_seq, control_hash }, raw: raw.text, config: config.text }
  })

/** Facts of the host and the process that wrote a record; nothing of them is secret. */
const factNames = ["pid", "version", "node", "platform", "host", "cpus", "memoryBytes", "options", "stateDirectory"]

const processOf = (source: LogSource, seq: number) =>
  Effect.map(
    ask(source, RecordPage, "eventlog_tail", { count: 1, to: seq, type: ["ProcessStarted"] }),
    ({ records: [started] }) =>
      started === undefined
        ? {}
        : { process: Object.fromEntries(factNames.map((name) => [name, memberOf(started.payload, name)])) }
  )

/** What connections have sent and received last: those that are there now, and some that have ended. */
const addCapture = (source: LogSource, files: BundleFiles, missing: Array<string>) =>
  Effect.gen(function* () {
    const name = "now/capture.pcapng"
    const answer = yield* Effect.result(readCaptures(source.call, {}, presentBytesMax))
    if (answer._tag === "Failure") {
      missing.push(`${name}: ${answer.failure.message}`.slice(0, 500))
      return
    }
    const captures = answer.success.map(captureOfView)
    if (captures.every(({ entries }) => entries.length === 0)) return
    const words = new Map(answer.success.flatMap(({ records }) => records.map(({ seq, text }) => [seq, text] as const)))
    const file = pcapngOf(captures, { version, sentenceOf: (seq) => words.get(seq) })
    files.add(name, "The last PDUs of its connections when the bundle was made", Buffer.from(file))
  })

/** What a running target is now; what it cannot tell is said to be missing. */
const addPresent = (source: LogSource, files: BundleFiles, missing: Array<string>, from: number) =>
  Effect.gen(function* () {
    if (!source.isRunning) {
      missing.push("what the target is now: it was not running, or not asked")
      return
    }
    const questions = [
      ["lunlog_status", undefined, "now/status.json", "What the target was when the bundle was made"],
      ["lunlog_get_statistics", undefined, "now/statistics.json", "Its counters then, for each LUN and session"],
      ["lunlog_get_metrics_history", { step: 60, from }, "now/metrics.json", "Its numbers by minutes, up to then"]
    ] as const
    for (const [method, params, name, what] of questions) {
      const answer = yield* Effect.result(source.call(method, params))
      if (answer._tag === "Success") files.add(name, what, `${printJson(answer.success)}\n`)
      else missing.push(`${name}: ${answer.failure.message}`.slice(0, 500))
    }
    yield* addCapture(source, files, missing)
  })

/** The folders of incidents among the records, and of the one that the bundle is about. */
const addIncidents = (
  source: LogSource,
  files: BundleFiles,
  missing: Array<string>,
  range: { readonly seq: number; readonly from: number; readonly to: number }
) =>
  Effect.gen(function* () {
    const all = yield* keptIncidents(source)
    const own = incidentWith(all, range.seq)
    const wanted = all.filter((one) => one === own || (one.seq >= range.from && one.seq <= range.to))
    if (own === undefined) missing.push(`PDUs and numbers of the moment: nothing is kept of record ${range.seq}`)
    for (const { files: listed, seq } of wanted) {
      for (const { bytes, name } of listed) {
        if (files.fits(bytes)) {
          const content = yield* incidentFile(source, seq, name)
          files.add(`incidents/${seq}/${name}`, `What the target kept of incident ${seq}`, content)
        } else missing.push(`incidents/${seq}/${name}: ${bytes} bytes are too many`)
      }
    }
  })

/** A bundle without its report. */
export interface GatheredBundle {
  readonly files: BundleFiles
  /** Its list of files is made when all are there. */
  readonly manifest: BundleManifest
}

const recordsFile = "The records around, and the state before them, as lunlog log export writes them"

/** The log, and what it was before and after: all that says what happened. */
const addLog = (
  source: LogSource,
  files: BundleFiles,
  seq: number,
  range: { readonly from: string; readonly to: string }
) =>
  Effect.gen(function* () {
    const { from, records, text, to } = yield* logText(source, range)
    if (seq < from || seq > to) {
      const message = `record ${seq} is not among the records ${from} to ${to}; --from and --to go around it`
      return yield* new CliFailure({ message })
    }
    const header = Schema.decodeUnknownSync(Header)(text.slice(0, text.indexOf("\n")))
    // Observations may be older than the first change that the log still has.
    const before = yield* stateOf(source, Math.max(from - 1, header.genesis?.controlSeq ?? 0))
    const after = yield* stateOf(source, to)
    files.add(bundleNames.records, recordsFile, text)
    files.add(
      bundleNames.before,
      "The state before the first of them, in canonical JSON; secrets are sealed",
      before.raw
    )
    files.add(bundleNames.after, "The state after the last of them", after.raw)
    files.add(bundleNames.configBefore, "The configuration before, for lunlog apply; without secrets", before.config)
    files.add(bundleNames.configAfter, "The configuration after", after.config)
    const { instance } = header
    return {
      ...(instance === undefined ? {} : { instance }),
      records: { from, to, count: records },
      before: before.moment,
      after: after.moment
    }
  })

/** Asks for everything. */
export const gatherBundle = (source: LogSource, wish: BundleWish): Effect.Effect<GatheredBundle, CliFailure> =>
  Effect.gen(function* () {
    const record = yield* recordAround(source, wish.around)
    const { at, seq, text = "", type } = record
    const files = new BundleFiles()
    const missing: Array<string> = []
    const log = yield* addLog(source, files, seq, rangeOf(record, wish))
    yield* addIncidents(source, files, missing, { seq, ...log.records })
    yield* addPresent(source, files, missing, Math.floor(at / 1000) - wish.minutes * 60_000)
    const manifest: BundleManifest = {
      format: BUNDLE_FORMAT,
      version: BUNDLE_VERSION,
      lunlog: version,
      made_at: Number((yield* Clock.currentTimeNanos) / 1000n),
      ...(yield* processOf(source, seq)),
      incident: { seq, at, type, text },
      ...log,
      missing,
      files: []
    }
    return { files, manifest }
  }).pipe(
    // What does not fit is thrown where it is put in.
    Effect.catchDefect((defect) => (defect instanceof CliFailure ? Effect.fail(defect) : Effect.die(defect)))
  )
