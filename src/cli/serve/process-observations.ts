/**
 * What the log has of the process itself: how it was started and on what, and that it has ended in order. Where the
 * latter is missing, it crashed or was killed.
 */
import { availableParallelism, hostname, release, totalmem, type } from "node:os"
import { Cause, Clock, Effect, Exit, type Scope } from "effect"
import type { EventLog } from "../../../eventlog/EventLog.ts"
import type { Cause as RecordCause } from "../../../eventlog/record.ts"
import { encodeObservation, type Observation } from "../../domain/Observation.ts"
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

/** Says that the process has started; `epochSeq` is the record of its epoch. */
export const observeStart = (
  log: Log,
  { epochSeq, ...settings }: { readonly stateDirectory: string; readonly stateMode: string; readonly epochSeq: number }
): void => {
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
    memoryBytes: totalmem()
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
