/**
 * Options as getopt_long(3) reads them, for the command lines of SPDK and of rpc.py: `-m 0x1`, `-m0x1`,
 * `--cpumask 0x1`, `--cpumask=0x1`, and several short flags in one word. Abbreviated long options, which getopt also
 * takes, are refused: they change their meaning when an option is added.
 */
import { closest } from "../../config/native/closest.ts"

/** One option. */
export interface OptionSpec {
  /** Without dashes. */
  readonly long: string
  readonly short: string | undefined
  /** What its value is called; undefined for a flag. */
  readonly value: string | undefined
  /** Undefined for options that have no effect. */
  readonly help: string | undefined
}

/** What was given, by long name. */
export interface ParsedOptions {
  readonly given: ReadonlySet<string>
  /** The last value, which counts where there can be one. */
  readonly values: ReadonlyMap<string, string>
  /** All of them, in their order. */
  readonly allValues: ReadonlyMap<string, ReadonlyArray<string>>
  /** The words that are no options. */
  readonly operands: ReadonlyArray<string>
}

/**
 * Where operands may be: nowhere; anywhere; or at the end only, so that everything from the first of them on belongs to
 * somebody else.
 */
export type OperandPlace = "nowhere" | "anywhere" | "end"

/** All options, or why the command line is wrong. */
export type ParsedCommandLine =
  | { readonly _tag: "Parsed"; readonly options: ParsedOptions }
  | { readonly _tag: "Refused"; readonly reason: string }

interface Reading {
  readonly rest: Array<string>
  readonly specs: ReadonlyArray<OptionSpec>
  readonly given: Set<string>
  readonly values: Map<string, string>
  readonly allValues: Map<string, Array<string>>
  readonly operands: Array<string>
}

const unknownLong = ({ specs }: Reading, name: string): string => {
  const meant = closest(
    name,
    specs.map(({ long }) => long)
  )
  return `unknown option --${name}${meant === undefined ? "" : `; did you mean --${meant}?`}`
}

/** Takes the option, with its value from the same word or the next; gives a reason if there is none. */
const take = (reading: Reading, spec: OptionSpec, inline: string | undefined, shown: string): string | undefined => {
  reading.given.add(spec.long)
  if (spec.value === undefined) return inline === undefined ? undefined : `${shown} takes no value`
  const value = inline ?? reading.rest.shift()
  if (value === undefined) return `${shown} needs a value (${spec.value})`
  reading.values.set(spec.long, value)
  reading.allValues.set(spec.long, [...(reading.allValues.get(spec.long) ?? []), value])
  return undefined
}

const takeLong = (reading: Reading, word: string): string | undefined => {
  const equals = word.indexOf("=")
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals)
  const spec = reading.specs.find(({ long }) => long === name)
  if (spec === undefined) return unknownLong(reading, name)
  return take(reading, spec, equals < 0 ? undefined : word.slice(equals + 1), `--${name}`)
}

const takeShort = (reading: Reading, word: string): string | undefined => {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]
    const spec = reading.specs.find(({ short }) => short === letter)
    if (spec === undefined) return `unknown option -${letter}`
    if (spec.value !== undefined) {
      return take(reading, spec, at + 1 < word.length ? word.slice(at + 1) : undefined, `-${letter}`)
    }
    reading.given.add(spec.long)
  }
  return undefined
}

/** A number below zero is an operand, as no option is a digit. */
const isOptionWord = (word: string): boolean => /^-[^\d]/u.test(word)

const takeOperand = ({ operands, rest }: Reading, word: string, place: OperandPlace): string | undefined => {
  if (place === "nowhere") return `unexpected argument ${JSON.stringify(word.slice(0, 80))}`
  if (word !== "--") operands.push(word)
  if (word === "--" || place === "end") operands.push(...rest.splice(0))
  return undefined
}

/** Reads a command line. */
export const parseOptions = (
  args: ReadonlyArray<string>,
  specs: ReadonlyArray<OptionSpec>,
  place: OperandPlace = "nowhere"
): ParsedCommandLine => {
  const reading: Reading = {
    rest: [...args],
    specs,
    given: new Set(),
    values: new Map(),
    allValues: new Map(),
    operands: []
  }
  for (let word = reading.rest.shift(); word !== undefined; word = reading.rest.shift()) {
    let reason: string | undefined
    if (word.startsWith("--") && word.length > 2) reason = takeLong(reading, word)
    else if (isOptionWord(word) && word !== "--") reason = takeShort(reading, word)
    else reason = takeOperand(reading, word, place)
    if (reason !== undefined) return { _tag: "Refused", reason }
  }
  return { _tag: "Parsed", options: reading }
}

/** `-s, --rpc-socket PATH`. */
export const shownOption = ({ long, short, value }: OptionSpec): string =>
  `${short === undefined ? "   " : `-${short},`} --${long}${value === undefined ? "" : ` ${value}`}`

/** The usage text. */
export const usageOf = (
  program: string,
  effective: ReadonlyArray<OptionSpec>,
  ignored: ReadonlyArray<OptionSpec>
): string => {
  const width = Math.max(...effective.map((spec) => shownOption(spec).length))
  const lines = effective.map((spec) => ` ${shownOption(spec).padEnd(width)}  ${spec.help ?? ""}`)
  const others = ignored.map(({ long, short }) => (short === undefined ? `--${long}` : `-${short}/--${long}`))
  return [
    `${program} [options]`,
    "options:",
    ...lines,
    "",
    "taken without effect, so that SPDK's command lines work:",
    ...wrap(others, 100).map((line) => ` ${line}`),
    ""
  ].join("\n")
}

const wrap = (words: ReadonlyArray<string>, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
