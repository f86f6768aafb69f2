/**
 * What the log has of the process itself: how it was started and on what, and that it has ended in order. Where the
 * latter is missing, it crashed or was killed.
 */
import { availableParallelism, hostname, release, totalmem, type } from "node:os"
import { Cause, Clock, Effect, Exit, type Scope, Stream } from "effect"
import type { EventLog } from "../../../eventlog/EventLog.ts"
import type { LogRecord, Cause as RecordCause } from "../../../eventlog/record.ts"
import { encodeObservation, type Observation, type ObservationOf } from "../../domain/observation/Observation.ts"
import { version } from "../version.ts"

type Log = EventLog["Service"]

const optionsMax = 64
const textMax = 256

const cut = (text: string): string => (text.length <= textMax ? text : `${text.slice(0, textMax)}...`)

/** No option of lunlog takes a secret; one that is mistaken for such an option must not end in the log. */
const secretOption = /^(--?[\w-]*(?:secret|password|passwd|token)[\w-]*)=.*$/isu

/** Options as they were given, within bounds. */
export const recordedOptions = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args.slice(0, optionsMax).map((arg) => cut(arg.replace(secretOption, "$1=***")))

const boot: RecordCause = { source: "boot", actor: "local" }

/** What others may have written behind the end of a process: the log itself, and `lunlog log compact`. */
const isOfNoProcess = ({ cause, type }: LogRecord): boolean => cause.source === "log" || type === "LogCompacted"

/** So many records are looked at. */
const lastRecords = 64

type PreviousEnd = ObservationOf<"ProcessStarted">["previousEnd"]

const previousEndOf = (records: ReadonlyArray<LogRecord>): PreviousEnd => {
  const last = records.findLast((record) => !isOfNoProcess(record))
  if (last === undefined || last.type === "Forked") return undefined
  return last.type === "ProcessEnded" ? "recorded" : "missing"
}

/**
 * Whether the process that has written the log so far has ended in order, as far as the log's end says; undefined if
 * there was none, or its end cannot be read. To be asked before anything is written.
 */
export const previousEndIn = (log: Log): Effect.Effect<PreviousEnd> =>
  Stream.runCollect(log.read({ from: Math.max(1, log.durable().seq - lastRecords) })).pipe(
    Effect.map(previousEndOf),
    // No start fails for it.
    Effect.catch(() => Effect.undefined)
  )

/** What is worth knowing of a start; `epochSeq` is the record of its epoch. */
export interface StartSettings {
  readonly stateDirectory: string
  readonly stateMode: string
  readonly epochSeq: number
  readonly previousEnd: PreviousEnd
}

/** Says that the process has started. */
export const observeStart = (log: Log, { epochSeq, previousEnd, ...settings }: StartSettings): void => {
  const started: Observation = {
    _tag: "ProcessStarted",
    version,
    pid: process.pid,
    options: recordedOptions(process.argv.slice(2)),
    ...settings,
    node: process.version,
    platform: `${type()} ${release()} ${process.arch}`,
    host: cut(hostname()),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    ...(previousEnd === undefined ? {} : { previousEnd })
  }
  log.observe(encodeObservation(started, { ...boot, correlationId: epochSeq }))
}

const reasonOf = (exit: Exit.Exit<unknown, unknown>, told: string | undefined): string => {
  if (Exit.isSuccess(exit)) return told ?? "it was done"
  if (Cause.hasInterruptsOnly(exit.cause)) return "a signal"
  const error = Cause.squash(exit.cause)
  return `it failed: ${cut((error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "")}`
}

/**
 * Says at the end of the scope that the process has ended, after all that is built in the scope later. `told` gives the
 * reason, if somebody has asked for the end.
 */
export const observeEnd = (log: Log, told: () => string | undefined): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis
    yield* Effect.addFinalizer((exit) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const uptimeMillis = Math.max(0, now - startedAt)
        log.observe(encodeObservation({ _tag: "ProcessEnded", reason: reasonOf(exit, told()), uptimeMillis }, boot))
      })
    )
  })
