/**
 * Follows the event log, and keeps of each incident what is gone soon after it: the last PDUs, what was in flight, the
 * numbers of the minutes around. It never holds up the target: what cannot be kept is told as a warning, and that is
 * all.
 */
import { Clock, Effect, Layer, Result, Stream } from "effect"
import { LogArchive } from "../../../eventlog/LogArchive.ts"
import type { LogRecord } from "../../../eventlog/record.ts"
import type { DataPlane } from "../../domain/DataPlane.ts"
import { describeRecord } from "../../history/describe/describe-record.ts"
import { isIncident } from "../../history/incident/is-incident.ts"
import {
  type IncidentRecord,
  incidentFiles,
  JOINED_MAX,
  type KeptIncident
} from "../../history/incident/KeptIncident.ts"
import { printJson } from "../json-print.ts"
import type { MetricsHistory } from "../metrics/MetricsHistory.ts"
import { IncidentGate } from "./IncidentGate.ts"
import { IncidentStore } from "./IncidentStore.ts"
import { type FolderFiles, type IncidentBounds, pruneFolders, writeFolder, writeInto } from "./incident-folders.ts"
import { captureOf, inFlightNow, metricsAround, selectionOf } from "./observe-incident.ts"

/** What a target keeps. */
export interface KeeperSettings {
  readonly directory: string
  /** Of the program, for the files. */
  readonly version: string
  /** The first record that is looked at. */
  readonly from: number
  readonly bounds: IncidentBounds
}

type Services = DataPlane | LogArchive | MetricsHistory

/** How long one of the questions may take that the files are made of. */
const askWithin = "10 seconds"
/** When the numbers after it, and the PDUs of what has joined it, are kept. */
const laterAfterMillis = 60_000
/** What has joined is written this often, and what is kept later is looked for. */
const lookEvery = "2 seconds"
const warnEveryMillis = 60_000
const retryAfter = "10 seconds"

const recordOf = (record: LogRecord): IncidentRecord => ({
  seq: record.seq,
  at: record.at,
  type: record.type.slice(0, 100),
  text: describeRecord(record)
})

const withJoined = (incident: KeptIncident, record: LogRecord): KeptIncident => ({
  ...incident,
  joined: incident.joined.length < JOINED_MAX ? [...incident.joined, recordOf(record)] : incident.joined,
  joined_count: incident.joined_count + 1
})

const aboutText = (incident: KeptIncident): string => `${printJson(incident)}\n`

/** What has taken too long, or has failed by a mistake, is left out, with a sentence. */
const attempted = <A, R>(what: string, missing: Array<string>, ask: Effect.Effect<A, never, R>) =>
  ask.pipe(
    Effect.timeout(askWithin),
    Effect.catchDefect((defect) => Effect.fail(defect)),
    Effect.result,
    Effect.map((answer) => {
      if (Result.isSuccess(answer)) return answer.success
      missing.push(`${what}: ${String(answer.failure).slice(0, 400)}`)
      return undefined
    })
  )

/** One per target. */
class Keeper {
  readonly #settings: KeeperSettings
  readonly #gate = new IncidentGate()
  /** Those of this process, by seq; and which of them are not on the disk as they are here. */
  readonly #kept = new Map<number, KeptIncident>()
  readonly #changed = new Set<number>()
  /** When more is to be kept of which, the next first. */
  readonly #later: Array<{ readonly seq: number; readonly at: number }> = []
  #warnedAt = Number.NEGATIVE_INFINITY

  constructor(settings: KeeperSettings) {
    this.#settings = settings
  }

  /** Never fails. */
  take(record: LogRecord): Effect.Effect<void, never, Services> {
    // What is replayed happened to another target, at another time.
    if (!isIncident(record) || record.cause.source === "replay") return Effect.void
    return Effect.gen({ self: this }, function* () {
      const joins = this.#gate.joins(record, yield* Clock.currentTimeMillis)
      if (joins === undefined) return yield* this.#open(record)
      const incident = this.#kept.get(joins)
      if (incident === undefined) return
      this.#kept.set(joins, withJoined(incident, record))
      this.#changed.add(joins)
    })
  }

