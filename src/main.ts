/**
 * Composition root: which program was called, with the data plane that only a server loads; signals and exit codes.
 *
 * SIGINT and SIGTERM end in order, with code 0, and so does SIGHUP where there is no file to read again; a second
 * Ctrl-C ends at once, with 130. What cannot be done ends with one message and code 1, never with a stack trace; only
 * a mistake of lunlog itself shows where it happened.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Effect, Exit } from "effect"
import { CliFailure } from "./cli/CliFailure.ts"
import { printableLines } from "./cli/printable.ts"
import { endProcess } from "./cli/serve/end-process.ts"
import { onHangup } from "./cli/serve/hangup.ts"
import type { LoadDataPlane } from "./cli/serve/serve-command.ts"
import { hasPoolCalls } from "./dataplane/bdev/file/pool-calls.ts"
import { leaveProcess } from "./dataplane/leave-process.ts"

/** A launcher and a terminal may each deliver the same Ctrl-C: within this time it is one. In milliseconds. */
const sameSignalMillis = 300
const exitCodeOfSigint = 130

const endAtOnceOnSecondInterrupt = (): void => {
  let first: number | undefined
  process.on("SIGINT", () => {
    const now = performance.now()
    first ??= now
    if (now - first > sameSignalMillis) endProcess(exitCodeOfSigint, leaveProcess, hasPoolCalls)
  })
  process.on("SIGHUP", onHangup)
}

/**
 * Output that nobody takes any more. stderr is for whoever watches: a target does not end because the watcher has, or
 * because the disk that its messages go to is full. Without a reader of stdout (`lunlog log tail | head`) there is
 * nothing left to do, and that is no failure.
 */
const surviveLostOutput = (program: string): void => {
  process.stderr.on("error", () => undefined)
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0)
    process.stderr.write(`${program}: the answer cannot be written to stdout (${error.code ?? error.message})\n`)
    process.exit(1)
  })
}

const loadDataPlane: LoadDataPlane = async () => (await import("./dataplane/DataPlaneLive.ts")).dataPlaneLayer

const programOf = async (program: "lunlog" | "iscsi_tgt", args: ReadonlyArray<string>) => {
  if (program === "iscsi_tgt") return (await import("./cli/serve/iscsi-tgt.ts")).runIscsiTgt(args, loadDataPlane)
  const { runLunlog } = await import("./cli/lunlog-command.ts")
  return runLunlog(args, loadDataPlane)
}

const report = (program: string, cause: Cause.Cause<unknown>): Effect.Effect<number> =>
  Effect.sync(() => {
    if (Cause.hasInterruptsOnly(cause)) return 0
    const failure = cause.reasons.find((reason) => reason._tag === "Fail")?.error
    if (failure instanceof CliFailure) {
      if (failure.message !== "") process.stderr.write(`${program}: ${printableLines(failure.message)}\n`)
      return failure.exitCode ?? 1
    }
    // Wrong usage: the command line's presenter has said what is wrong.
    if (failure !== undefined && isShowHelp(failure)) return failure.errors.length === 0 ? 0 : 1
    process.stderr.write(`${program}: a mistake of lunlog itself; please report it\n${Cause.pretty(cause)}\n`)
    return 1
  })

const isShowHelp = (error: unknown): error is { readonly errors: ReadonlyArray<unknown> } =>
  typeof error === "object" &&
  error !== null &&
  "_tag" in error &&
  error._tag === "ShowHelp" &&
  "errors" in error &&
  Array.isArray(error.errors)

/** Runs a command line to its end and exits. */
export const run = async (program: "lunlog" | "iscsi_tgt", args: ReadonlyArray<string>): Promise<void> => {
  surviveLostOutput(program)
  // Until the program is loaded a signal just ends the process: there is nothing to put in order.
  const commandLine = await programOf(program, args)
  endAtOnceOnSecondInterrupt()
  commandLine.pipe(
    Effect.provide(NodeServices.layer),
    Effect.exit,
    Effect.flatMap((exit) => (Exit.isSuccess(exit) ? Effect.succeed(0) : report(program, exit.cause))),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit) => {
        // What a command has said of being interrupted; else that is how it is meant to end.
        const interrupted = process.exitCode ?? 0
        const code = Exit.isSuccess(exit) ? exit.value : Cause.hasInterruptsOnly(exit.cause) ? interrupted : 1
        process.exitCode = typeof code === "number" ? code : 0
        // Sockets, timers and files that are left must not keep an ended program alive; an answer that a slow reader
        // has not taken yet must.
        const end = (): void => endProcess(typeof code === "number" ? code : 0, leaveProcess, hasPoolCalls)
        if (process.stdout.writableLength === 0) setImmediate(end)
        else process.stdout.write("", end)
      }
    })
  )
}
