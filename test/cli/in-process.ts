/** Command lines run in the tester's own process: a fifth of a second less than a process each. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Exit } from "effect"
import { CliFailure } from "../../src/cli/CliFailure.ts"
import { runLunlog } from "../../src/cli/lunlog-command.ts"

/** What a command line printed; `failure` is what `lunlog:` would stand before, with code 1. */
export interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly failure: string | undefined
}

const noServer = (): never => {
  throw new Error("this command line serves nothing")
}

const textOf = (cause: Cause.Cause<unknown>): string => {
  const failure = cause.reasons.find((reason) => reason._tag === "Fail")?.error
  if (failure instanceof CliFailure) return failure.message
  const isUsage = typeof failure === "object" && failure !== null && "_tag" in failure && failure._tag === "ShowHelp"
  return isUsage ? "wrong usage" : Cause.pretty(cause)
}

/** Runs `lunlog` with arguments. */
export const lunlogHere = async (...args: ReadonlyArray<string>): Promise<Ran> => {
  const [stdout, stderr]: [Array<string>, Array<string>] = [[], []]
  const captured: Console.Console = Object.assign(Object.create(console), {
    log: (text: string) => stdout.push(`${text}\n`),
    error: (text: string) => stderr.push(`${text}\n`)
  })
  const exit = await Effect.runPromiseExit(
    runLunlog(args, noServer).pipe(Effect.provideService(Console.Console, captured), Effect.provide(NodeServices.layer))
  )
  const failure = Exit.isSuccess(exit) ? undefined : textOf(exit.cause)
  return { stdout: stdout.join(""), stderr: stderr.join(""), failure }
}
