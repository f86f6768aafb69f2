/** Numbers of a text that Prometheus reads, by name and some of their labels. */

/** The first number with this name and these labels. */
export type MetricValues = (name: string, labels?: Readonly<Record<string, string>>) => number | undefined

const line = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/u

/** Labels here have no escapes but in what is not asked for. */
export const metricValues = (text: string): MetricValues => {
  const all = text.split("\n").flatMap((each) => {
    const [, name, labels = "", value] = line.exec(each) ?? []
    return name === undefined ? [] : [{ name, labels: `,${labels},`, value: Number(value) }]
  })
  return (name, labels = {}) =>
    all.find(
      (one) =>
        one.name === name &&
        Object.entries(labels).every(([label, wanted]) => one.labels.includes(`,${label}="${wanted}",`))
    )?.value
}
