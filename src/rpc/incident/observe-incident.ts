/** What is to be had of an incident when it is noticed: PDUs, what is in flight, the numbers of the minutes before. */
import { Clock, Effect } from "effect"
import { LogArchive } from "../../../eventlog/LogArchive.ts"
import type { LogRecord } from "../../../eventlog/record.ts"
import type { CaptureSelection, ConnectionCapture } from "../../domain/capture/ConnectionCapture.ts"
import { DataPlane } from "../../domain/DataPlane.ts"
import { pcapngOf } from "../../history/capture/pcapng-of.ts"
import { recordWords } from "../../history/capture/record-words.ts"
import { memberOf } from "../../history/describe/words.ts"
import { captureSummary } from "../../history/incident/capture-summary.ts"
import { type CaptureSummary, IN_FLIGHT_MAX, type InFlight } from "../../history/incident/KeptIncident.ts"
import { printJson } from "../json-print.ts"
import { sampleView } from "../methods/metrics-history.ts"
import { MetricsHistory } from "../metrics/MetricsHistory.ts"

/** Bytes of recorded PDUs of the connections that it is about, and of the others: making a file of them takes time. */
const ownBytesMax = 1024 * 1024
const otherBytesMax = 1024 * 1024
/** Numbers of so long before, in milliseconds. */
const beforeMillis = 600_000
/** Characters of a name or sentence. */
const textMax = 1000

const cut = (text: string): string => text.slice(0, textMax)

/** The connections that a record is about; undefined: it names none. */
export const selectionOf = ({ payload }: Pick<LogRecord, "payload">): CaptureSelection | undefined => {
  const text = (...names: ReadonlyArray<string>): string | undefined => {
    const found = names.map((name) => memberOf(payload, name)).find((value) => typeof value === "string")
    return typeof found === "string" && found !== "" ? found : undefined
  }
  const [target, initiatorName] = [text("targetName", "target"), text("initiatorName")]
  if (target === undefined && initiatorName === undefined) return undefined
  return {
    ...(target === undefined ? {} : { target }),
    ...(initiatorName === undefined ? {} : { initiatorName })
  }
}

/** A file, and what it holds. */
export interface Captured {
  readonly file: Uint8Array
  readonly summary: CaptureSummary
}

/** The PDUs of connections that `selection` has, and of others as far as there is room; undefined if there is none. */
export const captureOf = (
  selection: CaptureSelection | undefined,
  version: string
): Effect.Effect<Captured | undefined, never, DataPlane | LogArchive> =>
  Effect.gen(function* () {
    const { capture } = yield* DataPlane
    const own = selection === undefined ? [] : yield* capture({ ...selection, maxBytes: ownBytesMax })
    const near = new Set(own.map(({ connection }) => connection))
    const others = (yield* capture({ maxBytes: otherBytesMax })).filter(({ connection }) => !near.has(connection))
    const captures: ReadonlyArray<ConnectionCapture> = [...own, ...others]
    if (captures.every(({ entries }) => entries.length === 0)) return undefined
    const words = yield* recordWords(yield* LogArchive, captures)
    const file = pcapngOf(captures, { version, sentenceOf: (seq) => words.get(seq) })
    return { file, summary: captureSummary(captures, near, file.length) }
  })

/** What is going on. */
export const inFlightNow: Effect.Effect<InFlight, never, DataPlane> = Effect.gen(function* () {
  const { lunDrains, statistics, status } = yield* DataPlane
  // Only LUNs that have something to do: no time is later.
  const { luns, sessions } = yield* statistics.live(Number.MAX_SAFE_INTEGER)
  const { memory, warnings } = yield* status
  const busy = sessions.toSorted((a, b) => b.inFlight - a.inFlight)
  return {
    at: Number((yield* Clock.currentTimeNanos) / 1000n),
    session_count: sessions.length,
    sessions: busy.slice(0, IN_FLIGHT_MAX).map((session) => ({
      initiator: session.initiatorName,
      initiator_addr: session.initiatorAddress,
      target: session.target,
      tsih: session.tsih,
      in_flight: session.inFlight,
      unsent_bytes: session.unsentBytes
    })),
    luns: luns
      .filter(({ inFlight }) => inFlight > 0)
      .toSorted((a, b) => b.inFlight - a.inFlight)
      .slice(0, IN_FLIGHT_MAX)
      .map(({ bdev, inFlight, lun, target }) => ({ target, lun, bdev, in_flight: inFlight })),
    drains: (yield* lunDrains).slice(0, IN_FLIGHT_MAX).map(({ commandsLeft, deadlineAt, lun, target }) => ({
      target,
      lun,
      commands_left: commandsLeft,
      deadline_at: Math.round(deadlineAt * 1000)
    })),
    memory_used: memory.used,
    memory_limit: memory.limit,
    warnings: warnings.slice(0, IN_FLIGHT_MAX).map(cut)
  }
})

/** The numbers from some minutes before `at` (milliseconds) to now, as `lunlog_get_metrics_history` has them. */
export const metricsAround = (at: number): Effect.Effect<string, never, MetricsHistory> =>
  Effect.gen(function* () {
    const { samples } = yield* MetricsHistory
    const now = yield* Clock.currentTimeMillis
    return `${printJson({ now, samples: samples({ from: at - beforeMillis }).map(sampleView) })}\n`
  })
