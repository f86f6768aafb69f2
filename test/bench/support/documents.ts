/**
 * Results in the docs. Between `<!-- bench:NAME/TABLE -->` and `<!-- /bench -->` stands what is made of a committed
 * result: the command, the table, and its chart, a file beside the pages. `<!-- bench:NAME -->` has all tables of a
 * result.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { projectDirectory } from "../../support/target-process.ts"
import { type BenchResult, decodeBenchResult, type Table } from "./BenchResult.ts"
import { chartOf } from "./charts.ts"
import { machineText } from "./machine.ts"
import { markdownTable } from "./tables.ts"

const resultsDirectory = join(projectDirectory, "test/bench/results")
const docsDirectory = join(projectDirectory, "docs")
const chartsFolder = "charts"

/** Where the result of a benchmark is committed. */
export const resultPath = (benchmark: string): string => join(resultsDirectory, `${benchmark}.json`)

/** The committed result of a benchmark, or undefined when it has none. */
export const committedResult = (benchmark: string): BenchResult | undefined =>
  existsSync(resultPath(benchmark))
    ? decodeBenchResult(JSON.parse(readFileSync(resultPath(benchmark), "utf8")))
    : undefined

/** All benchmarks that have a committed result. */
export const committedBenchmarks = (): ReadonlyArray<string> =>
  readdirSync(resultsDirectory)
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .toSorted()

/** A file that a result leads to, with the text that it must have. */
export interface GeneratedFile {
  readonly path: string
  readonly text: string
}

const chartFile = (result: BenchResult, table: Table): string => `${result.benchmark}-${table.name}.svg`

const tableSection = (result: BenchResult, table: Table): string => {
  const drawn = chartOf(table) === undefined ? [] : [`![${table.title}](${chartsFolder}/${chartFile(result, table)})`]
  return [`${table.title}; ${table.unit}:`, markdownTable(table), ...drawn].join("\n\n")
}

/** What stands between the markers: `names` are the tables, in the result's order. */
const section = (result: BenchResult, tables: ReadonlyArray<Table>): string => {
  const { command, commit, date, machine } = result
  const origin = `\`${command}\`, ${date.slice(0, 10)}, commit \`${commit}\`: ${machineText(machine)}.`
  return [origin, ...tables.map((table) => tableSection(result, table))].join("\n\n")
}

const marker = /<!-- bench:([a-z0-9-]+)(?:\/([a-z0-9-]+))? -->\n([\s\S]*?)<!-- \/bench -->/g

/** A page with everything between markers made anew. Throws when a marker names what no result has. */
export const pageWith = (page: string, results: ReadonlyMap<string, BenchResult>): string =>
  page.replaceAll(marker, (whole, benchmark: string, name: string | undefined) => {
    const result = results.get(benchmark)
    if (result === undefined) return whole
    const tables = result.tables.filter((table) => name === undefined || table.name === name)
    if (tables.length === 0) throw new Error(`the result of ${benchmark} has no table ${name ?? "at all"}`)
    const opening = `<!-- bench:${benchmark}${name === undefined ? "" : `/${name}`} -->`
    return `${opening}\n\n${section(result, tables)}\n\n<!-- /bench -->`
  })

/** Pages and charts as all committed results want them. */
export const generatedFiles = (): ReadonlyArray<GeneratedFile> => {
  const results = new Map(committedBenchmarks().flatMap((name) => [[name, committedResult(name)] as const]))
  const known = new Map(
    [...results].flatMap(([name, result]) => (result === undefined ? [] : [[name, result] as const]))
  )
  const pages = readdirSync(docsDirectory).filter((name) => name.endsWith(".md"))
  const charts = [...known.values()].flatMap((result) =>
    result.tables.flatMap((table) => {
      const text = chartOf(table)
      const path = join(docsDirectory, chartsFolder, chartFile(result, table))
      return text === undefined ? [] : [{ path, text }]
    })
  )
  const texts = pages.map((name) => {
    const path = join(docsDirectory, name)
    return { path, text: pageWith(readFileSync(path, "utf8"), known) }
  })
  return [...charts, ...texts]
}

/** Commits nothing: writes the result's file, and every page and chart that changes with it. */
export const recordResult = (result: BenchResult): ReadonlyArray<string> => {
  mkdirSync(resultsDirectory, { recursive: true })
  writeFileSync(resultPath(result.benchmark), `${JSON.stringify(result, null, 2)}\n`)
  return [resultPath(result.benchmark), ...writeGenerated()]
}

/** Writes what is not as it should be; the paths. */
export const writeGenerated = (): ReadonlyArray<string> => {
  mkdirSync(join(docsDirectory, chartsFolder), { recursive: true })
  const changed = generatedFiles().filter(({ path, text }) => !existsSync(path) || readFileSync(path, "utf8") !== text)
  for (const { path, text } of changed) writeFileSync(path, text)
  return changed.map(({ path }) => path)
}
