/**
 * `lunlog rpc`: rpc.py of SPDK, with its arguments, for a target of lunlog's or SPDK's. One call, or with no method and
 * something on stdin the calls that stand there, one per line.
 */
import { createInterface } from "node:readline/promises"
import { Console, Effect, Result } from "effect"
import { Argument, Command } from "effect/cli"
import { CliFailure } from "../CliFailure.ts"
import { showingDrains } from "../drain-watch.ts"
import { printPretty } from "../print-json.ts"
import { printableLines } from "../printable.ts"
import { shownOption } from "../serve/spdk-options.ts"
import { table } from "../table.ts"
import type { AnswerForm, MethodForm } from "./arguments/MethodForm.ts"
import { findMethodForm, likeliestMethod, methodForms } from "./arguments/method-forms.ts"
import { methodUsage } from "./arguments/method-usage.ts"
import { configForms, runConfigCommand } from "./rpc-config.ts"
import { type RpcOptions, readRpcOptions, rpcOptionSpecs } from "./rpc-options.ts"
import { argumentsOf, requestOf } from "./rpc-request.ts"
import { type Call, makeCall } from "./rpc-session.ts"
import { shellWords } from "./shell-words.ts"

const configForm = (name: string): MethodForm | undefined => configForms.find(({ method }) => method === name)

const longsOf = (name: string): ReadonlySet<string> =>
  new Set((configForm(name) ?? findMethodForm(name))?.options.map(({ long }) => long) ?? [])

const rpcHelp = (): string =>
  [
    "usage: lunlog rpc [OPTIONS] METHOD [ARGUMENTS]",
    "       lunlog rpc [OPTIONS] METHOD '{\"PARAMETER\": VALUE, ...}'     (- reads them from stdin)",
    "       lunlog rpc [OPTIONS] < FILE                                one METHOD [ARGUMENTS] per line, # comments",
    "",
    "Call a method of a running target, with the arguments of SPDK's rpc.py. METHOD --help shows them.",
    "",
    table(
      ["OPTION", ""],
      rpcOptionSpecs.map((spec) => [shownOption(spec), spec.help ?? ""])
    ),
    "",
    table(
      ["METHOD", ""],
      [...configForms, ...methodForms].map(({ help, method }) => [method, help])
    )
  ].join("\n")

const shown = (result: unknown, answer: AnswerForm, json: boolean): string | undefined => {
  if (json || answer === "json") return printPretty(result)
  if (answer === "nothing") return undefined
  return typeof result === "string" ? result : printPretty(result)
}

/** A method that the target has not may be a slip. */
const withHint = (method: string) => (failure: CliFailure) => {
  const meant = failure.message.includes("(-32601)") ? likeliestMethod(method) : undefined
  return meant === undefined ? failure : new CliFailure({ message: `${failure.message}\n  did you mean ${meant}?` })
}

/** The target may be gone before it has answered, which is what was asked for. */
const ending = new Set(["spdk_kill_instance", "kill_instance"])
const hasNoAnswer = ({ message }: CliFailure): boolean => message.startsWith("no answer to ")

const runConfig = (form: MethodForm, args: ReadonlyArray<string>, options: RpcOptions, call: Call) =>
  Effect.gen(function* () {
    const read = yield* argumentsOf(form, options.help ? ["--help"] : args)
    if (read._tag === "Help") return yield* Console.log(read.text)
    if (options.dryRun) {
      const message = `${form.method} is made of several calls; --dry-run shows single ones`
      return yield* new CliFailure({ message })
    }
    yield* runConfigCommand(form.method, read.params ?? {}, call)
  })

/** One command: the method's name and its arguments. */
const runWords = (words: ReadonlyArray<string>, options: RpcOptions, call: Call): Effect.Effect<void, CliFailure> =>
  Effect.gen(function* () {
    const [name = "", ...args] = words
    const config = configForm(name)
    if (config !== undefined) return yield* runConfig(config, args, options, call)
    const form = options.help ? findMethodForm(name) : undefined
    if (form !== undefined) return yield* Console.log(methodUsage(form))
    const request = yield* requestOf(name, args)
    if (request._tag === "Help") return yield* Console.log(request.text)
    const { answer, method, params } = request
    if (options.dryRun) {
      return yield* Console.log(printPretty({ method, ...(params === undefined ? {} : { params }) }))
    }
    const asked = Effect.mapError(call(method, params), withHint(method))
    const calling = ending.has(method) ? Effect.catchIf(asked, hasNoAnswer, () => Effect.succeed(true)) : asked
    // Scripts that read stderr get nothing that rpc.py has not.
    const result = yield* process.stderr.isTTY ? showingDrains(options.socket, calling) : calling
    const text = shown(result, answer, options.json)
    if (text !== undefined) yield* Console.log(text)
  })

const runLine = (line: string, options: RpcOptions, call: Call): Effect.Effect<void, CliFailure> => {
  const words = shellWords(line)
  if (Result.isSuccess(words)) return runWords(words.success, options, call)
  return Effect.fail(new CliFailure({ message: `${words.failure}: ${line.slice(0, 200)}` }))
}

const statusLine = (ok: boolean) => Console.log(`**STATUS=${ok ? 0 : 1}`)

/** With `--server` a failure is told, and the next line is taken; each has a connection of its own, as with rpc.py. */
const runServed = (line: string, options: RpcOptions) =>
  Effect.scoped(Effect.flatMap(makeCall(options), (call) => runLine(line, options, call))).pipe(
    Effect.andThen(statusLine(true)),
    Effect.catch(({ message }) => Effect.andThen(Console.log(printableLines(message)), statusLine(false)))
  )

const runStdin = (options: RpcOptions, call: Call) =>
  Effect.gen(function* () {
    const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
    for (;;) {
      const next = yield* Effect.promise(() => lines.next())
      if (next.done === true) return
      const line = next.value.trim()
      if (line === "" || line.startsWith("#")) continue
      yield* options.server ? runServed(line, options) : runLine(line, options, call)
    }
  })

const run = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const read = readRpcOptions(args, longsOf)
    if (Result.isFailure(read)) {
      return yield* new CliFailure({ message: `rpc: ${read.failure}\nTry: lunlog rpc --help` })
    }
    const { options, words } = read.success
    const call = yield* makeCall(options)
    if (words.length > 0) return yield* runWords(words, options, call)
    if (options.help) return yield* Console.log(rpcHelp())
    if (process.stdin.isTTY) {
      return yield* new CliFailure({ message: "rpc: which method? lunlog rpc --help lists them" })
    }
    yield* runStdin(options, call)
  })

/** Its words are none of the command line's business: `lunlog-command.ts` puts `--` before them. */
export const rpcCommand = Command.make(
  "rpc",
  { words: Argument.String("method").pipe(Argument.variadic()) },
  Effect.fn(function* ({ words }) {
    yield* run(words)
  }, Effect.scoped)
).pipe(Command.withDescription("Call a method of a running target, with the arguments of SPDK's rpc.py or with JSON."))
