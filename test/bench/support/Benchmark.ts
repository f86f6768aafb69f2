/**
 * What all benchmarks have in common: options, the machine's description, tables for people or `--json`, and the
 * committed result, which `--record` replaces and every other run is compared with.
 */
import { parseArgs } from "node:util"
import { missingTools } from "../../support/requires-tool.ts"
import { exitOnSignals } from "./BenchFolder.ts"
import type { BenchResult, Table } from "./BenchResult.ts"
import { compareResults } from "./compare.ts"
import { committedResult, recordResult } from "./documents.ts"
import { commitNow, describeMachine, loadNow, machineText } from "./machine.ts"
import { isMet } from "./samples.ts"
import { textTable } from "./tables.ts"

/** A flag (default false), or a value with its default. */
export interface BenchOption {
  readonly about: string
  readonly default: string | boolean
  /** The value of a smoke run: as little as shows that it works. */
  readonly smoke?: string | boolean
}

/** A benchmark's options by name, without the ones that all have. */
export type BenchOptions = Readonly<Record<string, BenchOption>>

/** What a benchmark is run with. Options that were not given have their defaults. */
export interface BenchContext {
  readonly text: (option: string) => string
  readonly flag: (option: string) => boolean
  /** Throws for what is no number from 0 on. */
  readonly number: (option: string) => number
  /** A line for whoever waits; never part of the result. */
  readonly progress: (line: string) => void
}

/** One benchmark. */
export interface Benchmark {
  /** As `npm run bench -- NAME` has it. */
  readonly name: string
  readonly about: string
  readonly options: BenchOptions
  /** Commands that it cannot do without, see `test/support/tools.json`. */
  readonly tools?: ReadonlyArray<string>
  /** Commands whose version is part of the machine's description. */
  readonly peers?: ReadonlyArray<string>
  readonly run: (context: BenchContext) => Promise<ReadonlyArray<Table>>
}

/** How often and how long, in each benchmark that takes samples. */
export const roundOptions = (rounds: string, seconds: string): BenchOptions => ({
  rounds: { about: "samples of each contender, in turns", default: rounds, smoke: "1" },
  seconds: { about: "length of a sample", default: seconds, smoke: "0.2" }
})

const common: BenchOptions = {
  json: { about: "print the result as JSON", default: false },
  record: { about: "write test/bench/results, and the tables and charts of the docs", default: false },
  smoke: { about: "as little as shows that it works; the numbers mean nothing", default: false },
  help: { about: "this text", default: false }
}

type Values = Readonly<Record<string, string | boolean>>

const helpText = ({ about, name, options }: Benchmark): string => {
  const lines = Object.entries({ ...options, ...common }).map(([option, each]) => {
    const value = typeof each.default === "boolean" ? "" : `=${each.default}`
    return `  --${`${option}${value}`.padEnd(28)} ${each.about}`
  })
  return [`npm run bench -- ${name}: ${about}`, ...lines].join("\n")
}

const valuesOf = (benchmark: Benchmark, args: ReadonlyArray<string>): Values => {
  const all = { ...benchmark.options, ...common }
  const types = Object.entries(all).map(
    ([name, each]) => [name, { type: typeof each.default === "boolean" ? "boolean" : "string" }] as const
  )
  const given = parseArgs({ args: [...args], options: Object.fromEntries(types) }).values
  const smoke = given["smoke"] === true
  return Object.fromEntries(
    Object.entries(all).map(([name, each]) => {
      const value = given[name]
      const otherwise = smoke ? (each.smoke ?? each.default) : each.default
      return [name, typeof value === "string" || typeof value === "boolean" ? value : otherwise]
    })
  )
}

/** The context of a run with these options; for whoever runs a benchmark without its command line, too. */
export const contextOf = (benchmark: Benchmark, args: ReadonlyArray<string>): BenchContext => {
  const values = valuesOf(benchmark, args)
  const number = (option: string): number => {
    const value = Number(values[option])
    if (!(value >= 0)) throw new Error(`--${option} is ${values[option]}; it must be a number from 0 on`)
    return value
  }
  return {
    text: (option) => String(values[option]),
    flag: (option) => values[option] === true,
    number,
    progress: (line) => void process.stderr.write(`${line}\n`)
  }
}

