/** Command lines run in the tester's own process: a fifth of a second less than a process each. */

import { AsyncLocalStorage } from "node:async_hooks"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Exit } from "effect"
import { assert } from "vitest"
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

const sinks = new AsyncLocalStorage<Array<string>>()
const writeThrough = process.stdout.write.bind(process.stdout)

/** What a command writes at once, without a console between, is its output like any other. */
process.stdout.write = (chunk: string | Uint8Array, ...rest: ReadonlyArray<unknown>): boolean => {
  const sink = sinks.getStore()
  if (sink === undefined) return Reflect.apply(writeThrough, process.stdout, [chunk, ...rest])
  sink.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"))
  const done = rest.find((each) => typeof each === "function")
  if (typeof done === "function") process.nextTick(() => done())
  return true
}

/** Runs `lunlog` with arguments. */
export const lunlogHere = async (...args: ReadonlyArray<string>): Promise<Ran> => {
  const [stdout, stderr]: [Array<string>, Array<string>] = [[], []]
  const captured: Console.Console = Object.assign(Object.create(console), {
    log: (text: string) => stdout.push(`${text}\n`),
    error: (text: string) => stderr.push(`${text}\n`)
  })
  const program = runLunlog(args, noServer).pipe(
    Effect.provideService(Console.Console, captured),
    Effect.provide(NodeServices.layer)
  )
  const exit = await sinks.run(stdout, () => Effect.runPromiseExit(program))
  const failure = Exit.isSuccess(exit) ? undefined : textOf(exit.cause)
  return { stdout: stdout.join(""), stderr: stderr.join(""), failure }
}

/** What commands say that succeed, in words with one space between them, and that do not; `run` adds where to. */
export const sayings = (run: (...args: ReadonlyArray<string>) => Promise<Ran>) => ({
  prints: async (...args: ReadonlyArray<string>): Promise<string> => {
    const { failure, stdout } = await run(...args)
    assert.isUndefined(failure, `${args.join(" ")}: ${failure}`)
    return stdout.replace(/ +/g, " ").trimEnd()
  },
  refuses: async (...args: ReadonlyArray<string>): Promise<string> => {
    const { failure, stdout } = await run(...args)
    assert(failure !== undefined, `${args.join(" ")} printed ${stdout}`)
    return failure
  }
})
