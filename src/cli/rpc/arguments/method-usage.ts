/** What `lunlog rpc METHOD --help` prints. */
import type { MethodForm, OptionForm } from "./MethodForm.ts"
import { positionalName } from "./parse-arguments.ts"

const wayOf = ({ long, negatable, short, value }: OptionForm): string => {
  const names = `${short === undefined ? "" : `-${short}, `}--${negatable ? "[no-]" : ""}${long}`
  return typeof value === "boolean" ? names : `${names} ${value.metavar}`
}

const briefWay = ({ long, negatable, short, value }: OptionForm): string => {
  const name = short === undefined ? `--${negatable ? "[no-]" : ""}${long}` : `-${short}`
  return typeof value === "boolean" ? name : `${name} ${value.metavar}`
}

/** Old spellings need no place in the line. */
const isShown = ({ help }: OptionForm): boolean => !help.startsWith("same as ")

/** `usage: lunlog rpc METHOD ...` in one line. */
export const usageLine = (form: MethodForm): string => {
  const options = form.options
    .filter(isShown)
    .map((option) => (option.required ? briefWay(option) : `[${briefWay(option)}]`))
  const positionals = form.positionals.map((one) => (one.required ? positionalName(one) : `[${positionalName(one)}]`))
  return ["usage: lunlog rpc", form.method, ...positionals, ...options].join(" ")
}

const rows = (lines: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const width = Math.min(36, Math.max(...lines.map(([left]) => left.length)))
  return lines.map(([left, right]) =>
    left.length > width ? `  ${left}\n  ${" ".repeat(width)}  ${right}` : `  ${left.padEnd(width)}  ${right}`
  )
}

/** The whole page. */
export const methodUsage = (form: MethodForm): string => {
  const { aliases, example, help, method } = form
  const lines = [
    ...form.positionals.map((one) => [positionalName(one), one.help] as const),
    ...form.options.map((one) => [wayOf(one), one.required ? `${one.help} (must be given)` : one.help] as const)
  ]
  return [
    usageLine(form),
    "",
    help,
    ...(aliases.length === 0 ? [] : [`Old name: ${aliases.join(", ")}`]),
    ...(lines.length === 0 ? [] : ["", ...rows(lines)]),
    "",
    `Example: lunlog rpc ${[method, ...(example === undefined ? [] : [example])].join(" ")}`,
    `As JSON: lunlog rpc ${method} '{"PARAMETER": VALUE, ...}' (docs/rpc.md has the parameters)`
  ].join("\n")
}