  /** Writes what has joined incidents. */
  readonly rewrite: Effect.Effect<void> = Effect.suspend(() => {
    const changed = [...this.#changed]
    this.#changed.clear()
    return Effect.forEach(changed, (seq) => this.#rewritten(seq), { discard: true })
  })

  /** Keeps what comes after incidents, of those whose time it is. */
  readonly complete: Effect.Effect<void, never, Services> = Effect.gen({ self: this }, function* () {
    const now = yield* Clock.currentTimeMillis
    for (let next = this.#later[0]; next !== undefined && next.at <= now; next = this.#later[0]) {
      this.#later.shift()
      yield* this.#completed(next.seq)
    }
  })

  /** Tells of what could not be kept, but not again and again. */
  warn(what: string, error: unknown): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now - this.#warnedAt < warnEveryMillis) return Effect.void
      this.#warnedAt = now
      const why = error instanceof Error ? error.message : String(error)
      return Effect.logWarning(`${what} could not be kept in ${this.#settings.directory}: ${why}`)
    })
  }

  #written(seq: number, write: () => Promise<void>): Effect.Effect<boolean> {
    return Effect.tryPromise({ try: write, catch: (error) => error }).pipe(
      Effect.as(true),
      Effect.catch((error) => Effect.as(this.warn(`incident ${seq}`, error), false))
    )
  }

  #rewritten(seq: number): Effect.Effect<void> {
    const incident = this.#kept.get(seq)
    if (incident === undefined) return Effect.void
    const { directory } = this.#settings
    return Effect.asVoid(this.#written(seq, () => writeInto(directory, seq, incidentFiles.about, aboutText(incident))))
  }

  #open(record: LogRecord): Effect.Effect<void, never, Services> {
    return Effect.gen({ self: this }, function* () {
      const { bounds, directory, version } = this.#settings
      const { seq } = record
      const missing: Array<string> = []
      // At once: every PDU that comes takes the place of an older one.
      const [captured, inFlight] = yield* Effect.all(
        [
          attempted("PDUs", missing, captureOf(selectionOf(record), version)),
          attempted("what was in flight", missing, inFlightNow)
        ],
        { concurrency: "unbounded" }
      )
      const metrics = yield* metricsAround(Math.floor(record.at / 1000))
      const incident: KeptIncident = {
        version: 1,
        ...recordOf(record),
        kept_at: Number((yield* Clock.currentTimeNanos) / 1000n),
        joined: [],
        joined_count: 0,
        ...(inFlight === undefined ? {} : { in_flight: inFlight }),
        ...(captured === undefined ? {} : { capture: captured.summary }),
        missing
      }
      const files: FolderFiles = new Map<string, Uint8Array | string>([
        ...(captured === undefined ? [] : [[incidentFiles.capture, captured.file] as const]),
        [incidentFiles.metrics, metrics],
        [incidentFiles.about, aboutText(incident)]
      ])
      if (!(yield* this.#written(seq, () => writeFolder(directory, seq, files)))) return
      this.#remember(incident)
      yield* this.#written(seq, () => pruneFolders(directory, bounds))
      this.#later.push({ seq, at: (yield* Clock.currentTimeMillis) + laterAfterMillis })
    })
  }

  #remember(incident: KeptIncident): void {
    this.#kept.set(incident.seq, incident)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > this.#settings.bounds.count && oldest !== undefined) this.#kept.delete(oldest)
  }

  #completed(seq: number): Effect.Effect<void, never, Services> {
    return Effect.gen({ self: this }, function* () {
      const incident = this.#kept.get(seq)
      if (incident === undefined) return
      const { bounds, directory, version } = this.#settings
      const metrics = yield* metricsAround(Math.floor(incident.at / 1000))
      const captured =
        incident.joined_count === 0 ? undefined : yield* attempted("later PDUs", [], captureOf(undefined, version))
      if (captured?.summary.content === true && incident.capture?.content !== true) {
        // Before the file itself: who may not read disks must never find it unmarked.
        this.#kept.set(seq, { ...incident, capture: { ...captured.summary, ...incident.capture, content: true } })
        yield* this.#rewritten(seq)
      }
      yield* this.#written(seq, async () => {
        await writeInto(directory, seq, incidentFiles.metrics, metrics)
        if (captured !== undefined) await writeInto(directory, seq, incidentFiles.captureLater, captured.file)
        await pruneFolders(directory, bounds)
      })
    })
  }
}

const follow = (keeper: Keeper, from: number): Effect.Effect<void, never, Services> =>
  Effect.gen(function* () {
    const log = yield* LogArchive
    let next = from
    for (;;) {
      const ended = yield* Effect.result(
        Stream.runForEach(log.subscribe(next), (record) => {
          next = record.seq + 1
          return keeper.take(record).pipe(Effect.catchDefect((defect) => keeper.warn("an incident", defect)))
        })
      )
      if (Result.isSuccess(ended)) return
      yield* keeper.warn("incidents", ended.failure)
      yield* Effect.sleep(retryAfter)
    }
  })

/** The keeper, until the scope closes, and what it has kept. With room for nothing only what is there is told. */
export const incidentKeeper = (settings: KeeperSettings): Layer.Layer<IncidentStore, never, Services> =>
  Layer.effect(
    IncidentStore,
    Effect.gen(function* () {
      const { bounds, directory, from } = settings
      if (bounds.bytes > 0) {
        const keeper = new Keeper(settings)
        yield* Effect.addFinalizer(() => keeper.rewrite)
        yield* Effect.forkScoped(follow(keeper, from))
        const turn = Effect.andThen(keeper.rewrite, keeper.complete)
        const look = turn.pipe(Effect.catchDefect((defect) => keeper.warn("what comes after an incident", defect)))
        yield* Effect.forkScoped(Effect.forever(Effect.delay(look, lookEvery)))
      }
      return IncidentStore.at(directory)
    })
  )