/** Runs it, and describes where. */
export const resultOf = async (benchmark: Benchmark, args: ReadonlyArray<string>): Promise<BenchResult> => {
  const loadBefore = loadNow()
  const tables = await benchmark.run(contextOf(benchmark, args))
  const repeated = args.filter((arg) => arg !== "--json" && arg !== "--record")
  return {
    benchmark: benchmark.name,
    command: ["npm run bench --", benchmark.name, ...repeated].join(" "),
    date: new Date().toISOString(),
    commit: commitNow(),
    machine: await describeMachine(benchmark.peers ?? [], loadBefore),
    tables
  }
}

/** How many aims there are, and which were missed. */
const aimsText = ({ tables }: BenchResult): ReadonlyArray<string> => {
  const judged = tables.flatMap(({ rows }) =>
    rows.flatMap(({ name, ratios }) => ratios.map((each) => ({ name, each })))
  )
  const aims = judged.filter(({ each }) => isMet(each) !== undefined)
  const missed = aims.filter(({ each }) => isMet(each) === false).map(({ each, name }) => `${name} (${each.name})`)
  if (aims.length === 0) return []
  const rest = missed.length === 0 ? "" : `; missed: ${missed.join(", ")}`
  return [`${aims.length - missed.length} of ${aims.length} aims met${rest}`]
}

const report = (result: BenchResult, smoke: boolean): string => {
  const was = smoke ? undefined : committedResult(result.benchmark)
  return [
    machineText(result.machine),
    ...result.tables.map(textTable),
    [...aimsText(result), ...(was === undefined ? [] : compareResults(result, was))].join("\n")
  ].join("\n\n")
}

const isNumber = (text: string): boolean => text !== "" && Number(text) >= 0

/** Why a value is none for its option: numbers, lists of numbers and lists of names are told by the default. */
const problemOf = (option: string, value: string, standard: string): string | undefined => {
  const known = standard.split(",")
  const parts = value.split(",")
  if (known.every(isNumber)) {
    const many = known.length > 1 ? "numbers with commas between them" : "a number from 0 on"
    return parts.every(isNumber) && (known.length > 1 || parts.length === 1)
      ? undefined
      : `--${option} is ${value}; it must be ${many}`
  }
  const unknown = known.length > 1 ? parts.find((part) => !known.includes(part)) : undefined
  return unknown === undefined ? undefined : `--${option} has no '${unknown}'; there are: ${known.join(", ")}`
}

/** The options' values, or why they are none. */
export const checkedValues = (benchmark: Benchmark, args: ReadonlyArray<string>): Values | string => {
  try {
    const values = valuesOf(benchmark, args)
    if (values["smoke"] === true && values["record"] === true) {
      return "--record with --smoke would commit numbers that mean nothing"
    }
    const problems = Object.entries(benchmark.options).map(([option, each]) =>
      typeof each.default === "boolean" || values[option] === each.smoke || values[option] === each.default
        ? undefined
        : problemOf(option, String(values[option]), each.default)
    )
    return problems.find((problem) => problem !== undefined) ?? values
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/**
 * Runs a benchmark as its command does. Exit status 1: it could not run; 2: wrong options. What it comes to is never
 * judged.
 */
export const runBenchmark = async (
  benchmark: Benchmark,
  args: ReadonlyArray<string> = process.argv.slice(2)
): Promise<void> => {
  const values = checkedValues(benchmark, args)
  if (typeof values === "string") {
    process.stderr.write(`${values}\n\n${helpText(benchmark)}\n`)
    process.exitCode = 2
    return
  }
  if (values["help"] === true) return void process.stdout.write(`${helpText(benchmark)}\n`)
  exitOnSignals()
  const missing = missingTools(benchmark.tools ?? [])
  if (missing !== undefined) {
    process.stderr.write(`the benchmark '${benchmark.name}' ${missing}\n`)
    process.exitCode = 1
    return
  }
  const result = await resultOf(benchmark, args)
  process.stdout.write(
    `${values["json"] === true ? JSON.stringify(result, null, 2) : report(result, values["smoke"] === true)}\n`
  )
  if (values["record"] === true) for (const path of recordResult(result)) process.stderr.write(`wrote ${path}\n`)
}
