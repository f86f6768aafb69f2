/** From the words behind a method's name to its parameters; every mistake names the argument and what it takes. */
import { Result } from "effect"
import { type OptionSpec, parseOptions } from "../../serve/spdk-options.ts"
import type { MethodForm, OptionForm, PositionalForm } from "./MethodForm.ts"
import type { Params } from "./value-kinds.ts"

/** `--help` was given, or the parameters; undefined if there is none, as SPDK takes no empty ones. */
export type ReadArguments = { readonly _tag: "Help" } | { readonly _tag: "Params"; readonly params: Params | undefined }

const helpOption: OptionSpec = { long: "help", short: "h", value: undefined, help: undefined }

const negated = ({ long }: OptionForm): string => `no-${long}`

const specsOf = (options: ReadonlyArray<OptionForm>): ReadonlyArray<OptionSpec> =>
  options.flatMap((option) => {
    const { long, negatable, short, value } = option
    const metavar = typeof value === "boolean" ? undefined : value.metavar
    const spec = { long, short, value: metavar, help: undefined }
    return negatable ? [spec, { ...spec, long: negated(option), short: undefined }] : [spec]
  })

/** How a positional argument is called: by its form if that says more than its name. */
export const positionalName = ({ kind, param }: PositionalForm): string =>
  /["|]/.test(kind.metavar) ? kind.metavar : param.toUpperCase()

/** The parameters so far, with the option that each came from. */
class Collector {
  readonly #params = new Map<string, unknown>()
  readonly #from = new Map<string, string>()

  put(param: string, value: unknown, shown: string): string | undefined {
    const other = this.#from.get(param)
    if (other !== undefined) return `${other} and ${shown} exclude each other`
    this.#from.set(param, shown)
    this.#params.set(param, value)
    return undefined
  }

  has(param: string): boolean {
    return this.#params.has(param)
  }

  get params(): Params {
    return Object.fromEntries(this.#params)
  }
}

const takePositionals = (
  { method, positionals }: MethodForm,
  operands: ReadonlyArray<string>,
  into: Collector
): string | undefined => {
  const extra = operands[positionals.length]
  if (extra !== undefined) {
    const most = positionals.length === 0 ? "no argument" : `at most ${positionals.length} arguments`
    return `unexpected argument ${JSON.stringify(extra.slice(0, 80))}: ${method} takes ${most}; lists need quotes`
  }
  for (const [index, form] of positionals.entries()) {
    const word = operands[index]
    if (word === undefined && form.required) return `${positionalName(form)} is missing (${form.help})`
    if (word === undefined) return undefined
    const value = form.kind.parse(word)
    if (Result.isFailure(value)) return `${positionalName(form)}: ${value.failure}`
    into.put(form.param, value.success, positionalName(form))
  }
  return undefined
}

const takeOption = (option: OptionForm, word: string | undefined, isNegated: boolean, into: Collector) => {
  const shown = `--${isNegated ? negated(option) : option.long}`
  if (typeof option.value === "boolean") return into.put(option.param, option.value !== isNegated, shown)
  const value = option.value.parse(word ?? "")
  return Result.isFailure(value) ? `${shown}: ${value.failure}` : into.put(option.param, value.success, shown)
}

const takeOptions = (
  { options }: MethodForm,
  given: ReadonlySet<string>,
  values: ReadonlyMap<string, string>,
  into: Collector
): string | undefined => {
  for (const option of options) {
    for (const [long, isNegated] of [
      [option.long, false],
      [negated(option), true]
    ] as const) {
      const isTaken = given.has(long) && (!isNegated || option.negatable)
      const problem = isTaken ? takeOption(option, values.get(long), isNegated, into) : undefined
      if (problem !== undefined) return problem
    }
  }
  const missing = options.find(({ param, required }) => required && !into.has(param))
  if (missing === undefined) return undefined
  const ways = options.filter(({ param }) => param === missing.param).flatMap((option) => shownWays(option))
  return `${ways.join(" or ")} is missing (${missing.help})`
}

const shownWays = (option: OptionForm): ReadonlyArray<string> => {
  if (typeof option.value !== "boolean") {
    const short = option.short === undefined ? "" : `-${option.short}/`
    return [`${short}--${option.long} ${option.value.metavar}`]
  }
  return option.negatable ? [`--${option.long}`, `--${negated(option)}`] : []
}

/** Reads what stands behind the method's name. */
export const readArguments = (form: MethodForm, args: ReadonlyArray<string>): Result.Result<ReadArguments, string> => {
  const takesHelp = form.options.every(({ long, short }) => long !== "help" && short !== "h")
  const specs = [...specsOf(form.options), ...(takesHelp ? [helpOption] : [])]
  const parsed = parseOptions(args, specs, "anywhere")
  if (parsed._tag === "Refused") return Result.fail(parsed.reason)
  const { given, operands, values } = parsed.options
  if (takesHelp && given.has("help")) return Result.succeed({ _tag: "Help" })
  const collector = new Collector()
  const problem = takePositionals(form, operands, collector) ?? takeOptions(form, given, values, collector)
  if (problem !== undefined) return Result.fail(problem)
  const params = form.finish === undefined ? Result.succeed(collector.params) : form.finish(collector.params)
  if (Result.isFailure(params)) return Result.fail(params.failure)
  const isEmpty = Object.keys(params.success).length === 0
  return Result.succeed({ _tag: "Params", params: isEmpty ? undefined : params.success })
}
