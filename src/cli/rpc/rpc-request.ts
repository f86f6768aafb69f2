/** From the words of a command line to the request that is sent; nothing here needs a target. */
import { text as readAll } from "node:stream/consumers"
import { Effect, Result } from "effect"
import { JsonParser } from "../../rpc/JsonParser.ts"
import type { JsonValue } from "../../rpc/json-value.ts"
import { CliFailure } from "../CliFailure.ts"
import type { AnswerForm, MethodForm } from "./arguments/MethodForm.ts"
import { findMethodForm, likeliestMethod } from "./arguments/method-forms.ts"
import { methodUsage, usageLine } from "./arguments/method-usage.ts"
import { type ReadArguments, readArguments } from "./arguments/parse-arguments.ts"

/** What is to be done: a call, or a page of help. */
export type RpcRequest =
  | { readonly _tag: "Help"; readonly text: string }
  | { readonly _tag: "Call"; readonly method: string; readonly params: unknown; readonly answer: AnswerForm }

const notJson = (where: string, reason: string): CliFailure =>
  new CliFailure({ message: `${where} are no JSON: ${reason}; give one object, such as '{"name":"Malloc0"}'` })

/** Numbers of any size stay as they were written. */
const parseParams = (source: string, where: string): Effect.Effect<JsonValue, CliFailure> =>
  Effect.gen(function* () {
    const parser = new JsonParser()
    parser.feed(Buffer.from(source))
    const first = parser.next() ?? parser.flush()
    if (first === undefined) return yield* notJson(where, "nothing is there, or its end is missing")
    if (first._tag === "Malformed") return yield* notJson(where, `${first.reason} (byte ${first.offset})`)
    const rest = parser.next() ?? parser.flush()
    if (rest !== undefined) return yield* notJson(where, "something follows its end")
    return first.value
  })

/** All of stdin as text. */
export const readStdin = Effect.tryPromise({
  try: () => readAll(process.stdin),
  catch: (error) => new CliFailure({ message: `stdin cannot be read: ${String(error)}` })
})

const paramsOf = (argument: string): Effect.Effect<JsonValue, CliFailure> =>
  argument === "-"
    ? Effect.flatMap(readStdin, (source) => parseParams(source, "the parameters on stdin"))
    : parseParams(argument, "the parameters")

/** The end of a sentence that says that there is no such method. */
const didYouMean = (method: string): string => {
  const meant = likeliestMethod(method)
  return meant === undefined ? "lunlog rpc rpc_get_methods lists all" : `did you mean ${meant}?`
}

/** A mistake in a method's arguments. */
const wrongArguments = (form: MethodForm, reason: string): CliFailure =>
  new CliFailure({
    message: `${form.method}: ${reason}\n${usageLine(form)}\nTry: lunlog rpc ${form.method} --help`
  })

/** Reads a form's arguments; help is a page of text. */
export const argumentsOf = (
  form: MethodForm,
  args: ReadonlyArray<string>
): Effect.Effect<ReadArguments & { readonly text: string }, CliFailure> => {
  const read = readArguments(form, args)
  if (Result.isFailure(read)) return Effect.fail(wrongArguments(form, read.failure))
  return Effect.succeed({ ...read.success, text: read.success._tag === "Help" ? methodUsage(form) : "" })
}

/** The request of a method's name and what stands behind it. Who sends JSON gets JSON. */
export const requestOf = (method: string, args: ReadonlyArray<string>): Effect.Effect<RpcRequest, CliFailure> =>
  Effect.gen(function* () {
    const [first] = args
    if (args.length === 1 && first !== undefined && /^[[{]|^-$/.test(first)) {
      return { _tag: "Call", method, params: yield* paramsOf(first), answer: "json" }
    }
    const form = findMethodForm(method)
    if (form === undefined) {
      // It may be a method of a newer target; its parameters can only come as JSON.
      if (args.length === 0) return { _tag: "Call", method, params: undefined, answer: "json" }
      const others = "Parameters of others are given as JSON."
      return yield* new CliFailure({ message: `there is no method ${method} here: ${didYouMean(method)}\n${others}` })
    }
    const read = yield* argumentsOf(form, args)
    if (read._tag === "Help") return { _tag: "Help", text: read.text }
    return { _tag: "Call", method, params: read.params, answer: form.answer }
  })
