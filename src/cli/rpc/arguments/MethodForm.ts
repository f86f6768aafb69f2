/**
 * How a method is written on a command line: positional arguments, options, what it prints. The tables beside this file
 * have one for every method, as rpc.py of SPDK 26.05 has it, with the old spellings of options.
 *
 * One difference: a flag that is not given is not sent, where rpc.py 26.01 and later send `false`. Every flag `--x` has
 * a `--no-x` that sends `false`.
 */
import type { Result } from "effect"
import type { Params, ValueKind } from "./value-kinds.ts"

/** An argument that is known by its place. */
export interface PositionalForm {
  readonly param: string
  readonly kind: ValueKind
  readonly help: string
  readonly required: boolean
}

/** An option. */
export interface OptionForm {
  /** Without dashes. */
  readonly long: string
  readonly short: string | undefined
  readonly param: string
  /** Of the word that follows; or what a flag sends. */
  readonly value: ValueKind | boolean
  readonly help: string
  readonly required: boolean
  /** A flag that has a `--no-` of its own. */
  readonly negatable: boolean
}

/**
 * What is printed of a result: `json`, with indentation; `bare`, a string without its quotes and all else as JSON;
 * `nothing`.
 */
export type AnswerForm = "json" | "bare" | "nothing"

/** One method. */
export interface MethodForm {
  readonly method: string
  /** Names that older versions of SPDK had. */
  readonly aliases: ReadonlyArray<string>
  readonly help: string
  readonly positionals: ReadonlyArray<PositionalForm>
  readonly options: ReadonlyArray<OptionForm>
  readonly answer: AnswerForm
  /** The command line behind the method's name; undefined if it is the name alone. */
  readonly example: string | undefined
  /** Turns what was given into what is sent. */
  readonly finish: ((given: Params) => Result.Result<Params, string>) | undefined
}

type Argument = PositionalForm | OptionForm

const isOption = (argument: Argument): argument is OptionForm => "long" in argument

const paramOf = (long: string): string => long.replaceAll("-", "_")

/** A positional argument that must be there. */
export const argument = (param: string, kind: ValueKind, help: string): PositionalForm => ({
  param,
  kind,
  help,
  required: true
})

/** A positional argument that may be left out, with everything behind it. */
export const optionalArgument = (param: string, kind: ValueKind, help: string): PositionalForm => ({
  param,
  kind,
  help,
  required: false
})

/** An option with a value, for the parameter of its name unless another is given. */
export const option = (
  [short, long]: readonly [short: string, long: string],
  value: ValueKind,
  help: string,
  param = paramOf(long)
): OptionForm => ({
  long,
  short: short === "" ? undefined : short,
  param,
  value,
  help,
  required: false,
  negatable: false
})

/** An option that must be there. */
export const required = (form: OptionForm): OptionForm => ({ ...form, required: true })

/** A flag that sends `true`, unless another value is given. */
export const flag = (
  [short, long]: readonly [short: string, long: string],
  help: string,
  param = paramOf(long),
  value = true
): OptionForm => ({
  long,
  short: short === "" ? undefined : short,
  param,
  value,
  help,
  required: false,
  negatable: value && !long.startsWith("no-")
})

/** `--on` and `--no-on`, and the flags that old versions had for the two. */
export const onOff = (
  on: string,
  param: string,
  help: string,
  old?: readonly [readonly [short: string, long: string], readonly [short: string, long: string]]
): ReadonlyArray<OptionForm> => [
  flag(["", on], help, param),
  ...(old === undefined
    ? []
    : [
        { ...flag(old[0], `same as --${on}`, param), negatable: false },
        flag(old[1], `same as --no-${on}`, param, false)
      ])
]

/** A method that lists or shows something prints it, all others print nothing, unless said otherwise. */
const usualAnswer = (method: string): AnswerForm => (/_get_/.test(method) ? "json" : "nothing")

interface More {
  readonly answer?: AnswerForm
  readonly aliases?: ReadonlyArray<string>
  readonly example?: string
  readonly finish?: MethodForm["finish"]
}

/** A row of a table. */
export const method = (
  name: string,
  help: string,
  args: ReadonlyArray<Argument> = [],
  { aliases = [], answer = usualAnswer(name), example, finish }: More = {}
): MethodForm => ({
  method: name,
  aliases,
  help,
  positionals: args.flatMap((one) => (isOption(one) ? [] : [one])),
  options: args.flatMap((one) => (isOption(one) ? [one] : [])),
  answer,
  example,
  finish
})
