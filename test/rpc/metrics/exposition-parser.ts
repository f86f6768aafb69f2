/**
 * Reads what Prometheus would read, and is as strict: metrics with their type and series, names, escapes and values as
 * the exposition format 0.0.4 has them. Shares no code with the writer.
 */

/** One line with a number. */
export interface ReadSeries {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
}

export interface ReadMetric {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly series: ReadonlyArray<ReadSeries>
}

const unescaped = (text: string, quoted: boolean): string => {
  let plain = ""
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === '"' && quoted) throw new Error(`a quote inside ${text}`)
    if (character !== "\\") {
      plain += character
      continue
    }
    at++
    const escaped = text.charAt(at)
    if (escaped === "n") plain += "\n"
    else if (escaped === "\\" || (quoted && escaped === '"')) plain += escaped
    else throw new Error(`an unknown escape in ${text}`)
  }
  return plain
}

/** The labels at the start of `text`, and what follows them. */
const readLabels = (text: string): { readonly labels: ReadonlyMap<string, string>; readonly rest: string } => {
  const labels = new Map<string, string>()
  if (!text.startsWith("{")) return { labels, rest: text }
  let rest = text.slice(1)
  while (!rest.startsWith("}")) {
    const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(,?)/u.exec(rest)
    if (label === null) throw new Error(`no label: ${rest}`)
    const [all, name = "", value = ""] = label
    if (labels.has(name)) throw new Error(`label ${name} twice`)
    labels.set(name, unescaped(value, true))
    rest = rest.slice(all.length)
  }
  return { labels, rest: rest.slice(1) }
}

const numberOf = (text: string): number => {
  if (text === "+Inf") return Number.POSITIVE_INFINITY
  if (text === "-Inf") return Number.NEGATIVE_INFINITY
  if (text === "NaN") return Number.NaN
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)) throw new Error(`no number: ${text}`)
  return Number(text)
}

const readSeries = (line: string): ReadSeries => {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0]
  if (name === undefined) throw new Error(`no name: ${line}`)
  const { labels, rest } = readLabels(line.slice(name.length))
  const value = /^ (\S+)$/.exec(rest)?.[1]
  if (value === undefined) throw new Error(`no value, or a time stamp: ${line}`)
  return { name, labels, value: numberOf(value) }
}

const suffixes: Readonly<Record<string, RegExp>> = {
  histogram: /^(_bucket|_sum|_count)$/,
  counter: /^$/,
  gauge: /^$/
}

const keyOf = ({ labels, name }: ReadSeries): string =>
  JSON.stringify([name, ...[...labels].sort(([a], [b]) => (a < b ? -1 : 1))])

/** Cumulative, up to the number of all. */
const checkHistogram = ({ name, series }: ReadMetric): void => {
  const last = new Map<string, number>()
  for (const { labels, name: part, value } of series) {
    const { le: _, ...others } = Object.fromEntries(labels)
    const key = JSON.stringify(others)
    if (part === `${name}_bucket`) {
      if (value < (last.get(key) ?? 0)) throw new Error(`${part} of ${key} falls`)
      last.set(key, value)
    }
    if (part === `${name}_count` && last.get(key) !== value) throw new Error(`${part} of ${key} is not its last bucket`)
  }
}

/** Reads a whole text. Throws at what Prometheus would refuse, or would take for something else. */
export const readExposition = (text: string): ReadonlyMap<string, ReadMetric> => {
  if (!text.endsWith("\n")) throw new Error("the last line has no end")
  const metrics = new Map<string, ReadMetric & { readonly series: Array<ReadSeries> }>()
  const seen = new Set<string>()
  let help: { readonly name: string; readonly text: string } | undefined
  let current: (ReadMetric & { readonly series: Array<ReadSeries> }) | undefined
  for (const line of text.slice(0, -1).split("\n")) {
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/u.exec(line) ?? []
    if (kind === "HELP") {
      help = { name, text: unescaped(rest, false) }
      continue
    }
    if (kind === "TYPE") {
      if (metrics.has(name) || help?.name !== name || suffixes[rest] === undefined) throw new Error(`wrong: ${line}`)
      current = { name, help: help.text, type: rest, series: [] }
      metrics.set(name, current)
      continue
    }
    const series = readSeries(line)
    if (current === undefined || !series.name.startsWith(current.name)) throw new Error(`of no metric: ${line}`)
    const suffix = series.name.slice(current.name.length)
    if (suffixes[current.type]?.test(suffix) !== true) throw new Error(`of another metric: ${line}`)
    if (seen.has(keyOf(series))) throw new Error(`twice: ${line}`)
    seen.add(keyOf(series))
    current.series.push(series)
  }
  for (const metric of metrics.values()) if (metric.type === "histogram") checkHistogram(metric)
  return metrics
}
