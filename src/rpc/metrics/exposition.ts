/**
 * The text that Prometheus reads: format 0.0.4 of its exposition formats. An own writer is right here, as libraries
 * write what they have counted themselves, and these numbers are counted elsewhere.
 *
 *     # HELP name what it is
 *     # TYPE name counter
 *     name{label="value"} 1
 *
 * Names are ours, so a wrong one is our mistake and throws; values of labels are anybody's, and are escaped.
 */

/** What the text is, for the header. */
export const expositionType = "text/plain; version=0.0.4; charset=utf-8"

/** Labels as they are written, without braces: many metrics are of the same things. */
export interface Labels {
  readonly text: string
}

/** None. */
export const noLabels: Labels = { text: "" }

/** One number. */
export interface Series {
  readonly labels: Labels
  readonly value: number
}

/** How many of what was observed were at most as large as each bound, and larger than the last; and their sum. */
export interface HistogramSeries {
  readonly labels: Labels
  /** Ascending, in the unit of the metric. */
  readonly bounds: ReadonlyArray<number>
  /** Of each bucket alone; one more than there are bounds. */
  readonly counts: ReadonlyArray<number>
  readonly sum: number
}

interface Named {
  readonly name: string
  /** One sentence. */
  readonly help: string
}

/** A metric with all its series. */
export type Metric = Named &
  (
    | { readonly type: "counter" | "gauge"; readonly series: ReadonlyArray<Series> }
    | { readonly type: "histogram"; readonly series: ReadonlyArray<HistogramSeries> }
  )

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const labelName = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/

const escapedHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")

const special = /[\\"\n]/
const escapedValue = (value: string | number): string => {
  const text = String(value)
  return special.test(text) ? escapedHelp(text).replaceAll('"', '\\"') : text
}

const number = (value: number): string => {
  if (value === Number.POSITIVE_INFINITY) return "+Inf"
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value)
}

/** Names of labels with their values, behind those that there are. */
export const labelled = (values: Readonly<Record<string, string | number>>, { text } = noLabels): Labels => {
  const parts = text === "" ? [] : [text]
  for (const [name, value] of Object.entries(values)) {
    if (!labelName.test(name)) throw new Error(`${name} is no name of a label`)
    parts.push(`${name}="${escapedValue(value)}"`)
  }
  return { text: parts.join(",") }
}

const inBraces = ({ text }: Labels): string => (text === "" ? "" : `{${text}}`)

const histogramText = (name: string, { bounds, counts, labels, sum }: HistogramSeries): string => {
  let total = 0
  let text = ""
  for (const [at, bound] of [...bounds, Number.POSITIVE_INFINITY].entries()) {
    total += counts[at] ?? 0
    text += `${name}_bucket${inBraces(labelled({ le: number(bound) }, labels))} ${total}\n`
  }
  return `${text}${name}_sum${inBraces(labels)} ${number(sum)}\n${name}_count${inBraces(labels)} ${total}\n`
}

/** A metric's lines; one without series is told of all the same. */
export const metricText = (metric: Metric): string => {
  const { help, name, type } = metric
  if (!metricName.test(name)) throw new Error(`${name} is no name of a metric`)
  if (type === "counter" && !name.endsWith("_total")) throw new Error(`${name} is a counter, so it ends in _total`)
  let text = `# HELP ${name} ${escapedHelp(help)}\n# TYPE ${name} ${type}\n`
  if (metric.type === "histogram") for (const one of metric.series) text += histogramText(name, one)
  else for (const { labels, value } of metric.series) text += `${name}${inBraces(labels)} ${number(value)}\n`
  return text
}
